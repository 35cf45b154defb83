"""Puts one request on the wire with httpx: client, headers, time limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from portkey_mistral._engine.outcomes import Attempt
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.cancelling import UncutClosing, reclaim
from portkey_mistral._transport.connections import async_client, sync_client
from portkey_mistral._transport.http1.clients import AsyncDirectClient, build_request

__all__ = ["AsyncResponse", "open_response"]


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


class AsyncResponse:
    """The async twin of `open_response`.

    A class, not a generator: at the end of a loop asyncio closes all async generators at once, and one that
    is being closed by another would complain.
    """

    def __init__(self, call: Call[Any], attempt: Attempt, sending: Sending) -> None:
        self._call, self._attempt, self._sending = call, attempt, sending
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        call, attempt = self._call, self._attempt
        client = async_client(call.wiring, _scheme(self._sending))
        request = _request(client, call, attempt, self._sending)
        # Our own transport closes without waiting for anything, so no cancellation can cut that short.
        is_stock = not isinstance(client, AsyncDirectClient)
        async with asyncio.timeout(_until_headers(call, attempt)):
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
            except asyncio.CancelledError:
                if is_stock:
                    await reclaim(client)
                raise
        if is_stock and isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = UncutClosing(response.stream)
        self._response = response
        _relax(request, call)
        return response

    async def __aexit__(self, *_: object) -> None:
        if self._response is not None:
            await self._response.aclose()


def _scheme(sending: Sending) -> str:
    return sending.request.url.partition(":")[0]


def _request(
    client: httpx.Client | httpx.AsyncClient, call: Call[Any], attempt: Attempt, sending: Sending
) -> httpx.Request:
    request, limit = sending.request, _until_headers(call, attempt)
    return build_request(
        client,
        request.method,
        request.url,
        content=request.body,
        headers=request.headers,
        timeout=_timeout(call.limits.timeout, limit),
        head_until=None if limit is None else time.monotonic() + limit,
    )


def _timeout(own: httpx.Timeout, limit: float | None) -> httpx.Timeout:
    """The limits until the headers are there: the shortest of all that apply."""
    if limit is None:
        return own
    return httpx.Timeout(
        connect=_shorter(own.connect, limit),
        read=_shorter(own.read, limit),
        write=_shorter(own.write, limit),
        pool=_shorter(own.pool, limit),
    )


def _until_headers(call: Call[Any], attempt: Attempt) -> float | None:
    # Portkey's request_timeout ends with the headers: the body of a slow answer is not cut.
    limits = [attempt.target.request_timeout, call.limits.first_token]
    if call.deadline is not None:
        limits.append(max(call.deadline - time.monotonic(), 0.001))
    known = [limit for limit in limits if limit is not None]
    return min(known, default=None)


def _relax(request: httpx.Request, call: Call[Any]) -> None:
    """Go over to the limit that holds for the body; httpx looks it up again when it reads.

    The other limits of a stream change on the way, so a `Watchdog` keeps them.
    """
    request.extensions["timeout"]["read"] = call.limits.timeout.read


def _shorter(mine: float | None, limit: float) -> float:
    return limit if mine is None else min(mine, limit)
