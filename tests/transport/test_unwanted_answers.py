"""A config may retry after a success; nothing of a stream discarded like that reaches the caller."""

from __future__ import annotations

from typing import Any

import pytest

from driving import Top
from kinds import STREAMED, Kind, ask
from portkey_mistral import APIConnectionError, Client
from portkey_mistral.sandbox import Fault, Sandbox, get, reset


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def sandbox(name: str) -> Sandbox:
    get(name).reply(f"This is {name}.", times=None)
    return get(name)


def client(config: dict[str, Any], **fields: object) -> Client:
    return Client(base_url="sandbox:", portkey_config=config, **fields)


def fallback(*names: str, **strategy: object) -> dict[str, Any]:
    targets = [{"provider": "mistral-ai", "custom_host": f"sandbox:{name}"} for name in names]
    return {"strategy": {"mode": "fallback", **strategy}, "targets": targets}


@pytest.mark.parametrize("kind", STREAMED)
def test_a_fallback_after_a_success(kind: Kind) -> None:
    first, second = sandbox("first"), sandbox("second")
    answer = kind.run(client(fallback("first", "second", on_status_codes=[200])), ask(), None)
    assert answer.text == "This is second."
    assert [attempt.status for attempt in answer.info.attempts] == [200, 200]
    assert [len(first.requests), len(second.requests)] == [1, 1]
    assert first.in_flight == 0


@pytest.mark.parametrize("kind", STREAMED)
def test_a_retry_of_a_success(kind: Kind) -> None:
    box = sandbox("again")
    config = {"custom_host": "sandbox:again", "retry": {"attempts": 1, "on_status_codes": [200]}}
    answer = kind.run(client(config), ask(), None)
    assert answer.text == "This is again."
    assert len(box.requests) == 2


@pytest.mark.parametrize("kind", STREAMED)
def test_a_whole_answer_to_the_request_of_a_stream(kind: Kind) -> None:
    sandbox("second")
    body = '{"id": "a", "model": "m", "choices": [{"message": {"content": "No."}}]}'
    json = {"content-type": "application/json"}
    get("first").inject(Fault(status=200, body=body, headers=json))
    answer = kind.run(client(fallback("first", "second", on_status_codes=[200])), ask(), None)
    assert answer.text == "This is second."


@pytest.mark.parametrize("kind", STREAMED)
def test_no_time_for_another_attempt_is_an_error(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox("late")
    monkeypatch.setattr("portkey_mistral._transport.run._rng", Top())  # it would wait for a second
    config = {"custom_host": "sandbox:late", "retry": {"attempts": 1, "on_status_codes": [200]}}
    with pytest.raises(
        APIConnectionError, match="status 200, on which the config retries"
    ) as caught:
        kind.run(client(config, deadline=0.9), ask(), None)
    assert [attempt.status for attempt in caught.value.attempts] == [200]
