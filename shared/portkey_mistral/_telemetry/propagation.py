"""Carries a trace from the application to a call, and from an attempt to the server."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portkey_mistral._transport.call import Call, WireRequest

__all__ = ["context_of", "parent_context", "with_trace"]

_PORTKEY_TRACE_ID = "x-portkey-trace-id"


def parent_context(call: Call[Any] | None) -> Context:
    """Return the context of the caller; where it has no span, the one that the call's own `traceparent` names.

    The latter is how a trace reaches another process, a worker of Ray for example.
    """
    current = get_current()
    if call is None or not call.trace_parent:
        return current
    if trace.get_current_span(current).get_span_context().is_valid:
        return current
    return TraceContextTextMapPropagator().extract(call.trace_parent, current)


def context_of(span: trace.Span, parent: Context) -> Context:
    """Return the context in which a span is current.

    Older versions of the API without an SDK make an invalid span, which would end the trace: its parent stays current.
    """
    return trace.set_span_in_context(span, parent) if span.get_span_context().is_valid else parent


def with_trace(call: Call[Any], wire_request: WireRequest, context: Context) -> WireRequest:
    """Return the request with the trace context, where its server may have that.

    A Portkey gateway gets the id of the trace as Portkey's own trace id too, unless the caller has set one: the
    open-source gateway reads no `traceparent`, and on lanes that pass headers on none is sent.
    """
    request = wire_request.request
    headers = _allowed_headers(wire_request, context)
    if call.mode == "gateway" and _PORTKEY_TRACE_ID not in request.headers:
        span_context = trace.get_current_span(context).get_span_context()
        if span_context.is_valid and call.facts.operation != "feedback":
            headers[_PORTKEY_TRACE_ID] = trace.format_trace_id(span_context.trace_id)
    if not headers:
        return wire_request
    merged: Mapping[str, str] = {**request.headers, **headers}
    return dataclasses.replace(wire_request, request=dataclasses.replace(request, headers=merged))


def _allowed_headers(wire_request: WireRequest, context: Context) -> dict[str, str]:
    own = wire_request.request.headers
    if not wire_request.trace_headers and "traceparent" not in own:
        return {}
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context)
    return {
        name: value
        for name, value in carrier.items()
        if name in wire_request.trace_headers or name in own
    }
