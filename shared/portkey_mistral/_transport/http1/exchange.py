"""One request and its answer on one connection: what both carriers know of it, and how bytes are taken in."""

from __future__ import annotations

import socket
from typing import Generic, Protocol, TypeVar

import httpx

from portkey_mistral._transport.http1.framing import ProtocolError, ResponseReader
from portkey_mistral._transport.http1.pool import Connection, Origin

__all__ = ["BaseExchange"]


class Connected(Connection, Protocol):
    @property
    def socket(self) -> socket.socket | None: ...


C = TypeVar("C", bound=Connected)


class BaseExchange(Generic[C]):
    """The head of a reply, and how far it was read."""

    __slots__ = ("_body", "_limit", "_over", "connection", "heard", "origin", "reader")

    def __init__(self, origin: Origin, connection: C, method: str) -> None:
        self.origin, self.connection = origin, connection
        self.reader = ResponseReader(method)
        self.heard = False
        self._limit: float | None = None
        self._body = b""
        self._over = False

    @property
    def status(self) -> int:
        return self.reader.status

    @property
    def headers(self) -> dict[str, str]:
        return self.reader.headers

    @property
    def socket(self) -> socket.socket | None:
        return self.connection.socket

    @property
    def may_be_kept(self) -> bool:
        """Whether the connection can carry another request: the answer was read to its end."""
        return self.reader.complete and self.reader.reusable

    @property
    def coding(self) -> dict[str, str]:
        """The header that names how the body is coded, if it is."""
        name = "content-encoding"
        return {name: self.headers[name]} if name in self.headers else {}

    def limit_reads(self, seconds: float | None) -> None:
        self._limit = seconds

    def _take(self, data: bytes) -> bytes:
        """Return what of the body has come; nothing has where the connection ended."""
        try:
            if data:
                self.heard = True
                return self.reader.feed(data)
            self.reader.end()
        except ProtocolError as fault:
            raise httpx.RemoteProtocolError(str(fault)) from fault
        return b""
