"""Follows a plan to a stream, sync and async.

Until the first content event a failure retries or falls back like any other. After it a break raises
`StreamInterruptedError`, or the answer is continued on the next attempt (`on_interrupt="resume"`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import httpx

from portkey_mistral._engine.outcomes import Attempt, Interrupted
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.drive import FAULTS, apause, pause
from portkey_mistral._transport.journal import Journal
from portkey_mistral._transport.judging import is_success
from portkey_mistral._transport.permits import apermit, permit
from portkey_mistral._transport.reading import BROKEN, Reading, estimated_usage
from portkey_mistral._transport.sending import aopen_response, open_response
from portkey_mistral._transport.thresholds import Settled, aside, health, prepare, settle
from portkey_mistral._transport.watchdog import Watchdog
from portkey_mistral._wire.assembly import Assembler
from portkey_mistral.exceptions import PortkeyMistralError
from portkey_mistral.responses import CallInfo, ChatResponse, Delta, Usage

__all__ = ["AsyncStream", "Stream"]


class _Course:
    """What a stream keeps from its first attempt to its last. Shared by both kinds."""

    def __init__(self, call: Call[ChatResponse]) -> None:
        self._call = call
        self._journal = Journal(call)
        self._answer = Assembler()
        self._so_far = ""
        self._spent: Usage | None = None

    @property
    def info(self) -> CallInfo:
        """How the call went; complete once the stream has ended."""
        return self._journal.info()

    def response(self) -> ChatResponse:
        """The answer as far as it has come, joined."""
        return self._answer.response(self.info)

    def _begin(self, attempt: Attempt) -> Reading:
        return Reading(self._call, attempt, self._answer, self._so_far)

    def _over(self, reading: Reading) -> Settled[Any]:
        """Note how an attempt ended; raise where a broken stream may not be continued."""
        settled = reading.settled
        if settled is None:
            raise RuntimeError("an attempt ended without a verdict")
        self._journal.note(settled)
        if isinstance(settled.verdict.outcome, Interrupted):
            messages = self._answer.messages()
            text = messages[0].text if messages else ""
            if not (self._call.resumable and text):
                raise self._journal.failure()
            self._so_far = text
            self._spent = estimated_usage(self._call, self._answer)
        return settled

    def _give_up_or_end(self, settled: Settled[Any]) -> PortkeyMistralError | None:
        return self._journal.failure() if settled.verdict.error is not None else None

    def _account(self, deltas: list[Delta]) -> list[Delta]:
        """Add what cut attempts cost to the usage that the last one reports."""
        if self._spent is not None:
            for delta in deltas:
                if delta.usage is not None:
                    delta.usage = self._spent + delta.usage
        return deltas


class Stream(_Course, Iterator[Delta]):
    """The deltas of one answer. Nothing is sent before the first is asked for.

    Use it as a context manager, or call `close()`, to stop early: the connection is closed at once.
    """

    def __init__(self, call: Call[ChatResponse]) -> None:
        super().__init__(call)
        self._deltas = self._run()

    def __next__(self) -> Delta:
        return next(self._deltas)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._deltas.close()

    def _run(self) -> Generator[Delta]:
        plan = self._call.plan(health(self._call))
        try:
            attempt = next(plan)
            while True:
                pause(attempt)
                reading = self._begin(attempt)
                for deltas in self._play(attempt, reading):
                    yield from deltas
                settled = self._over(reading)
                try:
                    attempt = plan.send(settled.verdict.outcome)
                except StopIteration:
                    if (error := self._give_up_or_end(settled)) is not None:
                        raise error from error.__cause__
                    return
        finally:
            plan.close()

    def _play(self, attempt: Attempt, reading: Reading) -> Iterator[list[Delta]]:
        call = self._call
        ready = prepare(call, attempt, self._so_far)
        if isinstance(ready, Settled):
            reading.settled = ready
            return
        with permit(call.limits.bound):
            try:
                with open_response(call, attempt, ready) as response:
                    if not _is_stream(response):
                        body = response.read()
                        yield reading.whole(ready, response.status_code, response.headers, body)
                    else:
                        reading.opened(ready, response.headers)
                        yield from self._read(response, reading)
            except (*FAULTS, *BROKEN) as fault:
                reading.broke(fault, ready)
        if reading.settled is not None:
            settle(call, reading.settled, b"")

    def _read(self, response: httpx.Response, reading: Reading) -> Iterator[list[Delta]]:
        with Watchdog(response, self._call.limits, reading.started) as watchdog:
            for data in watchdog.watched(response.iter_bytes()):
                yield self._account(reading.feed(data))
                reading.check()
                watchdog.committed = reading.committed
        yield self._account(reading.end())


class AsyncStream(_Course, AsyncIterator[Delta]):
    """The async twin of `Stream`."""

    def __init__(self, call: Call[ChatResponse]) -> None:
        super().__init__(call)
        self._deltas = self._run()

    async def __anext__(self) -> Delta:
        return await anext(self._deltas)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._deltas.aclose()

    async def _run(self) -> AsyncGenerator[Delta]:
        call = self._call
        plan = call.plan(await aside(call, health, call))
        try:
            attempt = next(plan)
            while True:
                await apause(attempt)
                reading = self._begin(attempt)
                # Without aclosing, an inner generator would outlive a stream that is closed early.
                async with aclosing(self._play(attempt, reading)) as batches:
                    async for deltas in batches:
                        for delta in deltas:
                            yield delta
                settled = self._over(reading)
                try:
                    attempt = plan.send(settled.verdict.outcome)
                except StopIteration:
                    if (error := self._give_up_or_end(settled)) is not None:
                        raise error from error.__cause__
                    return
        finally:
            plan.close()

    async def _play(self, attempt: Attempt, reading: Reading) -> AsyncGenerator[list[Delta]]:
        call = self._call
        ready = await aside(call, prepare, call, attempt, self._so_far)
        if isinstance(ready, Settled):
            reading.settled = ready
            return
        async with apermit(call.limits.bound):
            try:
                async with aopen_response(call, attempt, ready) as response:
                    if not _is_stream(response):
                        body = await response.aread()
                        status, headers = response.status_code, response.headers
                        yield reading.whole(ready, status, headers, body)
                    else:
                        reading.opened(ready, response.headers)
                        async with aclosing(self._read(response, reading)) as batches:
                            async for deltas in batches:
                                yield deltas
            except (*FAULTS, *BROKEN) as fault:
                reading.broke(fault, ready)
        if reading.settled is not None:
            await aside(call, settle, call, reading.settled, b"")

    async def _read(
        self, response: httpx.Response, reading: Reading
    ) -> AsyncGenerator[list[Delta]]:
        with Watchdog(response, self._call.limits, reading.started) as watchdog:
            async with aclosing(watchdog.awatched(response.aiter_bytes())) as chunks:
                async for data in chunks:
                    yield self._account(reading.feed(data))
                    reading.check()
                    watchdog.committed = reading.committed
        yield self._account(reading.end())


def _is_stream(response: httpx.Response) -> bool:
    """Whether events follow; an error, or a server that does not stream, sends one body."""
    kind = response.headers.get("content-type", "text/event-stream")
    return is_success(response.status_code) and kind.startswith("text/event-stream")
