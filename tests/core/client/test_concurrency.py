"""Many concurrent requests to failing upstreams: each is answered once, and nothing stays open.

Three targets share the load and fail three times in ten, in every possible way; a fourth is healthy. The fault is part
of the request itself, so that it does not depend on the order of arrival.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kinds import ask
from pools import busy
from portkey_mistral import Assembler, CallInfo, Client
from portkey_mistral._transport import concurrency
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral._transport.pools import async_transport, sync_transport
from portkey_mistral.sandbox import Fault, Sandbox, get
from portkey_mistral.settings.proxies import EnvironmentProxies
from waiting import until

WEIGHTS = {"a": 0.5, "b": 0.3, "c": 0.2}
HEALTHY = "config.targets[1]"
FAULTS = {
    "429": Fault(status=429),
    "500": Fault(status=500),
    "reset": Fault(connection="reset"),
    "timeout": Fault(delay=60),
    "cut": Fault(cut_bytes=40),  # in the middle of an answer, before a stream's first content
}
# Each timeout takes the whole `max_wait`, which is long so that no other request meets it on a busy machine.
FREQUENCIES = [0.1 if name == "timeout" else 1.0 for name in FAULTS]


@dataclass(frozen=True)
class Order:
    """One request; `fault` is what happens to it at the first target, `streamed` whether it is streamed."""

    number: int
    fault: str | None
    streamed: bool

    @property
    def text(self) -> str:
        return f"Request {self.number} [{self.fault}]."


@dataclass(frozen=True)
class Load:
    """The number of requests, how many of them are concurrent, and the timeout of a target in seconds."""

    requests: int
    at_a_time: int
    max_wait: float


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
def over_http(mistral_sandbox_url: str) -> Callable[[str], str]:
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
            fault=dice.choices([*FAULTS], FREQUENCIES)[0] if dice.random() < 0.3 else None,
            streamed=number % 2 == 1,
        )
        for number in range(load.requests)
    ]


def client(load: Load, host: Callable[[str], str]) -> Client:
    def target(name: str, **more: object) -> dict[str, object]:
        return {"api_key": "k", "custom_host": host(name), **more}

    max_wait = round(1000 * load.max_wait)
    balanced = [
        target(name, weight=weight, request_timeout=max_wait) for name, weight in WEIGHTS.items()
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
    """Fewer than callers, so that some wait for a slot."""
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
    # Over HTTP the server notices a moment later that a reader has disconnected.
    until(lambda: not any(box.in_flight for box in boxes))
    came = [exchange for box in boxes for exchange in box.requests]
    answered = Counter(
        exchange.body["messages"][0]["content"]
        for exchange in came
        if (exchange.status, exchange.state) == (200, "complete")
    )
    assert answered == Counter(order.text for order in todo)
    assert len(came) == len(todo) + sum(order.fault is not None for order in todo)


def check_weights(answers: Sequence[Answer]) -> None:
    """Five standard deviations are exceeded once in two million runs; three were, once in some hundred."""
    first = Counter(answer.info.attempts[0].path for answer in answers)
    for index, weight in enumerate(WEIGHTS.values()):
        sigma = math.sqrt(len(answers) * weight * (1 - weight))
        got = first[f"config.targets[0].targets[{index}]"]
        assert abs(got - len(answers) * weight) <= 5 * sigma


def check_slots(load: Load, slots: Mapping[concurrency.ConcurrencyLimit, Any]) -> None:
    assert not any(
        each.held for limit, each in slots.items() if limit.max_concurrency == bound_of(load)
    )


IN_PROCESS = [
    pytest.param(Load(500, 64, max_wait=5.0), id="500"),
    pytest.param(
        Load(10_000, 64, max_wait=15.0),
        id="10000",
        marks=[pytest.mark.full, pytest.mark.timeout(600)],
    ),
]
OVER_HTTP = [
    pytest.param(Load(150, 16, max_wait=5.0), id="150"),
    pytest.param(
        Load(4_000, 64, max_wait=15.0),
        id="4000",
        marks=[pytest.mark.full, pytest.mark.timeout(600)],
    ),
]


@pytest.mark.parametrize("load", IN_PROCESS)
def test_threads(load: Load, in_process: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, in_process)
    check(todo, run_in_threads(mine, load, todo))
    check_slots(load, concurrency._thread_slots)


@pytest.mark.parametrize("load", IN_PROCESS)
async def test_a_loop(load: Load, in_process: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, in_process)
    check(todo, await run_on_a_loop(mine, load, todo))
    check_slots(load, concurrency._loop_slots[asyncio.get_running_loop()])


@pytest.mark.parametrize("load", OVER_HTTP)
def test_threads_over_http(load: Load, over_http: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, over_http)
    check(todo, run_in_threads(mine, load, todo))
    check_slots(load, concurrency._thread_slots)
    assert (
        busy(
            sync_transport(
                TransportOptions(environment_proxies=EnvironmentProxies.read()), "http://localhost"
            )
        )
        == 0
    )


@pytest.mark.parametrize("load", OVER_HTTP)
def test_a_loop_over_http(load: Load, over_http: Callable[[str], str]) -> None:
    todo, mine = orders(load), client(load, over_http)

    async def run() -> list[Answer]:
        answers = await run_on_a_loop(mine, load, todo)
        assert (
            busy(
                await async_transport(
                    TransportOptions(environment_proxies=EnvironmentProxies.read()),
                    "http://localhost",
                )
            )
            == 0
        )
        return answers

    before = open_files()
    check(todo, asyncio.run(run()))
    until(lambda: open_files() <= before)  # the server closes its ends when it sees that ours are


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())
