"""Our transports and stock httpx's under one face, so that one table of faults holds for all four."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from portkey_mistral._transport.http1.clients import AsyncDirectClient, DirectClient

__all__ = ["CARRIERS", "DIRECT", "Carrier", "Line"]

_LIMITS = httpx.Timeout(5.0)


class Line:
    """A client with its pool; `ask` sends and reads to the end."""

    def __init__(self, client: httpx.Client | httpx.AsyncClient) -> None:
        self.client = client
        self._runner = asyncio.Runner() if isinstance(client, httpx.AsyncClient) else None

    def ask(
        self,
        url: str,
        body: bytes = b"{}",
        *,
        limits: httpx.Timeout = _LIMITS,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        response = self.open(url, body, limits=limits, headers=headers)
        try:
            self.read(response)
        finally:
            self.leave(response)
        return response

    def open(
        self,
        url: str,
        body: bytes = b"{}",
        *,
        limits: httpx.Timeout = _LIMITS,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        request = self.client.build_request(
            "POST", url, content=body, headers=headers or {}, timeout=limits
        )
        if isinstance(self.client, httpx.Client):
            return self.client.send(request, stream=True, follow_redirects=False)
        return self.run(self.client.send(request, stream=True, follow_redirects=False))

    def read(self, response: httpx.Response) -> bytes:
        return response.read() if self._runner is None else self.run(response.aread())

    def leave(self, response: httpx.Response) -> None:
        response.close() if self._runner is None else self.run(response.aclose())

    def run(self, step):
        assert self._runner is not None
        return self._runner.run(step)

    def close(self) -> None:
        if isinstance(self.client, httpx.Client):
            self.client.close()
        else:
            self.run(self.client.aclose())
            self._runner.close()


@dataclass(frozen=True)
class Carrier:
    name: str
    make: Callable[[ssl.SSLContext, int], httpx.Client | httpx.AsyncClient]
    is_async: bool

    def __repr__(self) -> str:
        return self.name

    @contextmanager
    def line(self, tls: ssl.SSLContext | None = None, *, most: int = 100) -> Iterator[Line]:
        line = Line(self.make(tls or ssl.create_default_context(), most))
        try:
            yield line
        finally:
            line.close()


DIRECT = [
    Carrier("ours", lambda tls, most: DirectClient(lambda: tls, most), is_async=False),
    Carrier("ours-async", lambda tls, most: AsyncDirectClient(lambda: tls, most), is_async=True),
]


def _limited(most: int) -> httpx.Limits:
    return httpx.Limits(max_connections=most)


CARRIERS = [
    *DIRECT,
    Carrier(
        "httpx", lambda tls, most: httpx.Client(verify=tls, limits=_limited(most)), is_async=False
    ),
    Carrier(
        "httpx-async",
        lambda tls, most: httpx.AsyncClient(verify=tls, limits=_limited(most)),
        is_async=True,
    ),
]
