"""The messages of a call in the form of OpenTelemetry's conventions: roles with parts. Pure.

Parts are of the types text, reasoning, tool_call, tool_call_response, uri, blob and file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from portkey_mistral._json import loads
from portkey_mistral._redaction import scrub_json
from portkey_mistral.messages import Message, Part, TextPart, ThinkingPart
from portkey_mistral.responses import ChatResponse

if TYPE_CHECKING:
    from portkey_mistral._transport.call import Call

__all__ = ["captured_content"]


def captured_content(call: Call[Any], response: object) -> dict[str, Any]:
    """Return the messages and tools of a request and the messages of its response, by the names of attributes."""
    params = call.facts.params
    found: dict[str, Any] = {"gen_ai.input.messages": list(_input_messages(params))}
    if isinstance(response, ChatResponse) and response.choices:
        found["gen_ai.output.messages"] = [
            _answer(choice.message) | {"finish_reason": choice.finish_reason}
            for choice in response.choices
        ]
    found["gen_ai.tool.definitions"] = [_tool(tool) for tool in _mappings(params.get("tools"))]
    content: dict[str, Any] = scrub_json(found, call.secrets)
    return {name: value for name, value in content.items() if value}


def _input_messages(params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for message in _mappings(params.get("messages")):
        yield _message(message)
    if isinstance(prompt := params.get("prompt"), str):
        parts = [_text(prompt)]
        if suffix := params.get("suffix"):
            parts.append({"type": "suffix", "content": suffix})
        yield {"role": "user", "parts": parts}


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list. A body that the user has overridden may hold anything, and is the server's to refuse."""
    for item in value if isinstance(value, list | tuple) else ():
        if isinstance(item, Mapping):
            yield item


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("role") == "tool":
        result = message.get("content")
        response = {
            "type": "tool_call_response",
            "id": message.get("tool_call_id"),
            "result": result if isinstance(result, str) else list(_parts(result)),
        }
        return {"role": "tool", "parts": [response]}
    calls = map(_tool_call, _mappings(message.get("tool_calls")))
    return {"role": message.get("role"), "parts": [*_parts(message.get("content")), *calls]}


def _answer(message: Message) -> dict[str, Any]:
    content = message.content
    parts = [TextPart(content)] if isinstance(content, str) else content
    calls = [_called(call.id, call.name, call.arguments) for call in message.tool_calls]
    return {"role": message.role, "parts": [*filter(None, map(_answer_part, parts)), *calls]}


def _answer_part(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart(""):
            return None
        case TextPart(text):
            return _text(text)
        case ThinkingPart(text):
            return {"type": "reasoning", "content": text}
        case _:
            return {"type": type(part).__name__.removesuffix("Part").lower()}


def _parts(content: object) -> Iterator[dict[str, Any]]:
    if isinstance(content, str):
        if content:
            yield _text(content)
        return
    for chunk in content if isinstance(content, list) else ():
        yield _part(chunk)


def _part(chunk: object) -> dict[str, Any]:
    match chunk:
        case {"type": "text", "text": text}:
            return _text(text)
        case {"type": "thinking", "thinking": thinking}:
            texts = [each.get("text", "") for each in _mappings(thinking)]
            return {"type": "reasoning", "content": "".join(map(str, texts))}
        case {"type": "image_url", "image_url": {"url": url} | str(url)}:
            return _media(url, "image")
        case {"type": "document_url", "document_url": str(url)}:
            return _media(url, "document")
        case {"type": "input_audio", "input_audio": {"data": str(data)} | str(data)}:
            return _media(data, "audio")
        case {"type": "file", "file_id": file_id}:
            return {"type": "file", "file_id": file_id}
        case Mapping():
            return dict(chunk)
        case _:
            return {"type": "unknown"}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "content": text}


def _media(address: str, modality: str) -> dict[str, Any]:
    """Return a `uri`; a `data:` URL, or bare base64, is a `blob`."""
    if "://" in address[:12]:
        return {"type": "uri", "modality": modality, "uri": address}
    head, comma, data = address.partition(",")
    mime_type = head.removeprefix("data:").partition(";")[0] if comma else None
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": data or head}


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    match call:
        case {"function": Mapping() as function}:
            return _called(call.get("id"), function.get("name"), function.get("arguments"))
        case _:
            return dict(call)


def _called(id_: object, name: object, arguments: object) -> dict[str, Any]:
    return {"type": "tool_call", "id": id_, "name": name, "arguments": _arguments(arguments)}


def _arguments(text: object) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return loads(text.encode("utf-8", "replace"))
    except ValueError:  # the model's text, as it is
        return text


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    match tool:
        case {"type": "function", "function": Mapping() as function}:
            return {"type": "function", **function}
        case _:
            return dict(tool)
