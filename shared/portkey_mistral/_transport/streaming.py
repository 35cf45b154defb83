"""Follows a plan to a streamed response, sync and async.

Until the first content a failure is retried or falls back like any other. After it a break raises
`StreamInterruptedError`, or the response is continued by the next attempt (`on_interrupt="resume"`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, Self

from portkey_mistral._routing.outcomes import Answered, Attempt, Committed, Interrupted, Plan
from portkey_mistral._transport.attempt import health, run_blocking
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.call_log import CallLog
from portkey_mistral._transport.observer import CallObserver
from portkey_mistral._transport.results import FinishedAttempt
from portkey_mistral._transport.run import next_attempt, start_plan
from portkey_mistral._transport.stream_attempt import StreamAttempt
from portkey_mistral._transport.stream_exchange import AsyncStreamExchange, exchange_stream
from portkey_mistral._transport.waiting import apause, pause
from portkey_mistral.accumulator import Assembler
from portkey_mistral.exceptions import APIError, PortkeyMistralError, StreamInterruptedError
from portkey_mistral.responses import CallInfo, ChatResponse, Delta, Usage

__all__ = ["AsyncStream", "Stream"]

_ENDED_BY_THE_CALLER = (GeneratorExit, asyncio.CancelledError, KeyboardInterrupt)
"""A stream was closed, its task was cancelled, or its program is ending."""


class _StreamState:
    """The state of a sync or async stream from its first attempt to its last."""

    def __init__(self, call: Call[ChatResponse]) -> None:
        self.call = call
        self.call_log = CallLog(call)
        self.response = Assembler()
        self.so_far = ""
        self._spent: Usage | None = None

    @contextmanager
    def observed(self, *, is_async: bool) -> Generator[CallObserver]:
        """Observe the call until its stream ends, fails, is closed or abandoned."""
        with self.call.observe(self.call, is_async=is_async) as observer:
            self.call_log.observer = observer
            try:
                yield observer
            finally:
                observer.responded(lambda: self.response.response(self.call_log.info()))

    def stream_attempt(self, attempt: Attempt) -> StreamAttempt:
        observer = self.call_log.observer
        return StreamAttempt(
            self.call, attempt, self.response, self.so_far, self._spent, observer=observer
        )

    def next_attempt(self, plan: Plan, stream: StreamAttempt) -> Attempt | None:
        """Send an attempt's outcome to the plan. Return the next attempt, or None once the response is complete.

        Raises:
            PortkeyMistralError: the stream broke and cannot be continued, or the plan has no further attempt.
        """
        finished = stream.finished
        if finished is None:
            raise RuntimeError("an attempt ended without a result")
        self.call_log.add(finished)
        if isinstance(finished.result.outcome, Interrupted):
            self.so_far, self._spent = self._continue_from(stream, finished.attempt)
        attempt = next_attempt(plan, finished)
        if attempt is None:
            self._raise_unless_answered(finished)
        return attempt

    def closed_early(self, stream: StreamAttempt) -> None:
        """Add an attempt that the caller stopped reading: `info` tells what it cost."""
        if stream.finished is not None:
            self.call_log.add(stream.finished)

    def not_sent(self, error: PortkeyMistralError) -> None:
        """Add what came before it to the error for an attempt that could not be sent.

        Raises:
            StreamInterruptedError: the attempt was to continue an interrupted response.
        """
        self.call_log.add_history(error)
        if self.so_far:
            raise self._not_continued(error) from error

    def _continue_from(self, stream: StreamAttempt, attempt: Attempt) -> tuple[str, Usage]:
        """Return the text that the next attempt has to continue, and the usage so far."""
        text = None
        if self.call.resume and self.call.builder.not_resumable(attempt) is None:
            text = stream.text_to_continue()
        if text is None:
            raise self.call_log.failure()
        return text, stream.usage()

    def _raise_unless_answered(self, finished: FinishedAttempt[Any]) -> None:
        # A skipped attempt has no error of its own.
        if isinstance(finished.result.outcome, Answered | Committed) and not finished.result.error:
            return
        error = self.call_log.failure()
        if self.so_far and not isinstance(error, StreamInterruptedError):
            raise self._not_continued(error) from error
        raise error from error.__cause__

    def _not_continued(self, last: PortkeyMistralError) -> StreamInterruptedError:
        """Return the error for an interrupted response that no further attempt could continue."""
        error = StreamInterruptedError(
            f"The stream broke off after its first content, and could not be continued: {last.message}",
            partial=self.response.messages()[0],
            usage=self._spent,
        )
        if isinstance(last, APIError):
            error.trace_id, error.request_id = last.trace_id, last.request_id
        self.call_log.add_attempts(error)
        return error


class _StreamBase:
    """The common base of `Stream` and `AsyncStream`.

    Their generators refer to the state, not to the stream. Without that cycle, the connection of an abandoned stream is
    closed immediately, not when the garbage collector runs.
    """

    def __init__(self, call: Call[ChatResponse]) -> None:
        self._state = _StreamState(call)
        self._ready: deque[Delta] = deque()

    @property
    def info(self) -> CallInfo:
        """How the call went; complete once the stream has ended."""
        return self._state.call_log.info()

    def response(self) -> ChatResponse:
        """The response received so far, its deltas joined."""
        return self._state.response.response(self.info)

    def _take_ready(self) -> list[Delta]:
        """Return the rest of a batch whose deltas were being delivered one by one."""
        deltas = list(self._ready)
        self._ready.clear()
        return deltas


class Stream(_StreamBase, Iterator[Delta]):
    """The deltas of one response, one by one or, with `read()`, as many as have arrived.

    Nothing is sent before the first one is requested. To stop early, use it as a context manager or call `close()`,
    which closes the connection immediately.
    """

    def __init__(self, call: Call[ChatResponse]) -> None:
        super().__init__(call)
        self._batches = _batches(self._state)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Delta:
        while not self._ready:
            self._ready.extend(next(self._batches))
        return self._ready.popleft()

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
        """Return the deltas that have arrived, waiting for the next if there are none; [] after the last."""
        if self._ready:
            return self._take_ready()
        return next(filter(None, self._batches), [])


def _batches(state: _StreamState) -> Generator[list[Delta]]:
    with (
        state.observed(is_async=False) as observer,
        closing(start_plan(state.call, health(state.call))) as plan,
    ):
        attempt: Attempt | None = next(plan)
        while attempt is not None:
            observer.planned(attempt)
            pause(state.call, attempt)
            stream = state.stream_attempt(attempt)
            try:
                yield from exchange_stream(state.call, attempt, stream, state.so_far)
            except _ENDED_BY_THE_CALLER:
                state.closed_early(stream)
                raise
            except PortkeyMistralError as error:
                state.not_sent(error)
                raise
            attempt = state.next_attempt(plan, stream)


class AsyncStream(_StreamBase, AsyncIterator[Delta]):
    """The async twin of `Stream`."""

    def __init__(self, call: Call[ChatResponse]) -> None:
        super().__init__(call)
        self._batches = _abatches(self._state)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        while not self._ready:
            self._ready.extend(await anext(self._batches))
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
            return self._take_ready()
        async for deltas in self._batches:
            if deltas:
                return deltas
        return []


# Not a nested generator: at the end of a loop asyncio closes all generators at once, and an inner one that its outer
# one is closing raises "asynchronous generator is already running".
async def _abatches(state: _StreamState) -> AsyncGenerator[list[Delta]]:
    with (
        state.observed(is_async=True) as observer,
        closing(start_plan(state.call, await run_blocking(state.call, health, state.call))) as plan,
    ):
        attempt: Attempt | None = next(plan)
        while attempt is not None:
            observer.planned(attempt)
            await apause(state.call, attempt)
            stream = state.stream_attempt(attempt)
            try:
                async with AsyncStreamExchange(
                    state.call, attempt, stream, state.so_far
                ) as exchange:
                    while (deltas := await exchange.read()) is not None:
                        yield deltas
            except _ENDED_BY_THE_CALLER:
                state.closed_early(stream)
                raise
            except PortkeyMistralError as error:
                state.not_sent(error)
                raise
            attempt = state.next_attempt(plan, stream)
