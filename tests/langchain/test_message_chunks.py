"""Chunks that are made quickly are those that LangChain makes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral.message_chunks import (
    as_generation,
    constructed_generation,
    constructed_last,
    constructed_text,
    last_chunk,
    moulded_generation,
    moulded_last,
    moulded_text,
    sample_last,
    sample_text,
    text_chunk,
)
from portkey_mistral.moulding import fits

SHARED: dict[str, object] = {}


def test_with_this_version_of_langchain_chunks_are_moulded() -> None:
    assert (text_chunk, last_chunk, as_generation) == (
        moulded_text,
        moulded_last,
        moulded_generation,
    )


def assert_alike(ours: AIMessageChunk, theirs: AIMessageChunk) -> None:
    assert ours == theirs
    assert ours.model_fields_set == theirs.model_fields_set
    assert dumps(ours) == dumps(theirs)
    assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
    assert ours.content_blocks == theirs.content_blocks
    for again in (pickle.loads(pickle.dumps(ours)), ours.model_copy(deep=True)):
        assert again == theirs
    mine, its = as_generation(ours), constructed_generation(theirs)
    assert mine == its
    assert mine.model_fields_set == its.model_fields_set
    assert dumps(mine) == dumps(its)


@pytest.mark.parametrize("message_id", [None, "lc_run--1"])
@pytest.mark.parametrize("text", [" word", "Grüße 北京 🎉", "\n", "{"])
def test_a_moulded_text_is_a_constructed_one(text: str, message_id: str | None) -> None:
    assert_alike(text_chunk(text, message_id), constructed_text(text, message_id))


def said(
    content: str | list[Any] = "", pieces: tuple[ToolCallChunk, ...] = (), usage: Any = None
) -> dict[str, Any]:
    return {
        "content": content,
        "id": "lc_run--1",
        "tool_call_chunks": list(pieces),
        "usage_metadata": usage and usage | {"total_tokens": 3},
        "response_metadata": {"id": "1", "finish_reason": "stop"},
        "chunk_position": "last",
    }


@pytest.mark.parametrize("content", ["", []])
@pytest.mark.parametrize("usage", [None, {"input_tokens": 1, "output_tokens": 2}])
@pytest.mark.parametrize("args", [None, "{", '""]'])
def test_a_moulded_last_chunk_is_a_constructed_one(
    content: str | list[Any], usage: Any, args: str | None
) -> None:
    pieces = (tool_call_chunk(name="f", args=args, id="1", index=1),) if args else ()
    ours, theirs = (make(said(content, pieces, usage)) for make in (last_chunk, constructed_last))
    assert_alike(ours, theirs)
    assert text_chunk("a", "1") + ours == constructed_text("a", "1") + theirs


def test_what_langchain_keeps_of_a_choice_is_told_to_callbacks() -> None:
    metadata = {"finish_reason": "stop", "logprobs": {"content": []}, "model_name": "m"}
    told = as_generation(AIMessageChunk(content="a", response_metadata=metadata))
    assert told.generation_info == {"finish_reason": "stop", "logprobs": {"content": []}}
    assert as_generation(text_chunk("a", None)).generation_info is None


def test_the_text_of_blocks_is_told_to_callbacks() -> None:
    blocks: list[Any] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert as_generation(AIMessageChunk(content=blocks)).text == "ab"


def test_moulded_chunks_add_up_and_share_nothing() -> None:
    one, two = text_chunk("one ", "1"), text_chunk("two", "1")
    last, other = last_chunk(said()), last_chunk(said())
    assert one + two == constructed_text("one ", "1") + constructed_text("two", "1")
    for chunk in (one, last):
        chunk.id = "run-1"
        chunk.response_metadata["seen"] = True
        chunk.additional_kwargs["seen"] = True
        chunk.tool_calls.append({"name": "x", "args": {}, "id": "1", "type": "tool_call"})
        chunk.invalid_tool_calls.append(
            {"name": "x", "args": "", "id": "1", "error": None, "type": "invalid_tool_call"}
        )
    assert two == constructed_text("two", "1")
    assert text_chunk("three", None) == constructed_text("three", None)
    assert other == constructed_last(said())


# --- a LangChain whose objects are different


def shared(text: str, message_id: str | None) -> AIMessageChunk:
    chunk = moulded_text(text, message_id)
    chunk.additional_kwargs = SHARED
    return chunk


def without_a_field(text: str, message_id: str | None) -> AIMessageChunk:
    chunk = moulded_text(text, message_id)
    del chunk.__dict__["invalid_tool_calls"]
    return chunk


def with_other_insides(text: str, message_id: str | None) -> AIMessageChunk:
    chunk = moulded_text(text, message_id)
    chunk.__pydantic_fields_set__.add("name")
    return chunk


def impossible(text: str, message_id: str | None) -> AIMessageChunk:
    raise TypeError(text)


def unknown(text: str, message_id: str | None) -> AIMessageChunk:
    raise KeyError(text)


THEIRS = partial(sample_text, constructed_text, constructed_generation)


@pytest.mark.parametrize(
    "changed", [shared, without_a_field, with_other_insides, impossible, unknown]
)
def test_a_text_that_is_different_does_not_fit(
    changed: Callable[[str, str | None], AIMessageChunk],
) -> None:
    assert fits(partial(sample_text, moulded_text, moulded_generation), THEIRS)
    assert not fits(partial(sample_text, changed, moulded_generation), THEIRS)


def test_what_callbacks_are_told_does_not_fit_if_it_is_different() -> None:
    def changed(message: AIMessageChunk) -> ChatGenerationChunk:
        told = moulded_generation(message)
        told.text += "!"
        return told

    assert not fits(partial(sample_text, moulded_text, changed), THEIRS)


def test_a_last_chunk_that_is_different_does_not_fit() -> None:
    def changed(fields: dict[str, Any]) -> AIMessageChunk:
        chunk = moulded_last(fields)
        del chunk.__dict__["name"]
        return chunk

    theirs = partial(sample_last, constructed_last, constructed_generation)
    assert fits(partial(sample_last, moulded_last, moulded_generation), theirs)
    assert not fits(partial(sample_last, changed, moulded_generation), theirs)
