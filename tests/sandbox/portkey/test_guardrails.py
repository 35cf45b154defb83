"""A stream gathered for output guardrails, and the event of their results."""

from __future__ import annotations

import json

import pytest

from portkey_mistral.sandbox.portkey.guardrails import StreamedAnswer, hook_event


def chunk(text, **more):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "c1", "created": 1, "model": "m", "choices": [choice], **more}


def stream(*events):
    lines = [json.dumps(event) if isinstance(event, dict) else event for event in events]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


HOOKS = {"hook_results": {"before_request_hooks": []}}
WHOLE = stream(HOOKS, chunk("One "), chunk(None), chunk("two", usage={"total_tokens": 4}), "[DONE]")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stream_is_gathered_over_any_split(size):
    answer = StreamedAnswer()
    for start in range(0, len(WHOLE), size):
        answer.feed(WHOLE[start : start + size])
    assert answer.complete
    completion = answer.completion()
    assert completion["choices"][0]["message"]["content"] == "One two"
    assert completion["usage"] == {"total_tokens": 4}
    assert (completion["id"], completion["object"]) == ("c1", "chat.completion")


@pytest.mark.parametrize(
    "data",
    [stream(chunk("cut")), stream(HOOKS, "[DONE]"), b'{"choices": [{}]}', b'data: {"id": "br\n\n', b"data: [1]\n\n"],
)  # fmt: skip
def test_what_did_not_end_as_an_answer_is_none(data):
    answer = StreamedAnswer()
    answer.feed(data)
    assert not answer.complete


def test_the_event_after_the_end():
    event = hook_event(
        {"before_request_hooks": [{"id": "a"}], "after_request_hooks": [{"id": "b"}]}
    )
    assert event == b'data: {"hook_results": {"after_request_hooks": [{"id": "b"}]}}\n\n'
