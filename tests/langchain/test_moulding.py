"""Chunks that are made quickly are the chunks that LangChain makes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral.moulding import (
    constructed,
    constructed_last,
    last_chunk,
    moulded,
    moulded_last,
    sample_last,
    text_chunk,
)
from portkey_mistral.moulding import fits

SHARED: dict[str, object] = {}


def test_with_this_version_of_langchain_chunks_are_moulded() -> None:
    assert fits(moulded, constructed)
    assert text_chunk is moulded
    assert fits(partial(sample_last, moulded_last), partial(sample_last, constructed_last))
    assert last_chunk is moulded_last


@pytest.mark.parametrize("text", [" word", "Grüße 北京 🎉", "\n", "{"])
def test_a_moulded_chunk_is_a_constructed_one(text: str) -> None:
    ours, theirs = text_chunk(text), constructed(text)
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert dumps(ours) == dumps(theirs)
    assert ours.message.content_blocks == theirs.message.content_blocks
    assert pickle.loads(pickle.dumps(ours)) == theirs
    assert ours.model_copy(deep=True) == theirs


def test_moulded_chunks_add_up_and_share_nothing() -> None:
    one, two = text_chunk("one "), text_chunk("two")
    assert one + two == constructed("one ") + constructed("two")
    one.message.id = "run-1"
    one.message.response_metadata["seen"] = True
    one.message.additional_kwargs["seen"] = True
    assert isinstance(one.message, AIMessageChunk)
    one.message.tool_calls.append({"name": "x", "args": {}, "id": "1", "type": "tool_call"})
    assert two == constructed("two")
    assert text_chunk("three") == constructed("three")


@pytest.mark.parametrize("content", ["", []])
@pytest.mark.parametrize("usage", [None, {"input_tokens": 1, "output_tokens": 2}])
@pytest.mark.parametrize("args", [None, "{", '""]'])
def test_the_last_chunk_is_a_constructed_one(
    content: str | list[str | dict[Any, Any]], usage: Any, args: str | None
) -> None:
    pieces = [tool_call_chunk(name="f", args=args, id="1", index=1)] if args else []
    said = (content, pieces, usage and usage | {"total_tokens": 3}, {"id": "1"}, {"finish": "stop"})
    ours, theirs = last_chunk(*said), constructed_last(*said)
    assert ours == theirs
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert dumps(ours) == dumps(theirs)
    assert text_chunk("a") + ours == constructed("a") + theirs


def test_last_chunks_share_nothing() -> None:
    one, two = last_chunk("", [], None, {}, {}), last_chunk("", [], None, {}, {})
    one.message.additional_kwargs["seen"] = True
    assert isinstance(one.message, AIMessageChunk)
    one.message.invalid_tool_calls.append(
        {"name": "x", "args": "", "id": "1", "error": None, "type": "invalid_tool_call"}
    )
    assert two == constructed_last("", [], None, {}, {})


def shared(text: str) -> ChatGenerationChunk:
    chunk = moulded(text)
    chunk.message.additional_kwargs = SHARED
    return chunk


def without_a_field(text: str) -> ChatGenerationChunk:
    chunk = moulded(text)
    del chunk.message.__dict__["invalid_tool_calls"]
    return chunk


def with_other_insides(text: str) -> ChatGenerationChunk:
    chunk = moulded(text)
    chunk.__pydantic_fields_set__.add("generation_info")
    return chunk


def impossible(text: str) -> ChatGenerationChunk:
    raise TypeError(text)


def unknown(text: str) -> ChatGenerationChunk:
    raise KeyError(text)


@pytest.mark.parametrize(
    "changed", [shared, without_a_field, with_other_insides, impossible, unknown]
)
def test_where_something_is_different_chunks_are_constructed(
    changed: Callable[[str], ChatGenerationChunk],
) -> None:
    assert not fits(changed, constructed)
