"""Makes the chunks of a plain text quickly: LangChain's constructors cost 14 us, once a word; this costs 2.

It lays hands on how pydantic keeps a model and on which fields LangChain's chunks have. Both may change, so
it is used only where it makes what the constructors make.
"""

from __future__ import annotations

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel

from langchain_portkey_mistral.metadata import PROVIDER

__all__ = ["text_chunk"]

_put = object.__setattr__


def constructed(text: str) -> ChatGenerationChunk:
    """Make the chunk as LangChain does."""
    message = AIMessageChunk(content=text, response_metadata={"model_provider": PROVIDER})
    return ChatGenerationChunk(message=message)


_SAMPLE = constructed("")
_MESSAGE, _CHUNK = dict(_SAMPLE.message.__dict__), dict(_SAMPLE.__dict__)


def moulded(text: str) -> ChatGenerationChunk:
    """Make the same chunk without validating what is known to be valid."""
    message = AIMessageChunk.__new__(AIMessageChunk)
    fields = {
        **_MESSAGE,
        "content": text,
        # No two chunks may share a container.
        "additional_kwargs": {},
        "response_metadata": {"model_provider": PROVIDER},
        "tool_calls": [],
        "invalid_tool_calls": [],
        "tool_call_chunks": [],
    }
    _put(message, "__dict__", fields)
    _put(message, "__pydantic_fields_set__", {"content", "response_metadata"})
    _put(message, "__pydantic_extra__", {})
    _put(message, "__pydantic_private__", None)
    chunk = ChatGenerationChunk.__new__(ChatGenerationChunk)
    _put(chunk, "__dict__", {**_CHUNK, "text": text, "message": message})
    _put(chunk, "__pydantic_fields_set__", {"text", "message"})
    _put(chunk, "__pydantic_extra__", None)
    _put(chunk, "__pydantic_private__", None)
    return chunk


def fits() -> bool:
    """Whether moulded chunks are like constructed ones, through and through, and share nothing."""
    try:
        one, other, wanted = moulded(" word"), moulded(" word"), constructed(" word")
        return (
            _insides(one) == _insides(wanted)
            and _insides(one.message) == _insides(wanted.message)
            and not _containers(one.message) & _containers(other.message)
        )
    except (AttributeError, TypeError, ValueError):
        return False


def _insides(model: BaseModel) -> list[object]:
    slots = [getattr(model, name) for name in BaseModel.__slots__ if name != "__dict__"]
    return [type(model), *model.__dict__.items(), *slots]


def _containers(model: BaseModel) -> set[int]:
    return {id(value) for value in model.__dict__.values() if isinstance(value, dict | list)}


text_chunk = moulded if fits() else constructed
"""Make the chunk that says this text and nothing else."""
