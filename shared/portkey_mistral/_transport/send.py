"""Sends one attempt: chooses its transport, and the time limits until the head of the response is received."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from portkey_mistral._routing.outcomes import Attempt
from portkey_mistral._transport.address import check_headers
from portkey_mistral._transport.base import AsyncTransportResponse, TransportResponse
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.pools import async_transport, sync_transport

__all__ = ["asend", "send"]

_NO_LIMITS = (None, None, None)
_SHORTEST = 0.001


def send(call: Call[Any], attempt: Attempt, wire_request: WireRequest) -> TransportResponse:
    """Send, and return the response once its head is received. The caller has to close it."""
    request, limit = wire_request.request, _until_head(call, attempt)
    check_headers(request)
    transport = sync_transport(call.transport_options, request.url)
    timeouts = call.limits.timeout
    if limit is None:
        return transport.send(request, timeouts)
    response = transport.send(request, timeouts.capped(limit), time.monotonic() + limit)
    response.limit_reads(timeouts.read)
    return response


async def asend(
    call: Call[Any], attempt: Attempt, wire_request: WireRequest
) -> AsyncTransportResponse:
    """The async twin of `send`."""
    request = wire_request.request
    check_headers(request)
    transport = await async_transport(call.transport_options, request.url)
    timeouts, limit = call.limits.timeout, _until_head(call, attempt)
    if limit is None:
        return await transport.send(request, timeouts)
    async with asyncio.timeout(limit):
        response = await transport.send(request, timeouts.capped(limit))
    response.limit_reads(timeouts.read)
    return response


def _until_head(call: Call[Any], attempt: Attempt) -> float | None:
    """Return the seconds within which the head has to arrive: the shortest applicable limit."""
    deadline = call.deadline
    left = None if deadline is None else max(deadline - time.monotonic(), _SHORTEST)
    # Portkey's request_timeout applies to the head only: a slow body is not cut off.
    limits = (attempt.target.request_timeout, call.limits.first_token, left)
    if limits == _NO_LIMITS:
        return None
    return min(limit for limit in limits if limit is not None)
