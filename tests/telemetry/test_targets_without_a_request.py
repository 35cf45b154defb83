"""Targets to which nothing is sent are seen all the same: in the log, on the call's span, and in its attempts."""

from __future__ import annotations

import logging
from itertools import count
from typing import Any

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import APIError, Budget, ChatRequest, Client, Message
from portkey_mistral.messages import ImagePart
from scripted import answer, network, stream
from telemetry import Watched

every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED], ids=str)
A, B = "config.targets[0]", "config.targets[1]"
_numbers = count()

PICTURE = ChatRequest(
    model="mistral-small-latest", messages=[Message.user((ImagePart("https://images.test/a.png"),))]
)
LONG = ask("word " * 100_000)
BLIND = {"override_params": {"model": "codestral-latest"}}
FIM = {"mistral_fim_completion": "true", "override_params": {"model": "codestral-latest"}}
BREAKER = {"cb_config": {"failure_threshold": 1, "cooldown_interval": 30_000}}


def reply(kind: Kind) -> httpx.Response:
    return answer("Hi!") if kind in KINDS else stream({"content": "Hi!"})


def config(first: dict[str, Any], mode: str = "fallback", **strategy: Any) -> dict[str, Any]:
    target = {"provider": "mistral-ai", "api_key": "k"}
    return {"strategy": {"mode": mode, **strategy}, "targets": [target | first, target]}


def events(otel: Watched) -> list[tuple[str, Any, Any]]:
    return [
        (each.name, each.attributes["portkey_mistral.attempt.path"], each.attributes["portkey_mistral.attempt.error"])
        for each in otel.calls[-1].events
    ]  # fmt: skip


def lines(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in records]


SKIPPED = [
    (config(BLIND, skip=["capability"]), PICTURE, "codestral-2508 has no vision"),
    (config(BLIND, skip=["context"]), LONG, "has room for 131072 tokens"),
    (config(FIM), ask(), "fill-in-the-middle"),
    (config(FIM, mode="loadbalance", weight=1), ask(), "fill-in-the-middle"),
]


@every
@pytest.mark.parametrize(("config", "request_", "reason"), SKIPPED)
def test_a_target_that_the_plan_passes_over(
    config: dict[str, Any],
    request_: ChatRequest,
    reason: str,
    kind: Kind,
    otel: Watched,
    records: Any,
) -> None:
    config["strategy"].pop("weight", None)
    if config["strategy"]["mode"] == "loadbalance":
        config["targets"][1]["weight"] = 1e-9  # the first is picked first
    mine = Client(portkey_config=config, **network(reply(kind)).clients)
    info = kind.run(mine, request_, None).info
    assert [attempt.path for attempt in info.attempts] == [A, B]
    assert str(info.attempts[0].error).startswith("skipped: ")
    assert reason in str(info.attempts[0].error)
    assert (info.attempts[0].status, info.cost.is_partial) == (None, False)
    assert events(otel) == [("portkey_mistral.attempt_not_sent", A, info.attempts[0].error)]
    (skip, follows, sent) = records
    assert (skip.levelname, vars(skip)["attempt_path"]) == ("DEBUG", A)
    assert skip.getMessage() == f"chat: attempt 1 on {A} was {info.attempts[0].error}"
    assert follows.levelname == "DEBUG"
    assert (
        follows.getMessage() == f"chat: falling back from {A} to {B} after {info.attempts[0].error}"
    )
    assert vars(sent)["status"] == 200


@every
def test_a_target_whose_breaker_is_open(kind: Kind, otel: Watched, records: Any) -> None:
    failed = httpx.Response(503, json={"message": "busy"})
    fields = {"portkey_config": config(BREAKER), "state": f"memory:seen-{next(_numbers)}"}
    mine = Client(**fields, **network(failed, reply(kind), reply(kind)).clients)
    kind.run(mine, ask(), None)
    records.clear()
    info = kind.run(mine, ask(), None).info
    reason = f"skipped: the circuit breaker of {A} is open"
    assert [(attempt.path, attempt.error) for attempt in info.attempts] == [(A, reason), (B, None)]
    assert events(otel) == [("portkey_mistral.attempt_not_sent", A, reason)]
    assert lines(records)[0] == ("DEBUG", f"chat: attempt 1 on {A} was {reason}")


@every
def test_if_all_breakers_are_open_one_is_tried_all_the_same(kind: Kind, records: Any) -> None:
    failed = httpx.Response(503, json={"message": "busy"})
    target = {"provider": "mistral-ai", "api_key": "k", **BREAKER}
    fields = {"portkey_config": target, "state": f"memory:seen-{next(_numbers)}"}
    mine = Client(**fields, **network(failed, reply(kind)).clients)
    with pytest.raises(APIError):
        kind.run(mine, ask(), None)
    records.clear()
    assert kind.run(mine, ask(), None).text == "Hi!"
    reason = "skipped: the circuit breaker of config is open"
    assert lines(records)[:2] == [
        ("DEBUG", f"chat: attempt 1 on config was {reason}"),
        ("DEBUG", f"chat: trying config all the same after {reason}"),
    ]


@every
@pytest.mark.parametrize(
    ("fields", "earlier", "error"),
    [
        ({"budget": Budget(0)}, 0, "no room for this request"),
        ({"requests_per_minute": 1, "deadline": 5}, 1, "after the deadline"),
    ],
    ids=["budget", "rate limit"],
)
def test_a_request_that_a_limit_holds_back(
    fields: dict[str, Any], earlier: int, error: str, kind: Kind, otel: Watched, records: Any
) -> None:
    own = {"api_key": "k", "state": f"memory:seen-{next(_numbers)}"} | fields
    mine = Client(**own, **network(*[reply(kind)] * earlier).clients)
    for _ in range(earlier):
        kind.run(mine, ask(), None)
    records.clear()
    with pytest.raises(APIError, match=error) as held_back:
        kind.run(mine, ask(), None)
    ((name, path, told),) = events(otel)
    assert (name, path, told) == (
        "portkey_mistral.attempt_not_sent",
        "config",
        held_back.value.message,
    )
    ((level, text),) = lines(records)
    model = "chat mistral-small-latest"
    assert (level, text) == ("DEBUG", f"{model}: attempt 1 on config was not sent: {told}")


@every
def test_a_success_that_is_not_wanted_stays_the_result_if_the_next_target_is_skipped(
    kind: Kind,
) -> None:
    route = config({}, on_status_codes=[200])
    route["targets"][1] |= FIM
    mine = Client(portkey_config=route, **network(reply(kind)).clients)
    if kind in KINDS:
        assert kind.run(mine, ask(), None).text == "Hi!"
    else:  # its content was not read, since the next target might have had a better one
        with pytest.raises(APIError, match="status 200"):
            kind.run(mine, ask(), None)
