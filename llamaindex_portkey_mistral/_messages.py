"""Converts LlamaIndex messages and blocks to the core's messages and parts, and back.

The caller's messages are never changed. What Mistral requires of a history (order of roles, ids of tool calls)
is the core's work.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, assert_never, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from pydantic_core import to_json

from portkey_mistral.documents import document_from_data_url, document_part
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    AudioPart,
    Content,
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReferencePart,
    Role,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)

__all__ = ["from_message", "to_messages", "tool_calls"]

_ROLES: Mapping[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}

# Title of a citation made from a Mistral reference, so that it is sent back as a reference.
_REFERENCE = "mistral-reference"


def to_messages(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Convert a history, including messages written by other integrations.

    Raises:
        InvalidRequestError: a block holds content that Mistral does not take.
    """
    return tuple([_to_message(message) for message in messages])


def _to_message(message: ChatMessage) -> Message:
    role, content, extra = _ROLES[message.role], _content(message.blocks), message.additional_kwargs
    name = extra.get("name") if isinstance(extra.get("name"), str) else None
    match role:
        case "assistant":
            given = extra.get("prefix")
            prefix = given if isinstance(given, bool) else None
            calls = tool_calls(message)
            return Message(role, content, calls, name=name, prefix=prefix)
        case "tool":
            id_ = extra.get("tool_call_id")
            tool_call_id = None if id_ is None else str(id_)
            return Message(role, content, tool_call_id=tool_call_id, name=name)
        case _:
            return Message(role, content, name=name)


def _content(blocks: Sequence[ContentBlock]) -> Content:
    if len(blocks) == 1 and type(blocks[0]) is TextBlock:
        return blocks[0].text
    parts = tuple(part for block in blocks for part in _parts(block))
    match parts:
        case ():
            return ""
        case (TextPart(text),):
            return text
        case _:
            return parts


def _parts(block: ContentBlock) -> Iterator[Part]:
    return _TO_PARTS[type(block)](block)


def _text_part(block: TextBlock) -> Iterator[Part]:
    yield TextPart(block.text)


def _image_part(block: ImageBlock) -> Iterator[Part]:
    yield ImagePart(_url(block, block.image_mimetype or "image/png"), _detail(block))


def _audio_part(block: AudioBlock) -> Iterator[Part]:
    data = base64.b64encode(_read(block)).decode() if block.url is None else str(block.url)
    yield AudioPart(data, block.format)


def _document_part(block: DocumentBlock) -> Iterator[Part]:
    # Core's placeholder for a document without a title.
    name = None if block.title == "input_document" else block.title
    if block.url is None:
        name = name or (block.path and Path(block.path).name) or None
        yield document_part(_read(block), mime_type=block.document_mimetype, name=name)
    elif block.url.startswith("data:"):
        yield document_from_data_url(block.url, name=name)
    else:
        yield DocumentPart(block.url, name)


def _thinking_part(block: ThinkingBlock) -> Iterator[Part]:
    info = block.additional_information
    references = tuple(info.get("references", ()))
    if block.content or references:
        yield ThinkingPart(
            block.content or "",
            closed=info.get("closed", True),
            signature=info.get("signature"),
            references=references,
        )


def _citable_parts(block: CitableBlock) -> Iterator[Part]:
    yield TextPart(f"{block.title} ({block.source})\n")
    for inner in block.content:
        yield from _parts(inner)


def _citation_parts(block: CitationBlock) -> Iterator[Part]:
    if block.title == _REFERENCE:
        yield ReferencePart((block.additional_location_info.get("reference_id", block.source),))
        return
    yield TextPart(f"[{block.title} ({block.source})] ")
    yield from _parts(block.cited_content)


def _no_part(_: ToolCallBlock | CachePoint) -> Iterator[Part]:
    """Tool calls are a field of the message, and Mistral caches prompts without markers."""
    return iter(())


def _refuse_video(_: VideoBlock) -> Iterator[Part]:
    raise InvalidRequestError(
        "Mistral models do not accept video. Send frames as ImageBlock, or the sound as AudioBlock."
    )


_TO_PARTS: Mapping[type, Callable[[Any], Iterator[Part]]] = {
    TextBlock: _text_part,
    ImageBlock: _image_part,
    AudioBlock: _audio_part,
    DocumentBlock: _document_part,
    ThinkingBlock: _thinking_part,
    CitableBlock: _citable_parts,
    CitationBlock: _citation_parts,
    ToolCallBlock: _no_part,
    CachePoint: _no_part,
    VideoBlock: _refuse_video,
}


def _url(block: ImageBlock, mimetype: str) -> str:
    """Return the block's URL, or its bytes as a `data:` URL."""
    if block.url is not None:
        return str(block.url)
    return f"data:{mimetype};base64,{base64.b64encode(_read(block)).decode()}"


def _read(block: ImageBlock | AudioBlock | DocumentBlock) -> bytes:
    try:
        match block:
            case ImageBlock():
                return cast("bytes", block.resolve_image().read())
            case AudioBlock():
                return cast("bytes", block.resolve_audio().read())
            case DocumentBlock():
                return cast("bytes", block.resolve_document().read())
    except ValueError as error:
        raise InvalidRequestError(f"Empty {type(block).__name__}: {error}.") from error
    assert_never(block)


def _detail(block: ImageBlock) -> Literal["low", "auto", "high"] | None:
    match block.detail:
        case "low" | "auto" | "high" as detail:
            return detail
        case _:
            return None


