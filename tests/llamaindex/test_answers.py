"""Whole answers that are made quickly are the answers that LlamaIndex makes."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatResponse,
    ContentBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llamaindex_portkey_mistral.answers import (
    answer,
    constructed_answer,
    constructed_message,
    moulded_answer,
    moulded_message,
    sample,
    spoken,
)
from portkey_mistral.moulding import fits

SHARED: dict[str, Any] = {}

moulded = partial(sample, moulded_message, moulded_answer)
constructed = partial(sample, constructed_message, constructed_answer)

BLOCKS: dict[str, list[ContentBlock]] = {
    "text": [TextBlock(text="Grüße 北京 🎉")],
    "nothing": [TextBlock(text="")],
    "thinking": [ThinkingBlock(content="hm"), TextBlock(text="so")],
    "a call": [ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs={"a": 1})],
}


def test_with_this_version_of_llamaindex_answers_are_moulded() -> None:
    assert fits(moulded, constructed)
    assert (spoken, answer) == (moulded_message, moulded_answer)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_moulded_answer_is_a_constructed_one(name: str) -> None:
    ours, theirs = (
        make_answer(make_message([*BLOCKS[name]], {}), {"id": "1"}, None, {"finish_reason": "stop"})
        for make_message, make_answer in (
            (spoken, answer),
            (constructed_message, constructed_answer),
        )
    )
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert ours.model_dump_json() == theirs.model_dump_json()
    assert str(ours) == str(theirs)
    assert ours.message.content == theirs.message.content
    assert pickle.loads(pickle.dumps(ours)) == theirs
    assert ours.model_copy(deep=True) == theirs


def test_moulded_answers_share_nothing() -> None:
    one, two = moulded("one"), moulded("two")
    one.message.additional_kwargs["seen"] = True
    one.additional_kwargs["seen"] = True
    one.message.blocks.clear()
    assert two == constructed("two")
    assert moulded("three") == constructed("three")


def sharing(text: str) -> ChatResponse:
    response = moulded(text)
    response.additional_kwargs = SHARED
    return response


def without_a_field(text: str) -> ChatResponse:
    response = moulded(text)
    del response.__dict__["delta"]
    return response


def with_other_insides(text: str) -> ChatResponse:
    response = moulded(text)
    response.message.__pydantic_fields_set__.discard("role")
    return response


@pytest.mark.parametrize("changed", [sharing, without_a_field, with_other_insides])
def test_where_something_is_different_answers_are_constructed(changed) -> None:
    assert not fits(changed, constructed)
