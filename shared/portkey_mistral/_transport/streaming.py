"""Follows a plan to a stream, sync and async.

Until the first content event a failure retries or falls back like any other. After it a break raises
`StreamInterruptedError`, or the answer is continued on the next attempt (`on_interrupt="resume"`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from portkey_mistral._engine.outcomes import Answered, Attempt, Committed, Interrupted
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.carriers import AsyncReply, Head
from portkey_mistral._transport.drive import FAULTS, aawait_turn, apause, await_turn, pause
from portkey_mistral._transport.journal import Journal
from portkey_mistral._transport.judging import is_success
from portkey_mistral._transport.permits import AsyncPermit, Permit
from portkey_mistral._transport.reading import BROKEN, Reading
from portkey_mistral._transport.sending import asend, send
from portkey_mistral._transport.thresholds import Settled, aside, health, prepare, settle
from portkey_mistral._transport.watchdog import Watchdog, abody_in_time, body_in_time
from portkey_mistral._wire.assembly import Assembler
from portkey_mistral.exceptions import APIError, PortkeyMistralError, StreamInterruptedError
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
        self._ready: deque[Delta] = deque()

    @property
    def info(self) -> CallInfo:
        """How the call went; complete once the stream has ended."""
        return self._journal.info()

    def response(self) -> ChatResponse:
        """The answer as far as it has come, joined."""
        return self._answer.response(self.info)

    def _taken(self) -> list[Delta]:
        """Take what is left of deltas that were begun to be given one by one."""
        taken = list(self._ready)
        self._ready.clear()
        return taken

    def _begin(self, attempt: Attempt) -> Reading:
        return Reading(self._call, attempt, self._answer, self._so_far, self._spent)

    def _over(self, reading: Reading) -> Settled[Any]:
        """Note how an attempt ended; raise where a broken stream may not be continued."""
        settled = reading.settled
        if settled is None:
            raise RuntimeError("an attempt ended without a verdict")
        self._journal.note(settled)
        if isinstance(settled.verdict.outcome, Interrupted):
            self._spent = reading.cost()
            text = self._continuable(reading, settled.attempt)
            if text is None:
                raise self._journal.failure()
            self._so_far = text
        return settled

    def _continuable(self, reading: Reading, attempt: Attempt) -> str | None:
        resumption = self._call.resumption
        if resumption is None or resumption.unfit(attempt) is not None:
            return None
        return reading.continuable()

    def _conclude(self, settled: Settled[Any]) -> None:
        """Raise unless the plan ended with an answer: an attempt that was skipped has no error."""
        if isinstance(settled.verdict.outcome, Answered | Committed) and not settled.verdict.error:
            return
        error = self._journal.failure()
        if self._so_far and not isinstance(error, StreamInterruptedError):
            raise self._abandoned(error) from error
        raise error from error.__cause__

    def _abandoned(self, last: PortkeyMistralError) -> StreamInterruptedError:
        """The error for an answer that was cut, and that no other attempt could continue."""
        error = StreamInterruptedError(
            f"The stream broke off after its first content, and could not be continued: {last.message}",
            partial=self._answer.messages()[0],
            usage=self._spent,
        )
        if isinstance(last, APIError):
            error.attempts, error.trace_id = last.attempts, last.trace_id
            error.request_id = last.request_id
        return error


class Stream(_Course, Iterator[Delta]):
    """The deltas of one answer, one by one or, with `read()`, as many as have come at once.

    Nothing is sent before the first is asked for. Use it as a context manager, or call `close()`, to stop early:
    the connection is closed at once.
    """

    def __init__(self, call: Call[ChatResponse]) -> None:
        super().__init__(call)
        self._batches = self._run()
        self._deltas = self._singly()

    # The generator itself: a loop over it spares the detour over `__next__` for every delta.
    def __iter__(self) -> Iterator[Delta]:  # noqa: PYI034
        return self._deltas

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
        self._batches.close()
        self._ready.clear()

    def read(self) -> list[Delta]:
        """Return what has come since, waiting if it is nothing yet; an empty list once the answer has ended."""
        if self._ready:
            return self._taken()
        return next(filter(None, self._batches), [])

    def _singly(self) -> Generator[Delta]:
        try:
            while deltas := self.read():
                self._ready.extend(deltas)
                while self._ready:
                    yield self._ready.popleft()
        finally:  # who closes this one, as `yield from` does, means all of it
            self.close()

    def _run(self) -> Generator[list[Delta]]:
        plan = self._call.plan(health(self._call))
        try:
            attempt = next(plan)
            while True:
                pause(self._call, attempt)
                reading = self._begin(attempt)
                yield from self._play(attempt, reading)
                settled = self._over(reading)
                try:
                    attempt = plan.send(settled.verdict.outcome)
                except StopIteration:
                    return self._conclude(settled)
        finally:
            plan.close()

    def _play(self, attempt: Attempt, reading: Reading) -> Iterator[list[Delta]]:
        call = self._call
        ready = prepare(call, attempt, self._so_far)
        if not isinstance(ready, Settled):
            ready = await_turn(call, attempt, ready) or ready
        if isinstance(ready, Settled):
            reading.settled = ready
            return
        try:
            with Permit(call.limits.bound, call.deadline):
                yield from self._exchange(attempt, ready, reading)
        finally:
            reading.left()
            if reading.settled is not None:
                settle(call, reading.settled, b"")

    def _exchange(
        self, attempt: Attempt, sending: Sending, reading: Reading
    ) -> Iterator[list[Delta]]:
        call = self._call
        reading.sent()
        try:
            with send(call, attempt, sending) as reply:
                if _is_unwanted(reply, attempt):
                    reading.discard(sending, reply.status, reply.headers)
                elif not _is_stream(reply):
                    body = body_in_time(reply, call, reading)
                    yield reading.whole(sending, reply.status, reply.headers, body)
                else:
                    reading.opened(sending, reply.status, reply.headers)
                    with Watchdog(reply, call, reading) as watchdog:
                        for data in watchdog.watched(reply.chunks()):
                            yield reading.feed(data)
                            if reading.fault is not None:
                                raise reading.fault
                    yield reading.end()
        except (*FAULTS, *BROKEN) as fault:
            yield reading.broke(fault, sending)


class AsyncStream(_Course, AsyncIterator[Delta]):
    """The async twin of `Stream`."""

    def __init__(self, call: Call[ChatResponse]) -> None:
        super().__init__(call)
        self._batches = self._run()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        if not self._ready:
            self._ready.extend(await self.read())
        if not self._ready:
            raise StopAsyncIteration
        return self._ready.popleft()

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
        self._ready.clear()
        await self._batches.aclose()

    async def read(self) -> list[Delta]:
        """The async twin of `Stream.read`."""
        if self._ready:
            return self._taken()
        async for deltas in self._batches:
            if deltas:
                return deltas
        return []

    # One generator, and none within it: asyncio closes all of them at once at the end of a loop, and an
    # inner one that its outer is closing would complain.
    async def _run(self) -> AsyncGenerator[list[Delta]]:
        plan = self._call.plan(await aside(self._call, health, self._call))
        try:
            attempt = next(plan)
            while True:
                await apause(self._call, attempt)
                reading = self._begin(attempt)
                async with _AsyncTake(self._call, attempt, reading, self._so_far) as take:
                    while (deltas := await take.next()) is not None:
                        yield deltas
                settled = self._over(reading)
                try:
                    attempt = plan.send(settled.verdict.outcome)
                except StopIteration:
                    self._conclude(settled)
                    return
        finally:
            plan.close()


class _AsyncTake:
    """One attempt of an async stream, a few deltas at a time. What breaks it ends up in the reading."""

    def __init__(
        self, call: Call[ChatResponse], attempt: Attempt, reading: Reading, so_far: str
    ) -> None:
        self._call, self._attempt, self._reading, self._so_far = call, attempt, reading, so_far
        self._permit = AsyncPermit(call.limits.bound, call.deadline)
        self._sending: Sending | None = None
        self._reply: AsyncReply | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._watchdog: Watchdog | None = None

    async def __aenter__(self) -> Self:
        ready = await aside(self._call, prepare, self._call, self._attempt, self._so_far)
        if not isinstance(ready, Settled):
            ready = await aawait_turn(self._call, self._attempt, ready) or ready
        if isinstance(ready, Settled):
            self._reading.settled = ready
        else:
            self._sending = ready
            await self._permit.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._let_go()
        finally:
            self._permit.release()
        self._reading.left()
        settled = self._reading.settled
        if self._sending is not None and settled is not None:
            await aside(self._call, settle, self._call, settled, b"")

    async def next(self) -> list[Delta] | None:
        """Return the next deltas, perhaps none yet; None after the last."""
        if self._reading.settled is not None or self._sending is None:
            return None
        try:
            return await self._next(self._sending)
        except (*FAULTS, *BROKEN) as fault:
            return self._reading.broke(fault, self._sending)

    async def _next(self, sending: Sending) -> list[Delta]:
        reading = self._reading
        if self._chunks is None or self._watchdog is None:
            return await self._open(sending)
        if reading.fault is not None:
            raise reading.fault
        data = await self._watchdog.anext(self._chunks)
        return reading.end() if data is None else reading.feed(data)

    async def _open(self, sending: Sending) -> list[Delta]:
        self._reading.sent()
        self._reply = reply = await asend(self._call, self._attempt, sending)
        if _is_unwanted(reply, self._attempt):
            self._reading.discard(sending, reply.status, reply.headers)
            return []
        if not _is_stream(reply):
            body = await abody_in_time(reply, self._call, self._reading)
            return self._reading.whole(sending, reply.status, reply.headers, body)
        self._reading.opened(sending, reply.status, reply.headers)
        self._chunks = reply.chunks()
        self._watchdog = Watchdog(reply, self._call, self._reading)
        return []

    async def _let_go(self) -> None:
        if self._reply is None:
            return
        try:
            # httpx's own generators: left to the garbage collector, they could outlive their loop.
            if isinstance(self._chunks, AsyncGenerator):
                with suppress(RuntimeError):  # the end of a loop may be closing them already
                    await self._chunks.aclose()
        finally:
            await self._reply.aclose()


def _is_unwanted(reply: Head, attempt: Attempt) -> bool:
    """Whether a good answer is thrown away by the config, so that nothing of it may reach the caller."""
    return is_success(reply.status) and reply.status in attempt.unwanted


def _is_stream(reply: Head) -> bool:
    """Whether events follow; an error, or a server that does not stream, sends one body."""
    kind = reply.headers.get("content-type", "text/event-stream")
    return is_success(reply.status) and kind.startswith("text/event-stream")
