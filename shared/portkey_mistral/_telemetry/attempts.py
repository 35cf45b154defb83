"""The spans of the attempts of one call: each is one HTTP request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from portkey_mistral._api import path_of
from portkey_mistral._telemetry.attributes import Attributes, attempt_attributes, record_attributes
from portkey_mistral._telemetry.errors import error_message
from portkey_mistral._telemetry.propagation import context_of, with_trace

if TYPE_CHECKING:
    from portkey_mistral._routing.outcomes import Attempt
    from portkey_mistral._telemetry.operations import OperationSpan
    from portkey_mistral._transport.call import Call, WireRequest
    from portkey_mistral._transport.results import FinishedAttempt
    from portkey_mistral.responses import AttemptRecord

__all__ = ["AttemptSpans"]

_SERVER = ("server.address", "server.port")


class AttemptSpans:
    """Makes a span of each attempt that is sent, and an event of the call's span of each that is not."""

    def __init__(self, operation: OperationSpan, call: Call[Any]) -> None:
        self.operation = operation
        self._call = call
        self._span: Span | None = None
        self._context = operation.context
        self._sent = 0

    def sending(self, attempt: Attempt, wire_request: WireRequest, transport: str) -> WireRequest:
        """Start the span of an attempt, and return its request with the trace context."""
        attributes = attempt_attributes(
            attempt, wire_request, sent_before=self._sent, transport=transport
        )
        self._sent += 1
        facts = self._call.facts
        self.operation.answered_by(
            {name: attributes[name] for name in _SERVER if name in attributes}
        )
        self._span = self.operation.telemetry.tracer.start_span(
            f"{wire_request.request.method} /v1{path_of(facts.operation, facts.params)}",
            self.operation.context,
            SpanKind.CLIENT,
            attributes,
        )
        self._context = context_of(self._span, self.operation.context)
        return with_trace(self._call, wire_request, self._context)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the span of the attempt current, else that of the call. Nothing may be yielded to a caller within it."""
        token = attach(self._context)
        try:
            yield
        finally:
            detach(token)

    def finished(self, finished: FinishedAttempt[Any], record: AttemptRecord) -> None:
        """End the span of an attempt."""
        if self._span is None:
            self._not_sent(record)
            return
        error = finished.result.error
        self._span.set_attributes(record_attributes(record, error))
        if error is not None:
            self._span.set_status(Status(StatusCode.ERROR, error_message(error)))
        self.stop()

    def stop(self) -> None:
        """End the span of an attempt that the caller has cancelled."""
        if self._span is not None:
            self._span.end()
        self._span, self._context = None, self.operation.context

    def _not_sent(self, record: AttemptRecord) -> None:
        attributes: Attributes = {
            "portkey_mistral.attempt.path": record.path,
            "portkey_mistral.attempt.number": record.number,
            "portkey_mistral.attempt.cached": record.cached,
        }
        if record.error is not None:
            attributes["portkey_mistral.attempt.error"] = record.error
        self.operation.span.add_event("portkey_mistral.attempt_not_sent", attributes)
