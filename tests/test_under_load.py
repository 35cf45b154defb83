"""Many requests at once on upstreams that fail: each is answered, once, and nothing stays open.

Three targets share the load and fail three times in ten, in every way there is; a fourth is healthy. What is
ordered of the upstream stands in the request itself, so that it holds whatever the order of arrival.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kinds import ask
from pools import busy
from portkey_mistral import Assembler, CallInfo, Client, _calls
from portkey_mistral._transport import permits
from portkey_mistral._transport.connections import Wiring, async_carrier, sync_carrier
from portkey_mistral._transport.http1 import pool
from portkey_mistral.sandbox import Fault, Sandbox, get

WEIGHTS = {"a": 0.5, "b": 0.3, "c": 0.2}
HEALTHY = "config.targets[1]"
FAULTS = {
    "429": Fault(status=429),
    "500": Fault(status=500),
    "reset": Fault(connection="reset"),
    "timeout": Fault(delay=60),
    "cut": Fault(cut_bytes=40),  # in the middle of an answer, before a stream's first content
}


@dataclass(frozen=True)
class Order:
    """One request; `fault` is what becomes of it at the first target, `streamed` how it is asked."""

    number: int
    fault: str | None
    streamed: bool

    @property
    def text(self) -> str:
        return f"Request {self.number} [{self.fault}]."


@dataclass(frozen=True)
class Load:
    """How many requests, how many of them at a time, and the seconds after which a target is given up."""

    requests: int
    at_a_time: int
    patience: float


@dataclass(frozen=True)
class Answer:
    text: str
    info: CallInfo


@pytest.fixture
def in_process(mistral_sandbox: Sandbox) -> Callable[[str], str]:
    """The address of each upstream by its name."""
    order_failures()
    return "sandbox:{}".format


@pytest.fixture
def over_http(mistral_sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    # A connection that rested for a second and is reset then is rightly taken for one that was dead before,
    # and the request goes out once more. Here resets are ordered, and counted; but the server gives up what
    # rested for five seconds.
    monkeypatch.setattr(pool, "_STALE_AFTER_SECONDS", 4.0)
    order_failures()
    return (mistral_sandbox_url.removesuffix("/v1") + "/s/{}/v1").format


def order_failures() -> None:
    for name in WEIGHTS:
        for word, fault in FAULTS.items():
            get(name).inject(dataclasses.replace(fault, when=f"[{word}]"), times=None)


def orders(load: Load) -> list[Order]:
    dice = random.Random(2)
    return [
        Order(
            number,
            fault=dice.choice([*FAULTS]) if dice.random() < 0.3 else None,
            streamed=number % 2 == 1,
        )
        for number in range(load.requests)
    ]


def client(load: Load, host: Callable[[str], str]) -> Client:
    def target(name: str, **more: object) -> dict[str, object]:
        return {"api_key": "k", "custom_host": host(name), **more}

    patience = round(1000 * load.patience)
    balanced = [
        target(name, weight=weight, request_timeout=patience) for name, weight in WEIGHTS.items()
    ]
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"strategy": {"mode": "loadbalance"}, "targets": balanced},
            target("healthy"),
        ],
    }
    return Client(base_url="sandbox:", portkey_config=config, max_concurrency=bound_of(load))


def bound_of(load: Load) -> int:
    """Fewer than there are askers, so that some wait for a permit."""
    return 3 * load.at_a_time // 4


def run_in_threads(mine: Client, load: Load, todo: Sequence[Order]) -> list[Answer]:
    def one(order: Order) -> Answer:
        if not order.streamed:
            response = mine.chat(ask(order.text))
            return Answer(response.text, response.info)
        answer = Assembler()
        with mine.stream(ask(order.text)) as stream:
            for delta in stream:
                answer.add(delta)
        return Answer(answer.response(stream.info).text, stream.info)

    with ThreadPoolExecutor(load.at_a_time) as threads:
        return list(threads.map(one, todo))


async def run_on_a_loop(mine: Client, load: Load, todo: Sequence[Order]) -> list[Answer]:
    async def one(order: Order) -> Answer:
        if not order.streamed:
            response = await mine.achat(ask(order.text))
            return Answer(response.text, response.info)
        answer = Assembler()
        async with mine.astream(ask(order.text)) as stream:
            async for delta in stream:
                answer.add(delta)
        return Answer(answer.response(stream.info).text, stream.info)

    answers: dict[int, Answer] = {}
    left = iter(todo)

    async def work() -> None:
        for order in left:
            answers[order.number] = await one(order)

    await asyncio.gather(*(work() for _ in range(load.at_a_time)))
    return [answers[order.number] for order in todo]


def check(todo: Sequence[Order], answers: Sequence[Answer]) -> None:
    assert len(answers) == len(todo)
    for order, answer in zip(todo, answers, strict=True):
        assert answer.text.endswith(order.text)
        tried = [attempt.path for attempt in answer.info.attempts]
        assert tried[0].startswith("config.targets[0].targets[")
        assert tried[1:] == ([HEALTHY] if order.fault else []), (order, answer.info.attempts)
    check_upstreams(todo)
    check_weights(answers)


def check_upstreams(todo: Sequence[Order]) -> None:
    """Every request got one whole answer, from one upstream; none is still being answered."""
    boxes = [get(name) for name in (*WEIGHTS, "healthy")]
    settled = time.monotonic() + 5
    while any(box.in_flight for box in boxes) and time.monotonic() < settled:
        time.sleep(0.01)  # over HTTP the server hears a moment later that a reader has left
    assert [box.in_flight for box in boxes] == [0, 0, 0, 0]
    came = [exchange for box in boxes for exchange in box.requests]
    answered = Counter(
        exchange.body["messages"][0]["content"]
        for exchange in came
        if (exchange.status, exchange.state) == (200, "complete")
    )
    assert answered == Counter(order.text for order in todo)
    assert len(came) == len(todo) + sum(order.fault is not None for order in todo)


def check_weights(answers: Sequence[Answer]) -> None:
    first = Counter(answer.info.attempts[0].path for answer in answers)
    for index, weight in enumerate(WEIGHTS.values()):
        sigma = math.sqrt(len(answers) * weight * (1 - weight))
        got = first[f"config.targets[0].targets[{index}]"]
        assert abs(got - len(answers) * weight) <= 3 * sigma


def check_permits(load: Load, semaphores: Mapping[permits.Bound, Any]) -> None:
    (free,) = (each._value for bound, each in semaphores.items() if bound.most == bound_of(load))
    assert free == bound_of(load)


IN_PROCESS = [
    pytest.param(Load(500, 64, patience=2.0), id="500"),
    pytest.param(
        Load(10_000, 64, patience=2.0),
        id="10000",
        marks=[pytest.mark.full, pytest.mark.timeout(600)],
    ),
]
OVER_HTTP = [
    pytest.param(Load(150, 16, patience=5.0), id="150"),
    pytest.param(
        Load(10_000, 64, patience=5.0),
        id="10000",
        marks=[pytest.mark.full, pytest.mark.timeout(600)],
    ),
]


@pytest.fixture(autouse=True)
def _same_dice() -> None:
    """Three sigma are passed once in a few hundred runs, unless the dice are the same in all."""
    _calls._dice.seed(1)


@pytest.mark.parametrize("load", IN_PROCESS)
def test_threads(load: Load, in_process: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, in_process)
    check(todo, run_in_threads(mine, load, todo))
    check_permits(load, permits._threads)


@pytest.mark.parametrize("load", IN_PROCESS)
async def test_a_loop(load: Load, in_process: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, in_process)
    check(todo, await run_on_a_loop(mine, load, todo))
    check_permits(load, permits._loops[asyncio.get_running_loop()])


@pytest.mark.parametrize("load", OVER_HTTP)
def test_threads_over_http(load: Load, over_http: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, over_http)
    check(todo, run_in_threads(mine, load, todo))
    check_permits(load, permits._threads)
    assert busy(sync_carrier(Wiring(), "http")) == 0


@pytest.mark.parametrize("load", OVER_HTTP)
def test_a_loop_over_http(load: Load, over_http: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, over_http)

    async def run() -> list[Answer]:
        answers = await run_on_a_loop(mine, load, todo)
        assert busy(async_carrier(Wiring(), "http")) == 0
        return answers

    before = open_files()
    check(todo, asyncio.run(run()))
    settled = time.monotonic() + 5
    while open_files() > before and time.monotonic() < settled:
        time.sleep(0.01)  # the server closes its ends when it sees that ours are
    assert open_files() <= before


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())
