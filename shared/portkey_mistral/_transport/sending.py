"""Puts one attempt on the wire: picks what carries it, and the time limits until the headers are there."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from portkey_mistral._engine.outcomes import Attempt
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.carriers import AsyncReply, Reply
from portkey_mistral._transport.connections import async_carrier, sync_carrier

__all__ = ["asend", "send"]

_NO_LIMITS = (None, None, None)


def send(call: Call[Any], attempt: Attempt, sending: Sending) -> Reply:
    """Send, and return the reply once its headers are there. It is the caller's to close."""
    request, limit = sending.request, _until_headers(call, attempt)
    own = call.limits.timeout
    carrier = sync_carrier(call.wiring, request.scheme)
    if limit is None:
        return carrier.send(request, own)
    reply = carrier.send(request, _shortened(own, limit), time.monotonic() + limit)
    _relax(reply, call)
    return reply


async def asend(call: Call[Any], attempt: Attempt, sending: Sending) -> AsyncReply:
    """The async twin of `send`."""
    request, limit = sending.request, _until_headers(call, attempt)
    own = call.limits.timeout
    carrier = async_carrier(call.wiring, request.scheme)
    if limit is None:
        return await carrier.send(request, own)
    async with asyncio.timeout(limit):
        reply = await carrier.send(request, _shortened(own, limit))
    _relax(reply, call)
    return reply


def _shortened(own: httpx.Timeout, limit: float) -> httpx.Timeout:
    """The limits until the headers are there: the shortest of all that apply."""
    return httpx.Timeout(
        connect=_shorter(own.connect, limit),
        read=_shorter(own.read, limit),
        write=_shorter(own.write, limit),
        pool=_shorter(own.pool, limit),
    )


def _until_headers(call: Call[Any], attempt: Attempt) -> float | None:
    # Portkey's request_timeout ends with the headers: the body of a slow answer is not cut.
    limits = (attempt.target.request_timeout, call.limits.first_token, _left(call))
    if limits == _NO_LIMITS:
        return None
    return min(limit for limit in limits if limit is not None)


def _left(call: Call[Any]) -> float | None:
    return None if call.deadline is None else max(call.deadline - time.monotonic(), 0.001)


def _relax(reply: Reply | AsyncReply, call: Call[Any]) -> None:
    """Go over to the limit that holds for the body.

    The other limits of a stream change on the way, so a `Watchdog` keeps them.
    """
    reply.limit_reads(call.limits.timeout.read)


def _shorter(mine: float | None, limit: float) -> float:
    return limit if mine is None else min(mine, limit)
