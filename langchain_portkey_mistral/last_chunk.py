"""Makes the last chunk of a stream quickly, the one that tells how the answer ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from portkey_mistral.moulding import fields_of, fits, mould

__all__ = ["last_chunk"]


def constructed_last(message: dict[str, Any], info: dict[str, Any]) -> ChatGenerationChunk:
    """Make the chunk of these fields of a message as LangChain does."""
    return ChatGenerationChunk(message=AIMessageChunk(**message), generation_info=info)


_LAST = constructed_last({"content": ""}, {})
_MESSAGE, _CHUNK = fields_of(_LAST.message), fields_of(_LAST)


def moulded_last(message: dict[str, Any], info: dict[str, Any]) -> ChatGenerationChunk:
    """Make the same chunk of the same containers, which must be nobody else's; it adds no text."""
    if message["tool_call_chunks"]:  # LangChain reads calls in them
        return constructed_last(message, info)
    own: dict[str, Any] = {"additional_kwargs": {}, "tool_calls": [], "invalid_tool_calls": []}
    given: dict[str, Any] = {"text": "", "generation_info": info}
    given["message"] = mould(AIMessageChunk, {**_MESSAGE, **own, **message}, set(message), {})
    return mould(ChatGenerationChunk, {**_CHUNK, **given}, set(given))


def sample_last(make: Callable[..., ChatGenerationChunk], text: str) -> ChatGenerationChunk:
    """Make a last chunk with everything in it."""
    message = {
        "content": "",
        "tool_call_chunks": [],
        "usage_metadata": UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3),
        "response_metadata": {"model_name": text},
        "chunk_position": "last",
    }
    return make(message, {"finish_reason": "stop"})


last_chunk = (
    moulded_last
    if fits(partial(sample_last, moulded_last), partial(sample_last, constructed_last))
    else constructed_last
)
"""Make the chunk that ends an answer, of fields of its message and what else is known."""
