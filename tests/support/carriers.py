"""Our own carriers and stock httpx's, so that one table of faults holds for all four."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from portkey_mistral._transport import carriers
from portkey_mistral._transport.carriers import AsyncStockCarrier, StockCarrier
from portkey_mistral._transport.http1.blocking import DirectCarrier
from portkey_mistral._transport.http1.on_loop import AsyncDirectCarrier
from portkey_mistral._wire.http import HTTPRequest

__all__ = ["CARRIERS", "DIRECT", "Answer", "Carrier", "Line"]

_LIMITS = httpx.Timeout(5.0)


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes
    headers: Mapping[str, str]


class Line:
    """A carrier with its pool; `ask` sends and reads to the end."""

    def __init__(
        self, carrier: carriers.Carrier | carriers.AsyncCarrier, *, is_async: bool
    ) -> None:
        self.carrier = carrier
        self._runner = asyncio.Runner() if is_async else None

    def ask(
        self,
        url: str,
        body: bytes = b"{}",
        *,
        limits: httpx.Timeout = _LIMITS,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        reply = self.open(url, body, limits=limits, headers=headers)
        try:
            return Answer(reply.status, self.read(reply), reply.headers)
        finally:
            self.leave(reply)

    def open(
        self,
        url: str,
        body: bytes = b"{}",
        *,
        limits: httpx.Timeout = _LIMITS,
        headers: dict[str, str] | None = None,
    ):
        return self.run(self.carrier.send(HTTPRequest(url, body, headers or {}), limits))

    def read(self, reply) -> bytes:
        return self.run(reply.body())

    def read_in_pieces(self, reply, limits: list[float | None]) -> bytes:
        """Read with another limit for each piece; the last of them holds from then on."""
        came, pieces, rest = reply.chunks(), [], list(limits)
        while True:
            reply.limit_reads(rest.pop(0) if len(rest) > 1 else rest[0])
            piece = next(came, None) if self._runner is None else self.run(_next(came))
            if piece is None:
                return b"".join(pieces)
            pieces.append(piece)

    def leave(self, reply) -> None:
        reply.close() if self._runner is None else self.run(reply.aclose())

    def run(self, step):
        return step if self._runner is None else self._runner.run(step)

    def close(self) -> None:
        if self._runner is None:
            self.carrier.close()
        else:
            self.run(self.carrier.aclose())
            self._runner.close()


async def _next(came: AsyncIterator[bytes]) -> bytes | None:
    return await anext(came, None)


@dataclass(frozen=True)
class Carrier:
    name: str
    make: Callable[[ssl.SSLContext, int], carriers.Carrier | carriers.AsyncCarrier]
    is_async: bool

    def __repr__(self) -> str:
        return self.name

    @contextmanager
    def line(self, tls: ssl.SSLContext | None = None, *, most: int = 100) -> Iterator[Line]:
        made = self.make(tls or ssl.create_default_context(), most)
        line = Line(made, is_async=self.is_async)
        try:
            yield line
        finally:
            line.close()


DIRECT = [
    Carrier("ours", lambda tls, most: DirectCarrier(lambda: tls, most), is_async=False),
    Carrier("ours-async", lambda tls, most: AsyncDirectCarrier(lambda: tls, most), is_async=True),
]


def _stock(tls: ssl.SSLContext, most: int) -> StockCarrier:
    return StockCarrier(httpx.Client(verify=tls, limits=httpx.Limits(max_connections=most)))


def _astock(tls: ssl.SSLContext, most: int) -> AsyncStockCarrier:
    limits = httpx.Limits(max_connections=most)
    return AsyncStockCarrier(httpx.AsyncClient(verify=tls, limits=limits))


CARRIERS = [
    *DIRECT,
    Carrier("httpx", _stock, is_async=False),
    Carrier("httpx-async", _astock, is_async=True),
]
