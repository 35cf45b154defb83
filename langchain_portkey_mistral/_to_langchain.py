"""Converts the core's answers to LangChain messages, with content in LangChain's standard blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, InvalidToolCall
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.outputs import ChatGeneration, ChatResult

from langchain_portkey_mistral._invalid_arguments import as_received
from langchain_portkey_mistral._metadata import answer_metadata, llm_output, usage_metadata
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.messages import (
    AudioPart,
    Content,
    DocumentPart,
    FilePart,
    ImagePart,
    Part,
    ReferencePart,
    TextPart,
    ThinkingPart,
    ToolCall,
    UnknownPart,
    text_of,
)
from portkey_mistral.responses import TRUNCATED, ChatResponse

__all__ = [
    "invalid_call_as_received",
    "is_plain_text",
    "to_block",
    "to_chat_result",
    "to_message_content",
    "to_tool_calls",
    "without_empty_text",
]

Block: TypeAlias = dict[str, Any]


def to_chat_result(
    response: ChatResponse, tool_names: Mapping[str, str] | None = None
) -> ChatResult:
    """Convert a response: one generation for each choice. The first carries the usage of the whole call.

    Args:
        response: The model's response.
        tool_names: The caller's names of tools by their names on the wire, where the two differ.
    """
    generations = [
        ChatGeneration(
            message=_message(response, position, tool_names),
            generation_info=drop_none(finish_reason=choice.finish_reason, logprobs=choice.logprobs),
        )
        for position, choice in enumerate(response.choices)
    ]
    return ChatResult(generations=generations, llm_output=llm_output(response))


def _message(
    response: ChatResponse, position: int, tool_names: Mapping[str, str] | None
) -> AIMessage:
    choice = response.choices[position]
    calls: Sequence[ToolCall] = choice.message.tool_calls
    if tool_names:
        calls = [replace(call, name=tool_names.get(call.name, call.name)) for call in calls]
    truncated = choice.finish_reason in TRUNCATED
    valid, invalid = to_tool_calls(calls, truncated=truncated) if calls else ([], [])
    usage = response.usage if position == 0 else None
    return AIMessage(
        content=to_message_content(choice.message.content),
        tool_calls=valid,
        invalid_tool_calls=invalid,
        usage_metadata=usage_metadata(usage) if usage else None,
        response_metadata=answer_metadata(
            response, choice.finish_reason, response.info, choice.logprobs
        ),
    )


# --- content


def to_message_content(content: Content) -> str | list[str | Block]:
    """Convert content: to a string if it is text only, else to blocks with citations on their text."""
    if isinstance(content, str):
        return content
    return text_of(content) if is_plain_text(content) else list(_merged_blocks(content))


def is_plain_text(parts: Iterable[Part]) -> bool:
    """Return whether all parts are text."""
    return all(isinstance(part, TextPart) for part in parts)


def without_empty_text(parts: Iterable[Part]) -> Iterator[Part]:
    """Leave out empty text parts: each would become a block of its own and split its neighbours."""
    return (part for part in parts if part != TextPart(""))


def _merged_blocks(parts: Iterable[Part]) -> list[Block]:
    """Convert parts in order; a citation is added to the text before it."""
    blocks: list[Block] = []
    for part in without_empty_text(parts):
        block = to_block(part)
        previous = blocks[-1] if blocks else None
        if isinstance(part, ReferencePart) and previous and previous["type"] == "text":
            previous["annotations"] = [*previous.get("annotations", ()), *block["annotations"]]
        elif isinstance(part, TextPart) and previous and _can_be_continued(previous):
            previous["text"] += part.text
        else:
            blocks.append(block)
    return blocks


def _can_be_continued(block: Block) -> bool:
    return block["type"] == "text" and "annotations" not in block


def to_block(part: Part) -> Block:
    """Convert one part to one block."""
    match part:
        case TextPart(text):
            return {"type": "text", "text": text}
        case ReferencePart(reference_ids):
            citation = {"type": "citation", "extras": {"reference_ids": list(reference_ids)}}
            return {"type": "text", "text": "", "annotations": [citation]}
        case ThinkingPart():
            return _reasoning_block(part)
        case UnknownPart(raw):
            return _unknown_block(dict(raw))
        case ImagePart() | DocumentPart() | AudioPart() | FilePart():
            return _media_block(part)


def _media_block(part: ImagePart | DocumentPart | AudioPart | FilePart) -> Block:
    match part:
        case ImagePart(url):
            return {"type": "image", "url": url}
        case DocumentPart(url):
            return {"type": "file", "url": url}
        case AudioPart(data, format_):
            return {"type": "audio", "base64": data, "mime_type": f"audio/{format_ or 'wav'}"}
        case FilePart(file_id):
            return {"type": "file", "file_id": file_id}


def _reasoning_block(part: ThinkingPart) -> Block:
    extras: dict[str, Any] = {}
    if part.signature is not None:
        extras["signature"] = part.signature
    if part.references:
        extras["references"] = [dict(reference) for reference in part.references]
    if not part.closed:
        extras["closed"] = False
    block: Block = {"type": "reasoning", "reasoning": part.text}
    return block | {"extras": extras} if extras else block


def _unknown_block(raw: Block) -> Block:
    # Mistral has no refusals, but an OpenAI target of a fallback does; LangChain's parsers raise
    # `ModelRefusalError` for this block.
    if raw.get("type") == "refusal":
        return {"type": "refusal", "refusal": raw.get("refusal", "")}
    return {"type": "non_standard", "value": raw}


# --- tool calls


def to_tool_calls(
    calls: Iterable[ToolCall], *, truncated: bool
) -> tuple[list[LangChainToolCall], list[InvalidToolCall]]:
    """Parse the arguments of calls. `truncated` means that the answer was cut off.

    Returns:
        The calls, and those whose arguments are not a JSON object, with the reason in `error`.
    """
    valid: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in calls:
        try:
            arguments = call.parse_arguments(truncated=truncated)
        except ValueError as error:
            invalid.append(
                InvalidToolCall(
                    type="invalid_tool_call",
                    id=call.id,
                    name=call.name,
                    args=call.arguments,
                    error=f"The arguments are not a JSON object: {error}",
                )
            )
        else:
            valid.append(
                LangChainToolCall(name=call.name, args=arguments, id=call.id, type="tool_call")
            )
    return valid, invalid


def invalid_call_as_received(call: InvalidToolCall) -> InvalidToolCall:
    """Return an invalid call as the model wrote it. In a merged stream it has an ending of ours, and no error."""
    arguments, error = as_received(call["args"] or ""), call["error"]
    if error is None:
        received = ToolCall(call["id"], call["name"] or "", arguments)
        _, invalid = to_tool_calls([received], truncated=True)
        error = invalid[0]["error"] if invalid else None
    return InvalidToolCall(
        type="invalid_tool_call", id=call["id"], name=call["name"], args=arguments, error=error
    )
