"""httpx's clients over these transports, without the steps that calls of this package have no use for."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

from portkey_mistral._transport.http1.blocking import Exchange, SocketTransport
from portkey_mistral._transport.http1.on_loop import AsyncExchange, AsyncSocketTransport
from portkey_mistral._transport.http1.pool import (
    HEAD_UNTIL,
    MOST_CONNECTIONS,
    ORIGIN,
    Origin,
    origin_of,
)

__all__ = [
    "AsyncDirectClient",
    "DirectClient",
    "abody",
    "achunks",
    "body",
    "build_request",
    "chunks",
]

# How calls of this package are sent: they have no redirects to follow, no hooks to tell and no cookies to
# keep, which is most of what httpx's clients do in `send` (200 us).
_STRAIGHT = {"stream": True, "follow_redirects": False}


class DirectClient(httpx.Client):
    """A client whose straight requests go to the transport at once; all others as in httpx."""

    def __init__(
        self, ssl_context: Callable[[], ssl.SSLContext], most: int = MOST_CONNECTIONS
    ) -> None:
        self._direct = SocketTransport(ssl_context, most)
        super().__init__(transport=self._direct)

    def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        if not _is_straight(request, how):
            return super().send(request, **how)
        response = self._direct.handle_request(request)
        response.request = request
        return response


class AsyncDirectClient(httpx.AsyncClient):
    """The async twin of `DirectClient`."""

    def __init__(
        self, ssl_context: Callable[[], ssl.SSLContext], most: int = MOST_CONNECTIONS
    ) -> None:
        self._direct = AsyncSocketTransport(ssl_context, most)
        super().__init__(transport=self._direct)

    async def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        if not _is_straight(request, how):
            return await super().send(request, **how)
        response = await self._direct.handle_async_request(request)
        response.request = request
        return response


def build_request(
    client: httpx.Client | httpx.AsyncClient,
    method: str,
    url: str,
    *,
    content: bytes | None,
    headers: Mapping[str, str],
    timeout: httpx.Timeout,
    head_until: float | None = None,
) -> httpx.Request:
    """Build a request for a whole URL; for our own clients without merging (110 us in httpx, 6 here).

    `head_until` is known to our own sync transport only: httpx's limits hold for each read by itself.
    """
    if not isinstance(client, DirectClient | AsyncDirectClient):
        return client.build_request(
            method, url, content=content, headers=dict(headers), timeout=timeout
        )
    address = _address(url)
    if address.origin is None:
        return client.build_request(
            method, url, content=content, headers=dict(headers), timeout=timeout
        )
    defaults = {"host": address.host, "accept-encoding": client.headers["accept-encoding"]}
    length = {} if content is None else {"content-length": str(len(content))}
    return httpx.Request(
        method,
        address.url,
        headers={**defaults, **headers, **length},
        stream=httpx.ByteStream(content or b""),
        extensions={
            "timeout": timeout.as_dict(),
            ORIGIN: address.origin,
            HEAD_UNTIL: head_until,
        },
    )


@dataclass(frozen=True, slots=True)
class _Address:
    """A URL read once. `origin` is None where only httpx knows what to do with it."""

    url: httpx.URL
    host: str
    origin: Origin | None


@lru_cache(maxsize=256)  # reading costs 20 us, and a process has few
def _address(url: str) -> _Address:
    parsed = httpx.URL(url)
    # A name and a password make a header, and httpx knows which.
    known = parsed.scheme in ("http", "https") and not parsed.userinfo
    return _Address(parsed, parsed.netloc.decode("ascii"), origin_of(parsed) if known else None)


def _is_straight(request: httpx.Request, how: dict[str, Any]) -> bool:
    return how == _STRAIGHT and ORIGIN in request.extensions


def body(response: httpx.Response) -> bytes:
    """Read a whole body; past httpx's layers (14 us) where it came straight and nothing is to be decoded."""
    if isinstance(response.stream, Exchange) and not _is_encoded(response):
        return b"".join(response.stream)
    return response.read()


async def abody(response: httpx.Response) -> bytes:
    """The async twin of `body`."""
    if isinstance(response.stream, AsyncExchange) and not _is_encoded(response):
        return b"".join([data async for data in response.stream])
    return await response.aread()


def chunks(response: httpx.Response) -> Iterator[bytes]:
    """Read a body as it comes, in the same way."""
    if isinstance(response.stream, Exchange) and not _is_encoded(response):
        return iter(response.stream)
    return response.iter_bytes()


def achunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The async twin of `chunks`."""
    if isinstance(response.stream, AsyncExchange) and not _is_encoded(response):
        return aiter(response.stream)
    return response.aiter_bytes()


def _is_encoded(response: httpx.Response) -> bool:
    return "content-encoding" in response.headers
