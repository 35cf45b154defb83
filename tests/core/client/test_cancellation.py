"""A call may be cancelled at any point: its connection is closed, its slot released, its plan closed."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

import httpx
import pytest

from kinds import ask
from pools import busy
from portkey_mistral import Client, InternalServerError
from portkey_mistral._call.options import resolve_options
from portkey_mistral._transport import concurrency
from portkey_mistral._transport.httpx_transport import AsyncHttpxTransport
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral._transport.pools import async_transport, sync_transport
from portkey_mistral.config import Breaker, Config
from portkey_mistral.sandbox import Fault, Sandbox
from portkey_mistral.settings.proxies import EnvironmentProxies
from portkey_mistral.state import connect
from waiting import until, until_async

LONG = "Tell me a long story about a cat, in at least sixty words."
OTHER = "Hold a slot."
MOST = 3  # slots; no other test has this bound
SETTLING = 0.1  # seconds after which a call that is not where it should be would have moved on


@dataclass(frozen=True)
class Point:
    """A stage of a call. `fault` is the behaviour of the upstream that keeps the call there.

    `answering` is how many requests the upstream is then processing. `others` are calls that hold slots.
    """

    name: str
    fault: Fault
    answering: int = 1
    others: int = 0
    streams_only: bool = False

    def __repr__(self) -> str:
        return self.name


POINTS = [
    Point("during backoff", Fault(status=429, retry_after=30), answering=0),
    Point("waiting for a slot", Fault(), answering=MOST, others=MOST),
    Point("waiting for headers", Fault(delay=30)),
    Point("before the first content", Fault(stall_after=1, stall_seconds=30), streams_only=True),
    Point("in the middle of the answer", Fault(stall_after=6, stall_seconds=30), streams_only=True),
]
WAYS = [
    pytest.param(point, streamed, id=f"{point} of {'a stream' if streamed else 'a call'}")
    for point in POINTS
    for streamed in (False, True)
    if streamed or not point.streams_only
]
PLACES = ["in process", "over HTTP"]


@pytest.fixture(params=PLACES)
def mine(request: pytest.FixtureRequest, mistral_sandbox: Sandbox) -> Iterator[Client]:
    place = "sandbox:"
    if request.param == "over HTTP":
        place = request.getfixturevalue("mistral_sandbox_url")
    yield Client(base_url=place, api_key="k", max_concurrency=MOST)
    check_left(mistral_sandbox, place)


def check_left(sandbox: Sandbox, place: str) -> None:
    """Nothing of any call is left: no plan, no slot, no request that the upstream is still processing."""
    gc.collect()
    assert running_plans() == []
    assert taken_slots(concurrency._thread_slots) == 0
    until(lambda: not sandbox.in_flight)  # over HTTP the server notices it a moment later
    assert all(exchange.state != "open" for exchange in sandbox.requests)
    if place != "sandbox:":
        assert (
            busy(
                sync_transport(
                    TransportOptions(environment_proxies=EnvironmentProxies.read()),
                    "http://localhost",
                )
            )
            == 0
        )


def running_plans() -> list[GeneratorType[Any, Any, Any]]:
    """Return the plans in this process that are not finished."""
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, GeneratorType)
        and each.gi_frame is not None
        and "/_routing/" in each.gi_code.co_filename
    ]


def taken_slots(slots: Any) -> int:
    return sum(len(each.held) for limit, each in slots.items() if limit.max_concurrency == MOST)


def arrived(sandbox: Sandbox, point: Point) -> bool:
    return len(sandbox.requests) == max(point.others, 1) and sandbox.in_flight == point.answering


# --- a task that is cancelled -------------------------------------------------------------------------


async def call(mine: Client, *, streamed: bool) -> str:
    if not streamed:
        return (await mine.achat(ask(LONG))).text
    async with mine.astream(ask(LONG)) as stream:
        return "".join([delta.text async for delta in stream])


@pytest.mark.parametrize(("point", "streamed"), WAYS)
async def test_a_cancelled_task(
    point: Point, streamed: bool, mine: Client, mistral_sandbox: Sandbox
) -> None:
    mistral_sandbox.inject(Fault(delay=30, when=OTHER), times=None)
    mistral_sandbox.inject(point.fault)
    others = [asyncio.create_task(mine.achat(ask(OTHER))) for _ in range(point.others)]
    await asyncio.sleep(0)
    task = asyncio.create_task(call(mine, streamed=streamed))
    await until_async(lambda: arrived(mistral_sandbox, point))
    await asyncio.sleep(SETTLING)
    assert arrived(mistral_sandbox, point)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await check_loop(mine)
    assert len(mistral_sandbox.requests) == max(point.others, 1)
    mistral_sandbox.reset()
    assert await call(mine, streamed=streamed)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_task_that_is_cancelled_at_each_of_its_steps(
    streamed: bool, mine: Client, mistral_sandbox: Sandbox
) -> None:
    # In process a call takes a few steps of the loop; over HTTP most of them wait for the other side.
    config = {"retry": {"attempts": 1, "on_status_codes": [503]}, "api_key": "k"}
    settings = mine.settings.model_copy(update={"portkey_config": Config.parse(config)})
    in_process = settings.mode == "sandbox"
    for steps in range(0, 60, 1 if in_process else 4):
        mistral_sandbox.inject(Fault(status=503, retry_after=0))
        task = asyncio.create_task(call(Client.from_settings(settings), streamed=streamed))
        for _ in range(steps):
            await asyncio.sleep(0 if in_process else 0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await check_loop(mine)
        await until_async(lambda: not mistral_sandbox.in_flight)
        mistral_sandbox.reset()


@pytest.mark.parametrize("rounds", [15, pytest.param(150, marks=pytest.mark.full)])
async def test_cancelling_many_calls_leaves_the_pool_usable(
    rounds: int, mistral_sandbox_url: str
) -> None:
    dice = random.Random(3)
    limits = httpx.Limits(max_connections=3)
    async with httpx.AsyncClient(limits=limits) as own:
        mine = Client(
            base_url=mistral_sandbox_url, api_key="k", http_async_client=own, timeout=10.0
        )
        for _ in range(rounds):
            tasks = [asyncio.create_task(mine.achat(ask())) for _ in range(6)]
            for task in dice.sample(tasks, 6):
                await asyncio.sleep(dice.choice([0, 0, 0.002, 0.005]))
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert busy(AsyncHttpxTransport(own)) == 0, own._transport._pool.connections  # type: ignore[attr-defined]
        assert all([(await mine.achat(ask())).text for _ in range(4)])


async def check_loop(mine: Client) -> None:
    assert taken_slots(concurrency._loop_slots.get(asyncio.get_running_loop(), {})) == 0
    if mine.settings.mode == "direct":
        assert (
            busy(
                await async_transport(
                    TransportOptions(environment_proxies=EnvironmentProxies.read()),
                    "http://localhost",
                )
            )
            == 0
        )


# --- a thread that is interrupted ----------------------------------------------------------------------


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Whoever runs the tests may have switched Ctrl-C off in this process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def interrupted(when: Callable[[], bool]) -> Iterator[None]:
    """Press Ctrl-C in the main thread, a little after it has reached a stage."""

    def press() -> None:
        until(when)
        time.sleep(SETTLING)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        yield
    thread.join()


def call_here(mine: Client, *, streamed: bool) -> str:
    if not streamed:
        return mine.chat(ask(LONG)).text
    with mine.stream(ask(LONG)) as stream:
        return "".join([delta.text for delta in stream])


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize(("point", "streamed"), WAYS)
def test_an_interrupted_thread(
    point: Point, streamed: bool, mine: Client, mistral_sandbox: Sandbox
) -> None:
    mistral_sandbox.inject(Fault(stall_after=6, stall_seconds=30, when=OTHER), times=None)
    mistral_sandbox.inject(point.fault)
    others = [mine.stream(ask(OTHER)) for _ in range(point.others)]
    for other in others:
        next(other)
    with interrupted(lambda: arrived(mistral_sandbox, point)):
        call_here(mine, streamed=streamed)
    assert taken_slots(concurrency._thread_slots) == point.others
    for other in others:
        assert next(other).text
        other.close()
    assert len(mistral_sandbox.requests) == max(point.others, 1)
    mistral_sandbox.reset()
    assert call_here(mine, streamed=streamed)


# --- a stream that is left -----------------------------------------------------------------------------


def test_a_stream_that_is_closed(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02), times=None)
    stream = mine.stream(ask(LONG))
    next(stream)
    assert taken_slots(concurrency._thread_slots) == 1
    stream.close()
    assert list(stream) == []
    stream.close()
    (attempt,) = stream.info.attempts  # what was read of it has its price
    assert (attempt.status, attempt.error) == (200, None)


def test_a_stream_that_is_closed_before_it_began(mine: Client, mistral_sandbox: Sandbox) -> None:
    mine.stream(ask(LONG)).close()
    assert mistral_sandbox.requests == []


def test_a_stream_whose_reader_fails(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02))
    with pytest.raises(ZeroDivisionError), mine.stream(ask(LONG)) as stream:
        for _ in stream:
            1 / 0  # noqa: B018


def test_an_abandoned_stream(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02))
    for _ in mine.stream(ask(LONG)):
        break
    gc.collect()
    assert taken_slots(concurrency._thread_slots) == 0


async def test_an_async_stream_that_is_closed(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02), times=None)
    stream = mine.astream(ask(LONG))
    await anext(stream)
    assert taken_slots(concurrency._loop_slots[asyncio.get_running_loop()]) == 1
    await stream.aclose()
    assert [delta async for delta in stream] == []
    await stream.aclose()
    await check_loop(mine)


async def test_an_async_stream_that_is_closed_before_it_began(
    mine: Client, mistral_sandbox: Sandbox
) -> None:
    await mine.astream(ask(LONG)).aclose()
    assert mistral_sandbox.requests == []


async def test_an_async_stream_whose_reader_fails(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02))
    with pytest.raises(ZeroDivisionError):
        async with mine.astream(ask(LONG)) as stream:
            async for _ in stream:
                1 / 0  # noqa: B018
    await check_loop(mine)


async def test_an_abandoned_async_stream(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02))
    async for _ in mine.astream(ask(LONG)):
        break
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0.01)  # the loop closes what nobody refers to
    await check_loop(mine)


async def test_a_loop_that_ends_during_a_stream(mine: Client, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.02))
    kept = []

    async def run() -> None:
        stream = mine.astream(ask(LONG))
        kept.append(stream)
        await anext(stream)

    await asyncio.to_thread(asyncio.run, run())
    assert len(mistral_sandbox.requests) == 1


# --- what its breaker hears ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_that_is_left_after_its_first_content_was_a_success(
    is_async: bool, mistral_sandbox: Sandbox
) -> None:
    """Otherwise readers that never read to the end would keep a breaker half-open forever."""
    breaker = {"failure_threshold": 1, "cooldown_interval": 300, "failure_status_codes": [500]}
    config = {"custom_host": "sandbox:", "cb_config": breaker}
    mine = Client(base_url="sandbox:", portkey_config=config)
    mistral_sandbox.fail(500)
    with pytest.raises(InternalServerError):
        mine.chat(ask())
    time.sleep(0.35)

    async def leave() -> None:
        async with mine.astream(ask(LONG)) as stream:
            await anext(stream)

    if is_async:
        asyncio.run(leave())
    else:
        with mine.stream(ask(LONG)) as stream:
            next(stream)
    (key,) = resolve_options(mine.settings, None).config_facts.breaker_keys.values()
    assert connect("memory:").admit(key, Breaker(failure_threshold=1), time.monotonic())
    assert connect("memory:").admit(key, Breaker(failure_threshold=1), time.monotonic())
