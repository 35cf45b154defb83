"""Makes the chunks of a stream quickly: LangChain's constructors cost 14 us for each word, and this 0.5."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral.metadata import PROVIDER
from portkey_mistral.moulding import Blank, blank, fields_of, fits, mould

__all__ = ["as_generation", "last_chunk", "text_chunk"]


def constructed_text(text: str, message_id: str | None) -> AIMessageChunk:
    """Make a chunk of plain text as LangChain does."""
    metadata = {"model_provider": PROVIDER}
    return AIMessageChunk(content=text, id=message_id, response_metadata=metadata)


class _Message(Blank):
    """An `AIMessageChunk` to be."""


def moulded_text(text: str, message_id: str | None) -> AIMessageChunk:
    """Make the same chunk, field by field."""
    message = blank(_Message)
    message.content = text
    message.additional_kwargs = {}
    message.response_metadata = {"model_provider": PROVIDER}
    message.type = "AIMessageChunk"
    message.name = None
    message.id = message_id
    message.tool_calls = []
    message.invalid_tool_calls = []
    message.usage_metadata = None
    message.tool_call_chunks = []
    message.chunk_position = None
    message.__pydantic_fields_set__ = {"content", "id", "response_metadata"}
    message.__pydantic_extra__ = {}
    message.__pydantic_private__ = None
    message.__class__ = AIMessageChunk
    made: AIMessageChunk = message
    return made


def constructed_last(fields: dict[str, Any]) -> AIMessageChunk:
    """Make the chunk that ends an answer as LangChain does."""
    return AIMessageChunk(**fields)


_MESSAGE = fields_of(constructed_text("", None))


def moulded_last(fields: dict[str, Any]) -> AIMessageChunk:
    """Make the same chunk of the same containers, which must be nobody else's; it adds no text."""
    if fields["tool_call_chunks"]:  # LangChain reads calls in them
        return constructed_last(fields)
    own: dict[str, Any] = {"additional_kwargs": {}, "tool_calls": [], "invalid_tool_calls": []}
    return mould(AIMessageChunk, {**_MESSAGE, **own, **fields}, set(fields), {})


# What LangChain keeps of a choice beside its message, and finds in the metadata of ours.
_OF_A_CHOICE = ("finish_reason", "logprobs")


def _info(message: AIMessageChunk) -> dict[str, Any] | None:
    metadata = message.response_metadata
    return {name: metadata[name] for name in _OF_A_CHOICE if name in metadata} or None


def constructed_generation(message: AIMessageChunk) -> ChatGenerationChunk:
    """Put a chunk into what LangChain's callbacks are told of it, as LangChain does."""
    return ChatGenerationChunk(message=message, generation_info=_info(message))


_GENERATION = fields_of(ChatGenerationChunk(message=AIMessageChunk(content="")))


def moulded_generation(message: AIMessageChunk) -> ChatGenerationChunk:
    """Put a chunk into the same."""
    if not isinstance(message.content, str):  # LangChain has its own way to find the text in blocks
        return constructed_generation(message)
    given = {
        "text": message.content,
        "generation_info": _info(message),
        "message": message,
    }
    return mould(ChatGenerationChunk, {**_GENERATION, **given}, set(given))


def sample_text(
    make: Callable[..., AIMessageChunk],
    generation: Callable[[AIMessageChunk], ChatGenerationChunk],
    text: str,
) -> ChatGenerationChunk:
    """Make a chunk of plain text."""
    return generation(make(text, "1"))


def sample_last(
    make: Callable[..., AIMessageChunk],
    generation: Callable[[AIMessageChunk], ChatGenerationChunk],
    text: str,
) -> ChatGenerationChunk:
    """Make a last chunk with everything in it."""
    fields = {
        "content": "",
        "id": "1",
        "tool_call_chunks": [],
        "usage_metadata": UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3),
        "response_metadata": {"model_name": text, "finish_reason": "stop"},
        "chunk_position": "last",
    }
    return generation(make(fields))


_fit = fits(
    partial(sample_text, moulded_text, moulded_generation),
    partial(sample_text, constructed_text, constructed_generation),
) and fits(
    partial(sample_last, moulded_last, moulded_generation),
    partial(sample_last, constructed_last, constructed_generation),
)

text_chunk = moulded_text if _fit else constructed_text
"""Make the chunk that says this text and nothing else, of the message with this id."""

last_chunk = moulded_last if _fit else constructed_last
"""Make the chunk that ends an answer, of fields of its message."""

as_generation = moulded_generation if _fit else constructed_generation
"""Put a chunk into what LangChain's callbacks are told of it."""
