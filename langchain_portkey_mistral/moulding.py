"""Makes the chunks of a stream quickly: LangChain's constructors cost 14 us, once a word; this costs 1.

What is made once a word is filled field by field, what is made once an answer from a dict of its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral.metadata import PROVIDER
from portkey_mistral.moulding import Blank, blank, fields_of, fits, mould

__all__ = ["last_chunk", "text_chunk"]


def constructed(text: str) -> ChatGenerationChunk:
    """Make the chunk as LangChain does."""
    message = AIMessageChunk(content=text, response_metadata={"model_provider": PROVIDER})
    return ChatGenerationChunk(message=message)


class _Message(Blank):
    """An `AIMessageChunk` to be."""


class _Chunk(Blank):
    """A `ChatGenerationChunk` to be."""


def moulded(text: str) -> ChatGenerationChunk:
    """Make the same chunk."""
    message = blank(_Message)
    message.content = text
    message.additional_kwargs = {}
    message.response_metadata = {"model_provider": PROVIDER}
    message.type = "AIMessageChunk"
    message.name = message.id = None
    message.tool_calls = []
    message.invalid_tool_calls = []
    message.usage_metadata = None
    message.tool_call_chunks = []
    message.chunk_position = None
    message.__pydantic_fields_set__ = {"content", "response_metadata"}
    message.__pydantic_extra__ = {}
    message.__pydantic_private__ = None
    message.__class__ = AIMessageChunk
    chunk = blank(_Chunk)
    chunk.text = text
    chunk.generation_info = None
    chunk.type = "ChatGenerationChunk"
    chunk.message = message
    chunk.__pydantic_fields_set__ = {"text", "message"}
    chunk.__pydantic_extra__ = chunk.__pydantic_private__ = None
    chunk.__class__ = ChatGenerationChunk
    made: ChatGenerationChunk = chunk
    return made


text_chunk = moulded if fits(moulded, constructed) else constructed
"""Make the chunk that says this text and nothing else."""


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
