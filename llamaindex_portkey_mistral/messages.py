"""LlamaIndex messages and blocks <-> the core's messages and parts.

Nothing here changes a message that the caller holds. What Mistral demands of a history (order of roles,
ids of tool calls) is the core's work.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
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
from pydantic_core import from_json, to_json

from llamaindex_portkey_mistral.answers import spoken
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
from portkey_mistral.tool_names import wire_name

__all__ = ["from_message", "to_messages"]

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

# Marks the citations that we made from Mistral's references, so that they go back as references.
_REFERENCE = "mistral-reference"


def to_messages(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Read a history, whoever's class made it.

    Raises:
        InvalidRequestError: it holds what Mistral cannot take.
    """
    return tuple([_to_message(message) for message in messages])


def _to_message(message: ChatMessage) -> Message:
    role, content, extra = _ROLES[message.role], _content(message.blocks), message.additional_kwargs
    match role:
        case "assistant":
            prefix = extra.get("prefix") is True
            return Message(role, content, tool_calls=_tool_calls(message), prefix=prefix)
        case "tool":
            answered, name = extra.get("tool_call_id"), extra.get("name")
            return Message(role, content, tool_call_id=answered, name=name)
        case _:
            return Message(role, content)


def _content(blocks: Sequence[ContentBlock]) -> Content:
    if len(blocks) == 1 and type(blocks[0]) is TextBlock:  # almost every message
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
    return _READERS[type(block)](block)


def _text_part(block: TextBlock) -> Iterator[Part]:
    yield TextPart(block.text)


def _image_part(block: ImageBlock) -> Iterator[Part]:
    yield ImagePart(_url_of(block, block.image_mimetype or "image/png"), _detail(block))


def _audio_part(block: AudioBlock) -> Iterator[Part]:
    sound = base64.b64encode(_bytes_of(block)).decode() if block.url is None else str(block.url)
    yield AudioPart(sound, block.format)


def _document_part(block: DocumentBlock) -> Iterator[Part]:
    url = _url_of(block, block.document_mimetype or "application/pdf")
    yield DocumentPart(url, block.title)


def _thinking_part(block: ThinkingBlock) -> Iterator[Part]:
    facts = block.additional_information
    references = tuple(facts.get("references", ()))
    if block.content or references:
        yield ThinkingPart(
            block.content or "",
            closed=facts.get("closed", True),
            signature=facts.get("signature"),
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
    """Calls have a field of their own, and Mistral caches prompts by itself."""
    return iter(())


def _refuse_video(_: VideoBlock) -> Iterator[Part]:
    raise InvalidRequestError(
        "Mistral models take no video. Send single frames as ImageBlock, or the sound as AudioBlock."
    )


_READERS: Mapping[type, Callable[[Any], Iterator[Part]]] = {
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


def _url_of(block: ImageBlock | DocumentBlock, mimetype: str) -> str:
    """Return the block's own URL, or its bytes as a `data:` URL."""
    if block.url is not None:
        return str(block.url)
    return f"data:{mimetype};base64,{base64.b64encode(_bytes_of(block)).decode()}"


def _bytes_of(block: ImageBlock | AudioBlock | DocumentBlock) -> bytes:
    try:
        match block:
            case ImageBlock():
                return cast("bytes", block.resolve_image().read())
            case AudioBlock():
                return cast("bytes", block.resolve_audio().read())
            case DocumentBlock():
                return cast("bytes", block.resolve_document().read())
    except ValueError as error:
        raise InvalidRequestError(f"An empty {type(block).__name__}: {error}.") from error
    assert_never(block)


def _detail(block: ImageBlock) -> Literal["low", "auto", "high"] | None:
    match block.detail:
        case "low" | "auto" | "high" as detail:
            return detail
        case _:
            return None


def _tool_calls(message: ChatMessage) -> tuple[ToolCall, ...]:
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return tuple(
            _call(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks
        )
    return tuple(_foreign_call(call) for call in message.additional_kwargs.get("tool_calls") or ())


def _foreign_call(call: Any) -> ToolCall:
    """Read a call as other integrations keep it: a dict or an SDK's object, nested or flat."""
    get = _getter(call)
    function = get("function")
    inner = _getter(function) if function is not None else get
    given = (inner("arguments"), inner("args"))
    arguments: Any = next((found for found in given if found is not None), {})
    return _call(get("id"), inner("name") or "", arguments)


def _getter(value: Any) -> Callable[[str], Any]:
    if isinstance(value, Mapping):
        return value.get
    return lambda name: getattr(value, name, None)


def _call(id_: str | None, name: str, arguments: Any) -> ToolCall:
    text = arguments if isinstance(arguments, str) else to_json(arguments).decode()
    return ToolCall(id_, wire_name(name), text or "{}")


def from_message(message: Message, names: Mapping[str, str]) -> ChatMessage:
    """Show an answer as LlamaIndex does. `names` maps tool names on the wire to the caller's own.

    Tool calls stand both in blocks and, as plain dicts, in `additional_kwargs`: agents read the one,
    streamed structured output the other.
    """
    if isinstance(message.content, str) and not message.tool_calls:
        return spoken([TextBlock(text=message.content)], {})
    calls = [replace(call, name=names.get(call.name, call.name)) for call in message.tool_calls]
    blocks = [*_blocks(message.content), *map(_call_block, calls)]
    extra: dict[str, Any] = {}
    if calls:
        extra["tool_calls"] = [_call_dict(call) for call in calls]
    parts = () if isinstance(message.content, str) else message.content
    if unknown := [dict(part.raw) for part in parts if isinstance(part, UnknownPart)]:
        extra["unknown_parts"] = unknown
    return spoken(blocks or [TextBlock(text="")], extra)


def _blocks(content: Content) -> Iterator[ContentBlock]:
    """Give each run of text one block, references within the run behind it.

    `ChatMessage.content` puts a line break between text blocks, so a run must never be split.
    """
    if isinstance(content, str):
        if content:
            yield TextBlock(text=content)
        return
    for textual, run in groupby(content, lambda part: isinstance(part, TextPart | ReferencePart)):
        show = _text_run if textual else _other_run
        yield from show(list(run))


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
            yield ThinkingBlock(content=part.text, additional_information=_thinking_facts(part))
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


def _thinking_facts(part: ThinkingPart) -> dict[str, Any]:
    facts: dict[str, Any] = {} if part.closed else {"closed": False}
    if part.signature is not None:
        facts["signature"] = part.signature
    if part.references:
        facts["references"] = [dict(reference) for reference in part.references]
    return facts


def _citation(reference: int | str) -> CitationBlock:
    return CitationBlock(
        cited_content=TextBlock(text=""),
        source=str(reference),
        title=_REFERENCE,
        additional_location_info={"reference_id": reference} if isinstance(reference, int) else {},
    )


def _call_block(call: ToolCall) -> ToolCallBlock:
    return ToolCallBlock(
        tool_call_id=call.id, tool_name=call.name, tool_kwargs=_as_object(call.arguments)
    )


def _as_object(arguments: str) -> dict[str, Any] | str:
    """Return the arguments as a dict where they are a whole JSON object, else the text as it is."""
    if not arguments.endswith("}"):
        return arguments
    try:
        value = from_json(arguments)
    except ValueError:
        return arguments
    return value if isinstance(value, dict) else arguments


def _call_dict(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
