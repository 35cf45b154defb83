"""Puts one request on the wire with httpx: client, headers, time limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from portkey_mistral._engine.outcomes import Attempt
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.connections import async_client, sync_client

__all__ = ["aopen_response", "open_response"]


@contextmanager
def open_response(call: Call[Any], attempt: Attempt, sending: Sending) -> Iterator[httpx.Response]:
    """Send, give the response once its headers are there, and close it however the block ends."""
    client = sync_client(call.wiring, _scheme(sending))
    request = _request(client, call, attempt, sending)
    response = client.send(request, stream=True, follow_redirects=False)
    try:
        _relax(request, call)
        yield response
    finally:
        response.close()


@asynccontextmanager
async def aopen_response(
    call: Call[Any], attempt: Attempt, sending: Sending
) -> AsyncIterator[httpx.Response]:
    """The async twin of `open_response`."""
    client = async_client(call.wiring, _scheme(sending))
    request = _request(client, call, attempt, sending)
    async with asyncio.timeout(_until_headers(call, attempt)):
        response = await client.send(request, stream=True, follow_redirects=False)
    try:
        _relax(request, call)
        yield response
    finally:
        await response.aclose()


def _scheme(sending: Sending) -> str:
    return sending.request.url.partition(":")[0]


def _request(
    client: httpx.Client | httpx.AsyncClient, call: Call[Any], attempt: Attempt, sending: Sending
) -> httpx.Request:
    request = sending.request
    return client.build_request(
        request.method,
        request.url,
        content=request.body,
        headers=dict(request.headers),
        timeout=_timeout(call, attempt),
    )


def _timeout(call: Call[Any], attempt: Attempt) -> httpx.Timeout:
    """The limits until the headers are there: the shortest of all that apply."""
    own, limit = call.limits.timeout, _until_headers(call, attempt)
    if limit is None:
        return own
    return httpx.Timeout(
        connect=_shorter(own.connect, limit),
        read=_shorter(own.read, limit),
        write=_shorter(own.write, limit),
        pool=_shorter(own.pool, limit),
    )


def _until_headers(call: Call[Any], attempt: Attempt) -> float | None:
    # Portkey's request_timeout ends with the headers: the body of a slow answer is not cut (portkey.md 2.7).
    limits = [attempt.target.request_timeout, call.limits.first_token]
    if call.deadline is not None:
        limits.append(max(call.deadline - time.monotonic(), 0.001))
    known = [limit for limit in limits if limit is not None]
    return min(known, default=None)


def _relax(request: httpx.Request, call: Call[Any]) -> None:
    """Go over to the limits that hold for the body; httpx looks them up again when it reads."""
    limits = call.limits
    request.extensions["timeout"]["read"] = (
        limits.timeout.read if limits.idle is None else limits.idle
    )


def _shorter(mine: float | None, limit: float) -> float:
    return limit if mine is None else min(mine, limit)
