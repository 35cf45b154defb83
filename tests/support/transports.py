"""The transports over each HTTP library, sync and async, so that one table of faults holds for all of them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import httpx

from portkey_mistral._transport import base
from portkey_mistral._transport.address import check_headers
from portkey_mistral._transport.aiohttp_transport import AiohttpTransport
from portkey_mistral._transport.base import Timeouts
from portkey_mistral._transport.httpx_transport import AsyncHttpxTransport, HttpxTransport
from portkey_mistral._transport.urllib3_transport import Urllib3Transport
from portkey_mistral._wire.http_request import HTTPRequest

__all__ = ["ASYNC", "DEFAULTS", "SYNC", "TRANSPORTS", "Answer", "Line", "Transport", "limits"]


def limits(seconds: float | None = 5.0, **each: float | None) -> Timeouts:
    """Limits that are all the same but for those named."""
    same = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    return Timeouts(**{**same, **each})


_LIMITS = limits()


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes
    headers: Mapping[str, str]


class Line:
    """A transport with its pool; `ask` sends a request and reads the whole response."""

    def __init__(self, transport: base.Transport | base.AsyncTransport, runner=None) -> None:
        self.transport, self._runner = transport, runner

    def ask(
        self,
        url: str,
        body: bytes | None = b"{}",
        *,
        timeouts: Timeouts = _LIMITS,
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        response = self.open(url, body, timeouts=timeouts, headers=headers, method=method)
        try:
            return Answer(response.status, self.read(response), response.headers)
        finally:
            self.leave(response)

    def open(
        self,
        url: str,
        body: bytes | None = b"{}",
        *,
        timeouts: Timeouts = _LIMITS,
        headers: dict[str, str] | None = None,
        method: str = "POST",
    ):
        request = HTTPRequest(url, body, headers or {}, method)
        check_headers(request)
        return self.run(self.transport.send(request, timeouts))

    def read(self, response) -> bytes:
        return b"".join(self.pieces(response))

    def pieces(self, response) -> Iterator[bytes]:
        chunks = response.chunks()
        while True:
            piece = next(chunks, None) if self._runner is None else self.run(_next(chunks))
            if piece is None:
                return
            yield piece

    def leave(self, response) -> None:
        response.close() if self._runner is None else self.run(response.aclose())

    @property
    def is_async(self) -> bool:
        return self._runner is not None

    def run(self, step):
        return step if self._runner is None else self._runner.run(step)

    def close(self) -> None:
        if self._runner is None:
            self.transport.close()
        else:
            self.run(self.transport.aclose())


@cache
def trusting_the_machine() -> ssl.SSLContext:
    """Loading the machine's authorities takes fifty milliseconds."""
    return ssl.create_default_context()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


Make = Callable[
    [Callable[[], ssl.SSLContext], str | None, int], "base.Transport | base.AsyncTransport"
]


@dataclass(frozen=True)
class Transport:
    name: str
    make: Make
    is_async: bool

    def __repr__(self) -> str:
        return self.name

    @contextmanager
    def line(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        proxy: str | None = None,
        most: int = 100,
        loop_factory=None,
    ) -> Iterator[Line]:
        context = tls or trusting_the_machine()
        if not self.is_async:
            line = Line(self.make(lambda: context, proxy, most))
            try:
                yield line
            finally:
                line.close()
            return
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            line = Line(runner.run(self._made(context, proxy, most)), runner)
            try:
                yield line
            finally:
                line.close()

    async def _made(self, context: ssl.SSLContext, proxy: str | None, most: int):
        return self.make(lambda: context, proxy, most)


def _httpx(tls: Callable[[], ssl.SSLContext], proxy: str | None, most: int) -> HttpxTransport:
    limits = httpx.Limits(max_connections=most)
    return HttpxTransport(httpx.Client(verify=tls(), proxy=proxy, limits=limits, trust_env=False))


def _ahttpx(tls: Callable[[], ssl.SSLContext], proxy: str | None, most: int) -> AsyncHttpxTransport:
    limits = httpx.Limits(max_connections=most)
    return AsyncHttpxTransport(
        httpx.AsyncClient(verify=tls(), proxy=proxy, limits=limits, trust_env=False)
    )


DEFAULTS = [
    Transport(
        "urllib3",
        lambda tls, proxy, most: Urllib3Transport(tls, proxy=proxy, max_connections=most),
        is_async=False,
    ),
    Transport(
        "aiohttp",
        lambda tls, proxy, most: AiohttpTransport(tls, proxy=proxy, max_connections=most),
        is_async=True,
    ),
]
"""What carries calls where nothing else has to."""

TRANSPORTS = [
    *DEFAULTS,
    Transport("httpx", _httpx, is_async=False),
    Transport("httpx-async", _ahttpx, is_async=True),
]
SYNC = [each for each in TRANSPORTS if not each.is_async]
ASYNC = [each for each in TRANSPORTS if each.is_async]
