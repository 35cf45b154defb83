"""Whole answers that are made quickly are the answers that LangChain makes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.load import dumps
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult

from langchain_portkey_mistral.answers import (
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

CONTENTS: dict[str, str | list[str | dict[Any, Any]]] = {
    "text": "Grüße 北京 🎉",
    "nothing": "",
    "blocks": [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "so"}],
    "no blocks": [],
}


def test_with_this_version_of_langchain_answers_are_moulded() -> None:
    assert fits(moulded, constructed)
    assert (spoken, answer) == (moulded_message, moulded_answer)


@pytest.mark.parametrize("name", CONTENTS)
def test_a_moulded_answer_is_a_constructed_one(name: str) -> None:
    ours, theirs = (
        make_answer(
            [
                (make_message(CONTENTS[name], [], [], None, {"model_provider": "x"}), {}),
                (make_message("b", [], [], None, {}), {"logprobs": {"content": []}}),
            ],
            {"model_name": "m"},
        )
        for make_message, make_answer in (
            (spoken, answer),
            (constructed_message, constructed_answer),
        )
    )
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_dump(exclude_unset=True) == theirs.model_dump(exclude_unset=True)
    assert list(map(dumps, ours.generations)) == list(map(dumps, theirs.generations))
    assert [each.text for each in ours.generations] == [each.text for each in theirs.generations]
    assert pickle.loads(pickle.dumps(ours)) == theirs
    assert ours.model_copy(deep=True) == theirs


def test_moulded_answers_share_nothing() -> None:
    one, two = moulded("one"), moulded("two")
    message = one.generations[0].message
    assert isinstance(message, AIMessage)
    message.id = "run-1"
    message.additional_kwargs["seen"] = True
    message.tool_calls.clear()
    assert two == constructed("two")
    assert moulded("three") == constructed("three")


def sharing(text: str) -> ChatResult:
    result = moulded(text)
    result.generations[0].message.additional_kwargs = SHARED
    return result


def without_a_field(text: str) -> ChatResult:
    result = moulded(text)
    del result.generations[0].message.__dict__["invalid_tool_calls"]
    return result


def with_other_insides(text: str) -> ChatResult:
    result = moulded(text)
    result.generations[0].__pydantic_fields_set__.add("type")
    return result


@pytest.mark.parametrize("changed", [sharing, without_a_field, with_other_insides])
def test_where_something_is_different_answers_are_constructed(
    changed: Callable[[str], ChatResult],
) -> None:
    assert not fits(changed, constructed)
