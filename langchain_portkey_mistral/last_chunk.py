"""Makes the last chunk of a stream quickly, the one that tells how the answer ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk

from portkey_mistral.moulding import fields_of, fits, mould

__all__ = ["last_chunk"]


def constructed_last(
    content: str | list[str | dict[Any, Any]],
    pieces: list[ToolCallChunk],
    usage: UsageMetadata | None,
    metadata: dict[str, Any],
    info: dict[str, Any],
) -> ChatGenerationChunk:
    """Make the chunk that ends an answer as LangChain does."""
    message = AIMessageChunk(
        content=content,
        tool_call_chunks=pieces,
        usage_metadata=usage,
        response_metadata=metadata,
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message, generation_info=info)


_LAST = constructed_last("", [], None, {}, {})
_LAST_MESSAGE, _LAST_CHUNK = fields_of(_LAST.message), fields_of(_LAST)


def moulded_last(
    content: str | list[str | dict[Any, Any]],
    pieces: list[ToolCallChunk],
    usage: UsageMetadata | None,
    metadata: dict[str, Any],
    info: dict[str, Any],
) -> ChatGenerationChunk:
    """Make the same chunk of the same containers, which must be nobody else's; it adds no text."""
    if pieces:  # LangChain reads calls in them
        return constructed_last(content, pieces, usage, metadata, info)
    given = {
        "content": content,
        "tool_call_chunks": pieces,
        "usage_metadata": usage,
        "response_metadata": metadata,
        "chunk_position": "last",
    }
    own: dict[str, Any] = {"additional_kwargs": {}, "tool_calls": [], "invalid_tool_calls": []}
    message = mould(AIMessageChunk, {**_LAST_MESSAGE, **own, **given}, set(given), {})
    said = {"text": "", "generation_info": info, "message": message}
    return mould(ChatGenerationChunk, {**_LAST_CHUNK, **said}, set(said))


def sample_last(make: Callable[..., ChatGenerationChunk], text: str) -> ChatGenerationChunk:
    """Make a last chunk with everything in it."""
    usage = UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3)
    return make("", [], usage, {"model_name": text}, {"finish_reason": "stop"})


last_chunk = (
    moulded_last
    if fits(partial(sample_last, moulded_last), partial(sample_last, constructed_last))
    else constructed_last
)
"""Make the chunk that ends an answer."""
