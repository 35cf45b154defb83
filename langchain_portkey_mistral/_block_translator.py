"""Converts our messages to standard content blocks, for LangChain's `message.content_blocks`.

The content consists of standard blocks already; this adds the blocks of tool calls and the index of plain text.
Importing the package registers the translator for our `model_provider`.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import ContentBlock

from langchain_portkey_mistral._chunks import TEXT_INDEX
from langchain_portkey_mistral._metadata import PROVIDER
from langchain_portkey_mistral._to_langchain import invalid_call_as_received

__all__ = ["register", "translate", "translate_chunk"]

Content: TypeAlias = str | list[str | dict[Any, Any]]

# With `output_version="v1"` the content repeats the tool calls; they are taken from `tool_calls` only.
_TOOL_CALL_TYPES = ("tool_call", "tool_call_chunk", "invalid_tool_call")


def register() -> None:
    """Register the translator with LangChain."""
    register_translator(PROVIDER, translate, translate_chunk)


def translate(message: AIMessage) -> list[ContentBlock]:
    """Convert a whole message."""
    blocks = [*_content_blocks(message.content), *_tool_calls(message)]
    return cast("list[ContentBlock]", blocks)


def translate_chunk(message: AIMessageChunk) -> list[ContentBlock]:
    """Convert a chunk. Tool calls are fragments until the last chunk has been merged in."""
    is_last = message.chunk_position == "last"
    calls = _tool_calls(message) if is_last else _tool_call_chunks(message)
    blocks = [*_content_blocks(message.content, text_index=TEXT_INDEX), *calls]
    return cast("list[ContentBlock]", blocks)


def _content_blocks(content: Content, *, text_index: int | None = None) -> list[dict[str, Any]]:
    """Convert content; plain text gets `text_index` as its index, if there is one."""
    index = {} if text_index is None else {"index": text_index}
    members = [content] if isinstance(content, str) else content
    blocks: list[dict[str, Any]] = []
    follows_plain_text = False
    for member in members:
        if isinstance(member, str):
            if member:
                blocks.append({"type": "text", "text": member, **index})
            follows_plain_text = bool(member)
        elif follows_plain_text and member.get("index") == TEXT_INDEX:
            # A citation of the plain text before it.
            blocks[-1] = member | {"text": blocks[-1]["text"] + member["text"]}
        elif member.get("type") not in _TOOL_CALL_TYPES:
            blocks.append(member)
            follows_plain_text = False
    return blocks


def _tool_calls(message: AIMessage) -> list[dict[str, Any]]:
    valid = [
        {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call["args"]}
        for call in message.tool_calls
    ]
    invalid = map(invalid_call_as_received, message.invalid_tool_calls)
    return valid + [dict(call) for call in invalid]


def _tool_call_chunks(message: AIMessageChunk) -> list[dict[str, Any]]:
    return [
        {"type": "tool_call_chunk"} | {key: chunk[key] for key in ("id", "name", "args", "index")}
        for chunk in message.tool_call_chunks
    ]
