"""Sends one attempt of a stream and reads its events, sync and async.

`StreamAttempt` interprets them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing, suppress
from typing import Literal, Self

from portkey_mistral._routing.outcomes import Attempt
from portkey_mistral._transport.attempt import begin, finish, run_blocking
from portkey_mistral._transport.base import (
    AsyncTransportResponse,
    ResponseHead,
    TransportResponse,
)
from portkey_mistral._transport.budgets import areserve, reserve
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.classify import TRANSPORT_FAULTS
from portkey_mistral._transport.concurrency import AsyncConcurrencySlot, ConcurrencySlot
from portkey_mistral._transport.results import FinishedAttempt, is_success
from portkey_mistral._transport.send import asend, send
from portkey_mistral._transport.stream_attempt import STREAM_FAULTS, StreamAttempt
from portkey_mistral._transport.timeouts import ReadDeadline, abody_in_time, body_in_time
from portkey_mistral._transport.waiting import aawait_rate_limit, await_rate_limit
from portkey_mistral.responses import ChatResponse, Delta

__all__ = ["AsyncStreamExchange", "exchange_stream", "is_event_stream"]

_DRAIN_SECONDS = 0.1
# Portkey runs guardrails on a streamed answer once it is complete, which takes as long as their checks do.
_VERDICT_SECONDS = 5.0


def exchange_stream(
    call: Call[ChatResponse], attempt: Attempt, stream: StreamAttempt, so_far: str
) -> Iterator[list[Delta]]:
    """Send an attempt and yield its deltas, batch by batch. The way it ended is recorded in `stream`."""
    ready = begin(call, attempt, so_far)
    if not isinstance(ready, FinishedAttempt):
        ready = await_rate_limit(call, attempt, ready)
    if isinstance(ready, FinishedAttempt):
        stream.finished = ready
        return
    try:
        with (
            ConcurrencySlot(call.limits.concurrency, call.deadline) as slot,
            closing(_exchange(call, attempt, ready, stream)) as batches,
        ):
            yield from batches if call.limits.concurrency is None else _noted(slot, batches)
    finally:
        stream.closed_early()
        if stream.finished is not None:
            finish(call, stream.finished)


def _noted(slot: ConcurrencySlot, batches: Iterator[list[Delta]]) -> Iterator[list[Delta]]:
    """Note who holds the slot, and whether it reads: see `ConcurrencySlot`."""
    for deltas in batches:
        slot.idle()
        yield deltas
        slot.in_use()


def _exchange(
    call: Call[ChatResponse], attempt: Attempt, wire_request: WireRequest, stream: StreamAttempt
) -> Generator[list[Delta]]:
    reserved = reserve(call, attempt, wire_request)
    if isinstance(reserved, FinishedAttempt):
        stream.finished = reserved
        return
    wire_request = stream.sending(wire_request, reserved)
    try:
        with stream.observer.exchange():
            opened = send(call, attempt, wire_request)
        with opened as response:
            match _kind(response, attempt):
                case "unwanted":
                    stream.discard(wire_request, response.status, response.headers)
                case "body":
                    body = body_in_time(response, call, stream)
                    yield stream.complete_body(
                        wire_request, response.status, response.headers, body
                    )
                case "events":
                    stream.opened(wire_request, response.status, response.headers)
                    yield from _events(call, response, stream)
    except (*TRANSPORT_FAULTS, *STREAM_FAULTS) as fault:
        yield stream.failed(fault, wire_request)


def _events(
    call: Call[ChatResponse], response: TransportResponse, stream: StreamAttempt
) -> Iterator[list[Delta]]:
    deadline, chunks = ReadDeadline(response, call, stream), response.chunks()
    while (data := deadline.next(chunks)) is not None:
        yield stream.feed(data)
        if stream.is_over:
            break
    yield stream.end()
    if stream.done:
        _drain(call, response, chunks, stream)


class AsyncStreamExchange:
    """The async twin of `exchange_stream`. A class, because an async generator cannot safely hold another one."""

    def __init__(
        self, call: Call[ChatResponse], attempt: Attempt, stream: StreamAttempt, so_far: str
    ) -> None:
        self._call, self._attempt, self._stream, self._so_far = call, attempt, stream, so_far
        self._slot = AsyncConcurrencySlot(call.limits.concurrency, call.deadline)
        self._wire_request: WireRequest | None = None
        self._response: AsyncTransportResponse | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._read_deadline: ReadDeadline | None = None

    async def __aenter__(self) -> Self:
        ready = await run_blocking(self._call, begin, self._call, self._attempt, self._so_far)
        if not isinstance(ready, FinishedAttempt):
            ready = await aawait_rate_limit(self._call, self._attempt, ready)
        if isinstance(ready, FinishedAttempt):
            self._stream.finished = ready
        else:
            self._wire_request = ready
            await self._slot.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._close()
        finally:
            self._slot.release()
        self._stream.closed_early()
        finished = self._stream.finished
        if self._wire_request is not None and finished is not None:
            await run_blocking(self._call, finish, self._call, finished)

    async def read(self) -> list[Delta] | None:
        """Return the next deltas, perhaps none yet; None after the last."""
        if self._wire_request is None:
            return None
        self._slot.in_use()
        try:
            if self._stream.finished is None:
                return await self._read(self._wire_request)
            await self._drain()
        except (*TRANSPORT_FAULTS, *STREAM_FAULTS) as fault:
            return self._stream.failed(fault, self._wire_request)
        finally:
            self._slot.idle()
        return None

    async def _read(self, wire_request: WireRequest) -> list[Delta]:
        stream = self._stream
        if self._chunks is None or self._read_deadline is None:
            return await self._open(wire_request)
        if stream.is_over:
            return stream.end()
        data = await self._read_deadline.anext(self._chunks)
        return stream.end() if data is None else stream.feed(data)

    async def _open(self, wire_request: WireRequest) -> list[Delta]:
        stream = self._stream
        reserved = await areserve(self._call, self._attempt, wire_request)
        if isinstance(reserved, FinishedAttempt):
            stream.finished = reserved
            return []
        wire_request = stream.sending(wire_request, reserved)
        with stream.observer.exchange():
            response = await asend(self._call, self._attempt, wire_request)
        self._response = response
        match _kind(response, self._attempt):
            case "unwanted":
                stream.discard(wire_request, response.status, response.headers)
            case "body":
                body = await abody_in_time(response, self._call, stream)
                return stream.complete_body(wire_request, response.status, response.headers, body)
            case "events":
                stream.opened(wire_request, response.status, response.headers)
                self._chunks = response.chunks()
                self._read_deadline = ReadDeadline(response, self._call, stream)
        return []

    async def _drain(self) -> None:
        if self._stream.done and self._response is not None and self._chunks is not None:
            chunks, self._chunks = self._chunks, None
            await _adrain(self._call, self._response, chunks, self._stream)

    async def _close(self) -> None:
        if self._response is not None:
            await self._response.aclose()


def _kind(response: ResponseHead, attempt: Attempt) -> Literal["unwanted", "body", "events"]:
    """Decide from the head how to read a response.

    A success status on which the config retries or falls back is unwanted: nothing of the response may reach the
    caller. An error, or the response of a server that does not stream, is read as one body.
    """
    if not is_success(response.status):
        return "body"
    if response.status in attempt.unwanted:
        return "unwanted"
    content_type = response.headers.get("content-type", "text/event-stream")
    return "events" if is_event_stream(content_type) else "body"


def is_event_stream(content_type: str) -> bool:
    """Whether a Content-Type is that of server-sent events. Media types are case-insensitive (RFC 9110, 8.3.1)."""
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"


def _limit_drain(call: Call[ChatResponse], response: ResponseHead, stream: StreamAttempt) -> None:
    now = time.monotonic()
    seconds = _VERDICT_SECONDS if stream.awaits_verdicts else _DRAIN_SECONDS
    until = now + seconds if call.deadline is None else min(now + seconds, call.deadline)
    response.limit_reads(seconds, until)


def _take_trailer(
    call: Call[ChatResponse], response: ResponseHead, stream: StreamAttempt, data: bytes
) -> None:
    awaited = stream.awaits_verdicts
    stream.feed_trailer(data)
    if awaited and not stream.awaits_verdicts:
        _limit_drain(call, response, stream)


def _drain(
    call: Call[ChatResponse],
    response: TransportResponse,
    chunks: Iterator[bytes],
    stream: StreamAttempt,
) -> None:
    """Read what follows `[DONE]`: verdicts on the answer, and the end of the body, so that the connection can be reused."""
    _limit_drain(call, response, stream)
    with suppress(*TRANSPORT_FAULTS):
        for data in chunks:
            _take_trailer(call, response, stream, data)


async def _adrain(
    call: Call[ChatResponse],
    response: AsyncTransportResponse,
    chunks: AsyncIterator[bytes],
    stream: StreamAttempt,
) -> None:
    """The async twin of `_drain`."""
    _limit_drain(call, response, stream)
    with suppress(*TRANSPORT_FAULTS):
        async for data in chunks:
            _take_trailer(call, response, stream, data)
