"""Tells LangChain how to show our messages as standard content blocks.

Content is written in standard blocks from the start, so this only adds what stands beside the content:
tool calls, and the index of plain text. Importing the package registers it under our provider's name.
"""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import ContentBlock

from langchain_portkey_mistral.metadata import PROVIDER
from langchain_portkey_mistral.streaming import TEXT_INDEX

__all__ = ["register", "translate", "translate_chunk"]


def register() -> None:
    """Make LangChain use these functions for messages whose `model_provider` is ours."""
    register_translator(PROVIDER, translate, translate_chunk)


def translate(message: AIMessage) -> list[ContentBlock]:
    """Show a whole message."""
    return _typed([*_spoken(message.content, {}), *_calls(message)])


def translate_chunk(message: AIMessageChunk) -> list[ContentBlock]:
    """Show a chunk: tool calls as pieces until the last chunk has been merged in, then whole."""
    spoken = _spoken(message.content, {"index": TEXT_INDEX})
    calls = _calls(message) if message.chunk_position == "last" else _pieces(message)
    return _typed([*spoken, *calls])


# A v1 message repeats its calls in the content; they are shown from `tool_calls` alone.
_CALLS = ("tool_call", "tool_call_chunk", "invalid_tool_call")


def _spoken(
    content: str | list[str | dict[Any, Any]], place: dict[str, Any]
) -> list[dict[str, Any]]:
    """Give the content as blocks; `place` goes onto plain text."""
    members = [content] if isinstance(content, str) else content
    blocks: list[dict[str, Any]] = []
    plain = False
    for member in members:
        if isinstance(member, str):
            plain = bool(member)
            blocks += [{"type": "text", "text": member} | place] * plain
        elif plain and member.get("index") == TEXT_INDEX:
            # A citation of the plain text, merged in after it.
            blocks[-1] = member | {"text": blocks[-1]["text"] + member["text"]}
        elif member.get("type") not in _CALLS:
            blocks.append(member)
            plain = False
    return blocks


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    valid = [
        {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call["args"]}
        for call in message.tool_calls
    ]
    invalid = [
        {"type": "invalid_tool_call"}
        | {key: call.get(key) for key in ("id", "name", "args", "error")}
        for call in message.invalid_tool_calls
    ]
    return valid + invalid


def _pieces(message: AIMessageChunk) -> list[dict[str, Any]]:
    return [
        {"type": "tool_call_chunk"} | {key: piece[key] for key in ("id", "name", "args", "index")}
        for piece in message.tool_call_chunks
    ]


def _typed(blocks: list[dict[str, Any]]) -> list[ContentBlock]:
    return cast("list[ContentBlock]", blocks)
