"""Observes calls: makes their log records, and where the application uses OpenTelemetry, their spans and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from portkey_mistral._telemetry import logs
from portkey_mistral._telemetry.activation import is_traced
from portkey_mistral._telemetry.attributes import operation_name
from portkey_mistral._telemetry.errors import is_cancellation
from portkey_mistral._transport.httpx_transport import library_of
from portkey_mistral._transport.library import choose_library

if TYPE_CHECKING:
    from portkey_mistral._routing.outcomes import Attempt
    from portkey_mistral._telemetry.attempts import AttemptSpans
    from portkey_mistral._telemetry.operations import OperationSpan
    from portkey_mistral._transport.call import Call, WireRequest
    from portkey_mistral._transport.observer import CallObserver
    from portkey_mistral._transport.results import FinishedAttempt
    from portkey_mistral.responses import AttemptRecord

__all__ = ["JobObserver", "observe_call", "start_operation"]

_NO_CONTEXT = nullcontext()


def observe_call(call: Call[Any], *, is_async: bool) -> CallObserver:
    """Observe a call that is not part of a job."""
    return _CallObserver(call, start_operation(), is_async=is_async)


def start_operation() -> OperationSpan | None:
    """Start the span of an operation; None where nobody would see it."""
    return _operation_span() if is_traced() else None


def _operation_span() -> OperationSpan:
    from portkey_mistral._telemetry.operations import OperationSpan
    from portkey_mistral._telemetry.providers import current_telemetry

    return OperationSpan(current_telemetry())


class JobObserver:
    """Observes an embedding job: one operation of any number of calls."""

    def __init__(self) -> None:
        self._operation: OperationSpan | None = None

    def __enter__(self) -> Self:
        self._operation = start_operation()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._operation is not None:
            self._operation.end(error)

    def observe(self, call: Call[Any], *, is_async: bool) -> CallObserver:
        """Observe one of the job's calls."""
        return _CallObserver(call, self._operation, is_async=is_async, is_part=True)


class _CallObserver:
    """Implements `CallObserver`. `is_part` is set where the operation is a job's, which ends it itself."""

    __slots__ = (
        "_call",
        "_is_async",
        "_is_part",
        "_last",
        "_operation",
        "_path",
        "_planned_at",
        "_spans",
        "_wait",
    )

    def __init__(
        self,
        call: Call[Any],
        operation: OperationSpan | None,
        *,
        is_async: bool,
        is_part: bool = False,
    ) -> None:
        self._call, self._operation = call, operation
        self._is_async, self._is_part = is_async, is_part
        self._spans: AttemptSpans | None = None
        self._last: tuple[FinishedAttempt[Any], AttemptRecord] | None = None
        self._path: str | None = None
        self._planned_at = self._wait = 0.0

    def __enter__(self) -> Self:
        if self._operation is not None:
            from portkey_mistral._telemetry.attempts import AttemptSpans

            self._operation.begin(self._call)
            self._spans = AttemptSpans(self._operation, self._call)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and is_cancellation(error):
            with self.exchange():
                logs.call_cancelled(self._name, self._path)
        if self._spans is None or self._operation is None:
            return
        self._spans.stop()
        if not self._is_part:
            self._operation.end(error)

    def planned(self, attempt: Attempt) -> None:
        self._planned_at = now = time.monotonic()
        if self._last is not None:
            with self.exchange():
                logs.attempt_follows(
                    *self._last,
                    attempt,
                    self._call.secrets,
                    operation=self._name,
                    wait=max(attempt.not_before - now, 0.0),
                )

    def sending(self, attempt: Attempt, wire_request: WireRequest) -> WireRequest:
        self._wait = time.monotonic() - self._planned_at
        self._path = attempt.path
        if self._spans is None:
            return wire_request
        return self._spans.sending(attempt, wire_request, self._transport(wire_request))

    def exchange(self) -> AbstractContextManager[None]:
        return _NO_CONTEXT if self._spans is None else self._spans.current()

    def received(self, deltas: int) -> None:
        if self._operation is not None:
            self._operation.received(deltas)

    def finished(self, finished: FinishedAttempt[Any], record: AttemptRecord) -> None:
        self._last, self._path = (finished, record), None
        if logs.is_enabled():
            with self.exchange():
                logs.attempt_finished(
                    finished,
                    record,
                    self._call.secrets,
                    operation=self._name,
                    transport=self._transport(finished.wire_request),
                    wait=self._wait,
                )
        self._wait = 0.0
        if self._spans is not None:
            self._spans.finished(finished, record)

    def responded(self, response: Callable[[], object]) -> None:
        if self._operation is not None:
            self._operation.responded(response())

    @property
    def _name(self) -> str:
        operation = self._call.facts.operation
        return operation_name(operation) or operation

    def _transport(self, wire_request: WireRequest | None) -> str:
        """Return the name of the library that carries the request."""
        if wire_request is None:
            return ""
        choice = choose_library(
            self._call.transport_options, wire_request.request.url, is_async=self._is_async
        )
        if choice.library != "client":
            return choice.library
        options = self._call.transport_options
        client = options.http_async_client if self._is_async else options.http_client
        library = library_of(client)
        return "httpx" if library is None else library.__name__
