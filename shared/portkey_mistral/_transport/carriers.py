"""What carries a request, and the reply that comes of it: our own connections, or a client of httpx's.

Both have one face. `http1` holds those of our own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol, Self

import httpx

from portkey_mistral._transport.cancelling import UncutClosing, reclaim
from portkey_mistral._wire.http import HTTPRequest

__all__ = [
    "AsyncCarrier",
    "AsyncReply",
    "AsyncStockCarrier",
    "Carrier",
    "Head",
    "Reply",
    "StockCarrier",
]


class Head(Protocol):
    """What is known of an answer before its body. Names of headers are looked up in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def socket(self) -> socket.socket | None:
        """The socket underneath, where there is one."""
        ...

    def limit_reads(self, seconds: float | None) -> None:
        """From here on wait for so long at each read of the body."""
        ...


class Reply(Head, Protocol):
    """An answer whose body is still to be read; as a context manager it closes itself."""

    def body(self) -> bytes: ...

    def chunks(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class AsyncReply(Head, Protocol):
    """The async twin of `Reply`."""

    async def body(self) -> bytes: ...

    def chunks(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class Carrier(Protocol):
    def send(
        self, request: HTTPRequest, limits: httpx.Timeout, head_until: float | None = None
    ) -> Reply:
        """Send a request and read the head of its answer.

        `head_until` (monotonic) is known to our own connections only: httpx's limits hold for each read by
        itself.
        """
        ...

    def close(self) -> None: ...


class AsyncCarrier(Protocol):
    async def send(self, request: HTTPRequest, limits: httpx.Timeout) -> AsyncReply: ...

    async def aclose(self) -> None: ...


class StockCarrier:
    """A client of httpx's."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def send(
        self,
        request: HTTPRequest,
        limits: httpx.Timeout,
        head_until: float | None = None,  # noqa: ARG002  see `Carrier`
    ) -> Reply:
        built = _built(self.client, request, limits)
        return _StockReply(built, self.client.send(built, stream=True, follow_redirects=False))

    def close(self) -> None:
        self.client.close()


class AsyncStockCarrier:
    """The async twin of `StockCarrier`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def send(self, request: HTTPRequest, limits: httpx.Timeout) -> AsyncReply:
        built = _built(self.client, request, limits)
        try:
            response = await self.client.send(built, stream=True, follow_redirects=False)
        except asyncio.CancelledError:
            await reclaim(self.client)
            raise
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = UncutClosing(response.stream)
        return _AsyncStockReply(built, response)

    async def aclose(self) -> None:
        await self.client.aclose()


class _StockHead:
    def __init__(self, request: httpx.Request, response: httpx.Response) -> None:
        # A client of the user's own may have sent another request, or none: the limits are in ours.
        self._request, self._response = request, response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def socket(self) -> socket.socket | None:
        stream = self._response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        return found if isinstance(found, socket.socket) else None

    def limit_reads(self, seconds: float | None) -> None:
        # httpcore takes it once a body; a transport that looks it up at every read (the sandbox's) sees it.
        self._request.extensions["timeout"]["read"] = seconds


class _StockReply(_StockHead):
    def body(self) -> bytes:
        return self._response.read()

    def chunks(self) -> Iterator[bytes]:
        return self._response.iter_bytes()

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AsyncStockReply(_StockHead):
    async def body(self) -> bytes:
        return await self._response.aread()

    def chunks(self) -> AsyncIterator[bytes]:
        return self._response.aiter_bytes()

    async def aclose(self) -> None:
        await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _built(
    client: httpx.Client | httpx.AsyncClient, request: HTTPRequest, limits: httpx.Timeout
) -> httpx.Request:
    return client.build_request(
        request.method,
        request.url,
        content=request.body,
        headers=dict(request.headers),
        timeout=limits,
    )
