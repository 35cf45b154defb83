"""When the span of a call ends, and whose child it is: streams, cancellations, threads and tasks."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import httpx
import pytest
from opentelemetry.trace import StatusCode

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import (
    Client,
)
from portkey_mistral.exceptions import (
    StreamInterruptedError,
)
from scripted import Network, answer, network, sse, stream
from telemetry import Watched

KEY = "sk-mistral-very-secret-key"
URL = "http://primary.test:8080/v1"
every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
streamed = pytest.mark.parametrize("kind", STREAMED)


def reply(kind: Kind, text: str = "Hi!") -> httpx.Response:
    return answer(text) if kind in KINDS else stream({"content": text})


def client(replies: Network, **fields: object) -> Client:
    known = {"base_url": URL, "api_key": KEY, "max_retries": 0, **replies.clients}
    return Client(**{**known, **fields})


# --- streams: the span ends with the stream -------------------------------------------------------


def broken() -> httpx.Response:
    """A stream that is cut after its first content."""
    return sse([event_of("Hel"), event_of("lo")], done=False)


def event_of(text: str) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "s1", "model": "mistral-small-2603", "choices": [choice]}


@streamed
def test_a_stream_that_breaks(kind: Kind, otel: Watched) -> None:
    with pytest.raises(StreamInterruptedError):
        kind.run(client(network(broken())), ask(), None)
    name = "portkey_mistral.exceptions.StreamInterruptedError"
    assert otel.call.attributes["error.type"] == otel.attempts[0].attributes["error.type"] == name
    assert otel.call.attributes["gen_ai.response.id"] == "s1"


@streamed
def test_a_stream_that_is_resumed_is_one_call(kind: Kind, otel: Watched) -> None:
    replies = network(broken(), stream({"content": "Hello"}, {"content": "!"}))
    config = {"provider": "mistral-ai", "custom_host": URL, "retry": {"attempts": 1}}
    mine = client(replies, portkey_config=config, on_interrupt="resume")
    assert kind.run(mine, ask(), None).text == "Hello!"
    first, second = otel.attempts
    assert first.status.status_code is StatusCode.ERROR
    assert second.attributes["http.request.resend_count"] == 1
    assert otel.call.status.status_code is StatusCode.UNSET
    assert otel.call.attributes["portkey_mistral.usage.estimated"] is True


def test_a_stream_that_is_closed(otel: Watched) -> None:
    opened = client(network(stream({"content": "a"}, {"content": "b"}))).stream(ask())
    next(opened)
    assert otel.spans == []
    opened.close()
    assert otel.call.attributes["portkey_mistral.cancelled"] is True
    assert otel.call.status.status_code is StatusCode.UNSET
    assert "error.type" not in otel.call.attributes
    assert len(otel.attempts) == 1


def test_a_stream_that_is_abandoned(otel: Watched) -> None:
    opened = client(network(stream({"content": "a"}, {"content": "b"}))).stream(ask())
    next(opened)
    del opened
    gc.collect()
    assert otel.call.attributes["portkey_mistral.cancelled"] is True


async def test_an_async_stream_that_is_closed(otel: Watched) -> None:
    opened = client(network(stream({"content": "a"}, {"content": "b"}))).astream(ask())
    await anext(opened)
    assert otel.spans == []
    await opened.aclose()
    assert otel.call.attributes["portkey_mistral.cancelled"] is True


def test_an_async_stream_that_is_abandoned(otel: Watched) -> None:
    async def abandon() -> None:
        opened = client(network(stream({"content": "a"}, {"content": "b"}))).astream(ask())
        await anext(opened)
        del opened

    asyncio.run(abandon())
    assert otel.call.attributes["portkey_mistral.cancelled"] is True


def test_a_stream_that_is_never_read_is_no_call(otel: Watched) -> None:
    client(network()).stream(ask()).close()
    assert otel.spans == []


async def test_a_call_that_is_cancelled(otel: Watched) -> None:
    arrived = asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError(request)

    mine = client(
        network(), http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(never))
    )
    call = asyncio.create_task(mine.achat(ask()))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    (attempt,) = otel.attempts
    assert otel.call.attributes["portkey_mistral.cancelled"] is True
    assert attempt.status.status_code is otel.call.status.status_code is StatusCode.UNSET


class Endless(httpx.AsyncByteStream):
    """A stream that goes silent after its first content."""

    def __init__(self, silent: asyncio.Event) -> None:
        self.silent = silent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield broken().content
        self.silent.set()
        await asyncio.Event().wait()


async def test_a_stream_whose_task_is_cancelled(otel: Watched) -> None:
    silent = asyncio.Event()

    async def respond(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=Endless(silent))

    transport = httpx.MockTransport(respond)
    mine = client(
        network(), http_async_client=httpx.AsyncClient(transport=transport), base_url=None
    )
    opened = mine.astream(ask())

    async def read() -> None:
        async for _ in opened:
            pass

    reader = asyncio.create_task(read())
    await silent.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    (attempt,) = otel.attempts
    assert attempt.attributes["http.response.status_code"] == 200
    assert attempt.status.status_code is otel.call.status.status_code is StatusCode.UNSET
    assert otel.call.attributes["portkey_mistral.cancelled"] is True
    cost = opened.info.cost
    assert cost is not None
    assert cost.estimated
    assert otel.call.attributes["portkey_mistral.cost.amount"] == float(cost.amount) > 0
    assert [each.status for each in opened.info.attempts] == [200]


# --- whose child a call is ------------------------------------------------------------------------


@every
def test_a_call_is_a_child_of_the_callers_span_which_stays_current(
    kind: Kind, otel: Watched
) -> None:
    with otel.tracer.start_as_current_span("mine") as mine:
        kind.run(client(network(reply(kind))), ask(), None)
        with otel.tracer.start_as_current_span("after"):
            pass
    assert otel.call.parent.span_id == mine.get_span_context().span_id
    after = next(span for span in otel.spans if span.name == "after")
    assert after.parent.span_id == mine.get_span_context().span_id


def test_spans_between_the_deltas_are_not_the_calls(otel: Watched) -> None:
    with otel.tracer.start_as_current_span("mine") as mine:
        for _ in client(network(stream({"content": "a"}))).stream(ask()):
            with otel.tracer.start_as_current_span("between"):
                pass
    between = [span for span in otel.spans if span.name == "between"]
    assert between
    assert {span.parent.span_id for span in between} == {mine.get_span_context().span_id}


def test_a_stream_may_be_read_in_another_thread(otel: Watched) -> None:
    opened = client(network(stream({"content": "a"}, {"content": "b"}))).stream(ask())
    with otel.tracer.start_as_current_span("mine") as mine:
        next(opened)
    reader = threading.Thread(target=lambda: list(opened))
    reader.start()
    reader.join()
    assert otel.call.parent.span_id == mine.get_span_context().span_id
    assert "portkey_mistral.cancelled" not in otel.call.attributes


def test_threads_that_carry_the_context(otel: Watched) -> None:
    replies = network(*(answer("a") for _ in range(4)))
    mine = client(replies)
    with ThreadPoolExecutor(2) as pool, otel.tracer.start_as_current_span("mine") as span:
        for future in [pool.submit(copy_context().run, mine.chat, ask()) for _ in range(4)]:
            future.result()
    assert {call.parent.span_id for call in otel.calls} == {span.get_span_context().span_id}
    assert len(otel.attempts) == 4


async def test_tasks_at_once_do_not_mix(otel: Watched) -> None:
    mine = client(network(*(answer("a") for _ in range(8))))
    await asyncio.gather(*(mine.achat(ask()) for _ in range(8)))
    parents = [attempt.parent.span_id for attempt in otel.attempts]
    assert sorted(parents) == sorted(call.context.span_id for call in otel.calls)
    assert len(set(parents)) == 8