def tool_calls(message: ChatMessage) -> tuple[ToolCall, ...]:
    """Return the tool calls of a message, including those stored by other integrations."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return tuple(
            _tool_call(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks
        )
    extra = message.additional_kwargs
    function_call = extra.get("function_call")
    stored = extra.get("tool_calls") or ([function_call] if function_call else ())
    if not isinstance(stored, list | tuple):
        raise InvalidRequestError(
            f"additional_kwargs['tool_calls'] must be a list of tool calls, got {type(stored).__name__}."
        )
    return tuple(map(_stored_call, stored))


# How other integrations store a call in `additional_kwargs`: as a dict or an object of the vendor's SDK, sometimes
# nested in another, under these names.
_WRAPPERS = ("function", "toolUse", "function_call", "functionCall")
_IDS = ("tool_call_id", "call_id", "toolUseId", "tool_use_id", "id")
_NAMES = ("name", "tool_name")
_ARGUMENTS = ("arguments", "args", "input", "parameters", "tool_kwargs")


def _stored_call(call: Any) -> ToolCall:
    inner = _first(call, _WRAPPERS)
    inner = call if inner is None else inner
    id_ = _first(call, _IDS)
    id_ = _first(inner, _IDS) if id_ is None else id_
    return _tool_call(
        None if id_ is None else str(id_),
        str(_first(inner, _NAMES) or ""),
        _first(inner, _ARGUMENTS),
    )


def _first(value: Any, names: Sequence[str]) -> Any:
    """Return the first member or attribute that is not None."""
    for name in names:
        found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if found is not None:
            return found
    return None


def _tool_call(id_: str | None, name: str, arguments: Any) -> ToolCall:
    if not isinstance(arguments, str):
        arguments = to_json({} if arguments is None else arguments, fallback=_plain).decode()
    return ToolCall(id_, name, arguments)


def _plain(value: Any) -> Any:
    """Convert what the SDKs of Google and others use for maps and lists."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Iterable) else str(value)


def from_message(
    message: Message, tool_names: Mapping[str, str], *, complete: bool, truncated: bool = False
) -> ChatMessage:
    """Convert an answer. `tool_names` maps tool names on the wire to the caller's own.

    Tool calls are given both as blocks and, as plain dicts, in `additional_kwargs`: agents read the former,
    core's streamed structured output the latter. Arguments stay text until the message is complete, and
    beyond that if they are not a JSON object, or if a truncated message has none of them.
    """
    content = message.content
    extra: dict[str, Any] = {}
    if isinstance(content, str):
        blocks: list[ContentBlock] = [TextBlock(text=content)] if content else []
    else:
        blocks = list(_blocks(content))
    if message.tool_calls:
        calls = [
            replace(call, name=tool_names.get(call.name, call.name)) for call in message.tool_calls
        ]
        blocks += [_call_block(call, complete=complete, truncated=truncated) for call in calls]
        extra["tool_calls"] = [_call_dict(call) for call in calls]
    if not isinstance(content, str):
        unknown = [dict(part.raw) for part in content if isinstance(part, UnknownPart)]
        if unknown:
            extra["unknown_parts"] = unknown
    return ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=blocks or [TextBlock(text="")],
        additional_kwargs=extra,
    )


def _blocks(parts: Sequence[Part]) -> Iterator[ContentBlock]:
    """Yield one text block for each run of text, followed by the citations within the run.

    `ChatMessage.content` joins text blocks with a newline, so a run must not be split.
    """
    for is_text, run in groupby(parts, lambda part: isinstance(part, TextPart | ReferencePart)):
        to_blocks = _text_run if is_text else _other_run
        yield from to_blocks(list(run))


def _text_run(run: Sequence[Part]) -> Iterator[ContentBlock]:
    if text := "".join(part.text for part in run if isinstance(part, TextPart)):
        yield TextBlock(text=text)
    for part in run:
        if isinstance(part, ReferencePart):
            yield from (_citation(reference) for reference in part.reference_ids)


def _other_run(run: Sequence[Part]) -> Iterator[ContentBlock]:
    for part in run:
        yield from _block(part)


def _block(part: Part) -> Iterator[ContentBlock]:
    match part:
        case ThinkingPart():
            yield ThinkingBlock(content=part.text, additional_information=_thinking_info(part))
        case ImagePart():
            yield ImageBlock(url=part.url, detail=part.detail)
        case DocumentPart():
            yield DocumentBlock(url=part.url, title=part.name)
        case AudioPart() if part.data.startswith(("http://", "https://", "data:")):
            yield AudioBlock(url=part.data, format=part.format)
        case AudioPart():
            yield AudioBlock(audio=base64.b64decode(part.data), format=part.format)
        case _:
            return


def _thinking_info(part: ThinkingPart) -> dict[str, Any]:
    info: dict[str, Any] = {} if part.closed else {"closed": False}
    if part.signature is not None:
        info["signature"] = part.signature
    if part.references:
        info["references"] = [dict(reference) for reference in part.references]
    return info


def _citation(reference: int | str) -> CitationBlock:
    return CitationBlock(
        cited_content=TextBlock(text=""),
        source=str(reference),
        title=_REFERENCE,
        additional_location_info={"reference_id": reference} if isinstance(reference, int) else {},
    )


def _call_block(call: ToolCall, *, complete: bool, truncated: bool) -> ToolCallBlock:
    arguments = _parsed(call, truncated=truncated) if complete else call.arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)


def _parsed(call: ToolCall, *, truncated: bool) -> dict[str, Any] | str:
    try:
        return call.parse_arguments(truncated=truncated)
    except ValueError:
        return call.arguments


def _call_dict(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
