"""Members of the wrong type: what only describes a response is absent then, what it means is an error."""

from __future__ import annotations

from typing import Any

import pytest

from portkey_mistral._wire.json_members import (
    choice_index,
    finish_reason,
    integer,
    logprobs,
    string,
)
from portkey_mistral._wire.malformed import MalformedResponse

TOKEN = {"token": "a", "logprob": -0.5}


@pytest.mark.parametrize("value", [None, True, 5, 0.5, [], {}, ["a"]])
def test_what_is_no_string_is_absent(value: object) -> None:
    assert string({"id": value}, "id") is None
    assert string({"id": "a"}, "id") == "a"


@pytest.mark.parametrize("value", [None, True, "5", 0.5, [], {}])
def test_what_is_no_integer_is_absent(value: object) -> None:
    assert integer({"n": value}, "n") is None
    assert choice_index({"index": value}, 3) == 3


def test_a_choice_has_no_negative_index() -> None:
    assert choice_index({"index": -1}, 3) == 3
    assert choice_index({"index": 1}, 3) == 1


@pytest.mark.parametrize("value", [True, 5, 0.5, [], {}, ["stop"]])
def test_a_finish_reason_that_is_no_string_is_an_error(value: object) -> None:
    with pytest.raises(MalformedResponse, match="finish_reason"):
        finish_reason({"finish_reason": value})
    assert finish_reason({"finish_reason": None}) is None


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {"content": None, "refusal": []},
        {"tokens": ["a"], "token_logprobs": [-0.5]},
        {"content": []},
        {"content": [TOKEN | {"bytes": None, "top_logprobs": None}]},
        {"content": [{"token": "a", "logprob": 0, "bytes": [0, 255], "top_logprobs": [TOKEN]}]},
    ],
)
def test_logprobs(raw: dict[str, Any] | None) -> None:
    assert logprobs({"logprobs": raw}) == raw


@pytest.mark.parametrize(
    "raw",
    [
        5, "x", [], [TOKEN], {"content": 5}, {"content": "x"}, {"content": {}}, {"content": [5]}, {"content": [{}]},
        *({"content": [TOKEN | wrong]} for wrong in (
            {"token": None}, {"token": 5}, {"logprob": None}, {"logprob": "0"}, {"logprob": True}, {"logprob": 10**400},
            {"bytes": 5}, {"bytes": ["a"]}, {"bytes": [256]}, {"bytes": [-1]}, {"bytes": [True]}, {"top_logprobs": 5},
            {"top_logprobs": [5]}, {"top_logprobs": [{}]}, {"top_logprobs": {}},
        )),
    ],
)  # fmt: skip
def test_logprobs_that_are_no_list_of_tokens_are_an_error(raw: object) -> None:
    with pytest.raises(MalformedResponse, match="list of tokens"):
        logprobs({"logprobs": raw})
