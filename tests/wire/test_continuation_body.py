import pytest

from portkey_mistral._wire.continuation_body import (
    continuation_body,
    not_continuable,
    reduce_token_limits,
)

ASK = {"role": "user", "content": "q"}


def prefix(text):
    return {"role": "assistant", "content": text, "prefix": True}


def test_the_text_so_far_becomes_the_prefix():
    body = {"model": "m", "messages": [ASK]}
    assert continuation_body(body, "Half").body == {"model": "m", "messages": [ASK, prefix("Half")]}
    assert continuation_body(body, "Half").prefix == "Half"
    assert body == {"model": "m", "messages": [ASK]}


def test_the_callers_prefix_is_continued_once():
    body = {"model": "m", "messages": [ASK, prefix("Once ")]}
    # Mistral repeats the prefix in its answer, other servers do not.
    for so_far in ("Once upon", "upon"):
        assert continuation_body(body, so_far).body["messages"] == [ASK, prefix("Once upon")]
        assert continuation_body(body, so_far).prefix == "Once upon"


@pytest.mark.parametrize(
    ("limits", "received", "expected"),
    [
        ({"max_tokens": 100}, "x" * 30, {"max_tokens": 89}),
        ({"max_tokens": 100}, "é🎉" * 5, {"max_tokens": 89}),
        ({"max_tokens": 100}, "x" * 3000, {"max_tokens": 1}),
        ({"max_tokens": 100, "min_tokens": 20}, "x" * 30, {"max_tokens": 89, "min_tokens": 9}),
        ({"min_tokens": 20}, "x" * 3000, {"min_tokens": 0}),
        ({"max_completion_tokens": 100}, "x" * 30, {"max_completion_tokens": 89}),
        ({"max_tokens": None}, "x" * 30, {"max_tokens": None}),
        ({}, "x" * 30, {}),
    ],
)
def test_token_limits_are_reduced_by_the_received_text(limits, received, expected):
    assert reduce_token_limits(limits, received) == expected
    body = continuation_body({"model": "m", "messages": [ASK], **limits}, received).body
    assert {name: body[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("fields", "overrides", "named"),
    [
        ({}, {}, None),
        ({"n": 1, "reasoning_effort": "none", "response_format": {"type": "text"}}, {}, None),
        ({"tools": [{"type": "function"}]}, {}, "tools"),
        ({"response_format": {"type": "json_object"}}, {}, "response_format"),
        ({"n": 2}, {}, "n"),
        ({"prompt_mode": "reasoning"}, {}, "prompt_mode"),
        ({"reasoning_effort": "high"}, {}, "reasoning_effort"),
        ({}, {"tools": [{"type": "function"}]}, "tools"),
        ({"n": 2}, {"n": None}, None),
    ],
)
def test_only_plain_text_can_be_continued(fields, overrides, named):
    reason = not_continuable({"model": "m", "messages": [ASK], **fields}, overrides)
    expected = (
        None if named is None else f"only plain text can be continued, and the request sets {named}"
    )
    assert reason == expected


def test_only_a_chat_can_be_continued():
    assert (
        not_continuable({"model": "m", "prompt": "def"}, {})
        == "only a chat response can be continued"
    )


# --- a prefix that was assumed, and that the response may repeat ------------------------------------
