"""Makes the chunks of a plain text quickly: LangChain's constructors cost 14 us, once a word; this costs 1.

It lays hands on how pydantic keeps a model and on which fields LangChain's chunks have. Both may change, so
it is used only where it makes what the constructors make.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel

from langchain_portkey_mistral.metadata import PROVIDER

__all__ = ["text_chunk"]


def _putter(slot: str) -> Any:
    """Return what puts a value into a slot of a pydantic model; None, which `fits` notices, if it is gone."""
    return getattr(vars(BaseModel).get(slot), "__set__", None)


# Pydantic's own way to set these costs more than all the rest here.
_put_fields = _putter("__dict__")
_put_fields_set = _putter("__pydantic_fields_set__")
_put_extra = _putter("__pydantic_extra__")
_put_private = _putter("__pydantic_private__")
_new = object.__new__


def constructed(text: str) -> ChatGenerationChunk:
    """Make the chunk as LangChain does."""
    message = AIMessageChunk(content=text, response_metadata={"model_provider": PROVIDER})
    return ChatGenerationChunk(message=message)


_SAMPLE = constructed("")
_MESSAGE, _CHUNK = dict(_SAMPLE.message.__dict__), dict(_SAMPLE.__dict__)


def moulded(text: str) -> ChatGenerationChunk:
    """Make the same chunk without validating what is known to be valid."""
    message = _new(AIMessageChunk)
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
    _put_fields(message, fields)
    _put_fields_set(message, {"content", "response_metadata"})
    _put_extra(message, {})
    _put_private(message, None)
    chunk = _new(ChatGenerationChunk)
    _put_fields(chunk, {**_CHUNK, "text": text, "message": message})
    _put_fields_set(chunk, {"text", "message"})
    _put_extra(chunk, None)
    _put_private(chunk, None)
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
