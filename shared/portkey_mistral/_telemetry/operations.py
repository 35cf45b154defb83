"""The span of one logical call, from its start to the end of its response, with its metrics and events."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

from portkey_mistral._telemetry import events
from portkey_mistral._telemetry.attributes import (
    Attributes,
    error_attributes,
    operation_name,
    request_attributes,
    response_attributes,
    usage_of,
)
from portkey_mistral._telemetry.capture import content_capture
from portkey_mistral._telemetry.errors import error_message, is_cancellation
from portkey_mistral._telemetry.propagation import context_of, parent_context
from portkey_mistral.prices import total_cost
from portkey_mistral.responses import EmbeddingResponse

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from portkey_mistral._telemetry.providers import Telemetry
    from portkey_mistral._transport.call import Call

__all__ = ["OperationSpan"]


class OperationSpan:
    """One call as the caller sees it, or one embedding job. The calls of a job may be in several threads.

    The span is made with the first call, since only then the model and the server are known; its time is that of the
    operation.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self._parent: Context = parent_context(None)
        self._started_ns, self._started = time.time_ns(), time.monotonic()
        self._lock = threading.Lock()
        self._call: Call[Any] | None = None
        self._span: Span = INVALID_SPAN
        self._context = self._parent
        self._attributes: Attributes = {}
        self._response: object = None
        self._last_chunk: float | None = None

    @property
    def context(self) -> Context:
        """The context in which attempts are children of the operation."""
        return self._context

    @property
    def span(self) -> Span:
        return self._span

    def begin(self, call: Call[Any]) -> None:
        """Make the span, if this is the first call. A call that runs no model has none."""
        with self._lock:
            if self._call is not None:
                return
            self._call = call
            self._context = parent = self._parent if not call.trace_parent else parent_context(call)
            name = operation_name(call.facts.operation)
            if name is None:
                return
            self._attributes = request_attributes(call)
            model = self._attributes.get("gen_ai.request.model", "")
            self._span = self.telemetry.tracer.start_span(
                f"{name} {model}".strip(),
                parent,
                SpanKind.CLIENT,
                self._attributes,
                start_time=self._started_ns,
            )
            self._context = context_of(self._span, parent)

    def answered_by(self, server: Attributes) -> None:
        """Name the server of the last attempt."""
        self._attributes |= server

    def received(self, deltas: int) -> None:
        """Measure deltas of a stream, which have arrived together."""
        now = time.monotonic()
        if self._last_chunk is None:
            seconds = now - self._started
            self._attributes["gen_ai.response.time_to_first_chunk"] = seconds
            self.telemetry.instruments.first_chunk(seconds, self._attributes)
            deltas -= 1
            self._last_chunk = now
        for _ in range(deltas):
            self.telemetry.instruments.next_chunk(now - self._last_chunk, self._attributes)
            self._last_chunk = now

    def responded(self, response: object) -> None:
        """Add a response: of a job each of them."""
        with self._lock:
            if isinstance(response, EmbeddingResponse):
                response = _joined(self._response, response)
            self._response = response
            self._attributes |= response_attributes(response)

    def end(self, error: BaseException | None) -> None:
        """End the span, and record metrics and events."""
        if self._call is None or operation_name(self._call.facts.operation) is None:
            return
        self._set_error(error)
        call, response, span = self._call, self._response, self._span
        usage = usage_of(response) or usage_of(error)
        capture = content_capture()
        if span.is_recording():
            content = events.span_content(call, response) if capture.on_spans else {}
            span.set_attributes(self._attributes | content)
        self.telemetry.instruments.ended(time.monotonic() - self._started, usage, self._attributes)
        logger = self.telemetry.events
        if capture.on_events:
            events.emit_details(logger, self._context, self._attributes, call, response)
        if "error.type" in self._attributes and error is not None:
            events.emit_exception(logger, self._context, self._attributes, error)
        span.end()

    def _set_error(self, error: BaseException | None) -> None:
        if error is None:
            return
        if is_cancellation(error):
            self._attributes["portkey_mistral.cancelled"] = True
            return
        self._attributes |= error_attributes(error)
        self._span.set_status(Status(StatusCode.ERROR, error_message(error)))


def _joined(earlier: object, response: EmbeddingResponse) -> EmbeddingResponse:
    """Add up the responses of a job, without their vectors."""
    infos = response.infos[-1:]
    if not isinstance(earlier, EmbeddingResponse):
        return dataclasses.replace(response, vectors=(), infos=infos)
    return dataclasses.replace(
        response,
        vectors=(),
        usage=earlier.usage + response.usage,
        infos=tuple(
            dataclasses.replace(info, cost=total_cost([earlier.cost, response.cost]))
            for info in infos
        ),
    )
