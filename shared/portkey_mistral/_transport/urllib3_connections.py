"""The connections of the sync transport, as urllib3 is made to open, keep and read them.

Three public hooks of urllib3 are used. `QueueCls` keeps idle connections, which urllib3 never closes by age.
`ConnectionCls` limits writes and detects stale connections. Its `response_class` limits reads, and parses the head of a
response: http.client returns a 103 as the final response, so that the real one would be read as the response to the
next request on the connection, and accepts a truncated head.
"""

from __future__ import annotations

import http.client
import io
import queue
import re
import time
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import urllib3

from portkey_mistral._transport.base import ConnectTimeout, ReadTimeout, Timeouts, WriteTimeout
from portkey_mistral._transport.keepalive import KEEP_SECONDS, seconds_to_keep

if TYPE_CHECKING:
    import socket

    from urllib3.connection import HTTPConnection as _Connection
else:
    _Connection = object

__all__ = [
    "PIECE",
    "POOLS",
    "Exchange",
    "IdleConnections",
    "StaleConnectionError",
    "current_exchange",
    "seconds_to_wait",
]

PIECE = 64 * 1024
"""Maximum number of bytes of one read or write."""

_MAX_INTERIM_LINES = 100
_SHORTEST = 0.001  # zero would make a socket non-blocking


class StaleConnectionError(Exception):
    """The server had closed a kept connection before a byte of the request could be sent."""


class Exchange:
    """The limits and the progress of one request. Connections find theirs in `current_exchange`."""

    __slots__ = ("_seconds", "_until", "awaits_body", "head", "is_sent", "timeouts")

    def __init__(self, timeouts: Timeouts, head_until: float | None, *, size: int = 0) -> None:
        self.timeouts = timeouts
        self.is_sent = False
        """Whether a byte of the request may have been sent."""
        self.awaits_body = 0 < size <= PIECE
        self.head = b""
        """The head, held back until it can be sent with the body."""
        self._seconds, self._until = timeouts.read, head_until

    def limit_reads(self, seconds: float | None, until: float | None) -> None:
        self._seconds, self._until = seconds, until

    def read_wait(self) -> float | None:
        if self._until is not None and self._until <= time.monotonic():
            raise ReadTimeout("The time for reading is over")  # however much data is there
        return seconds_to_wait(self._seconds, self._until)

    def write_wait(self) -> float | None:
        return seconds_to_wait(self.timeouts.write, self._until)

    def urllib3_timeout(self) -> urllib3.Timeout:
        return _urllib3_timeout(
            seconds_to_wait(self.timeouts.connect, self._until),
            seconds_to_wait(self._seconds, self._until),
        )


@lru_cache(
    maxsize=16
)  # urllib3 copies a timeout for each request, and checks the numbers of every copy
def _urllib3_timeout(connect: float | None, read: float | None) -> urllib3.Timeout:
    return urllib3.Timeout(connect=connect, read=read)


current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


def seconds_to_wait(seconds: float | None, until: float | None) -> float | None:
    """Return how long to wait: at most these seconds, and not beyond the given time."""
    if until is not None:
        left = until - time.monotonic()
        seconds = left if seconds is None else min(seconds, left)
    return None if seconds is None else max(seconds, _SHORTEST)


class IdleConnections(queue.LifoQueue[Any]):
    """The idle connections of one host. The newest is used first, so that the others can age.

    urllib3 fills its queue with None, meaning "a connection may be created"; their number is limited elsewhere.
    """

    def __init__(self, maxsize: int = 0) -> None:  # noqa: ARG002  urllib3 gives one
        super().__init__()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  a queue's signature
        if item is not None and not item.is_closed:
            until = time.monotonic() + getattr(item, "keep_seconds", KEEP_SECONDS)
            with self.mutex:
                self.queue.append((item, until))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002  same
        while True:
            with self.mutex:
                if not self.queue:
                    raise queue.Empty
                connection, until = self.queue.pop()
            if time.monotonic() < until:
                return connection  # urllib3 checks whether the server has closed it
            connection.close()

    def close_expired(self) -> None:
        now = time.monotonic()
        with self.mutex:
            expired = [
                (each, until) for each, until in self.queue if now >= until or not each.is_connected
            ]
            for each in expired:
                self.queue.remove(each)
        for connection, _ in expired:
            connection.close()


class _LimitedReader(io.RawIOBase):
    """Reads a socket, each time within the limits of the exchange."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, exchange: Exchange) -> None:
        self._sock, self._raw, self._limits = sock, raw, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._limits.read_wait())
        try:
            return cast("int | None", self._raw.readinto(buffer))
        except TimeoutError as fault:
            raise ReadTimeout("The read operation timed out") from fault

    def close(self) -> None:
        self._raw.close()
        super().close()


class _HeadReader:
    """Passes the lines of the final head to http.client: skips interim responses; raises if it is truncated."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._is_status_line = True

    def readline(self, limit: int = -1) -> bytes:
        line = self._line(limit)
        if self._is_status_line:
            self._is_status_line = False
            is_interim = _is_interim(line)
            for _ in range(_MAX_INTERIM_LINES):
                if is_interim and line.strip():
                    line = self._line(limit)  # of the interim head
                elif is_interim:
                    line = self._line(limit)
                    is_interim = _is_interim(line)
                else:
                    return line
            raise http.client.HTTPException("Too many interim responses (1xx)")
        return line

    def _line(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        if not line.endswith(b"\n") and (limit < 0 or len(line) < limit):
            raise http.client.RemoteDisconnected(
                "The server closed the connection without a response"
            )
        return line

    def close(self) -> None:
        self._file.close()

    def flush(self) -> None:
        self._file.flush()


_FINAL_STATUS = re.compile(rb"HTTP/[0-9.]+ [2-9]")


def _is_interim(status_line: bytes) -> bool:
    status = status_line.split(None, 2)[1:2]
    if status == [b"101"]:
        raise http.client.HTTPException("The server switched to another protocol")
    return bool(status) and status[0][:1] == b"1"


class _Response(http.client.HTTPResponse):
    """Reads within the limits of its exchange; see the module docstring."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if (exchange := current_exchange.get(None)) is not None:
            reader = _LimitedReader(sock, self.fp.detach(), exchange)
            self.fp = io.BufferedReader(reader, PIECE)

    def begin(self) -> None:
        file = self.fp
        received = file.peek()
        if b"\r\n\r\n" in received and _FINAL_STATUS.match(received):
            super().begin()
            return
        self.fp = cast("io.BufferedReader", _HeadReader(file))
        try:
            super().begin()
        finally:
            if not self.isclosed():
                self.fp = file


class _Limits(_Connection):
    """Mixed into urllib3's classes of connections."""

    response_class = _Response
    keep_seconds = KEEP_SECONDS
    _is_kept = False
    _is_dialling = False

    def connect(self) -> None:
        self._is_kept, self._is_dialling = False, True
        try:
            super().connect()
        except (
            TimeoutError
        ) as fault:  # during the TLS handshake, or because a proxy does not answer
            raise ConnectTimeout("The connect operation timed out") from fault
        finally:
            self._is_dialling = False

    def send(self, data: Any) -> None:
        exchange = current_exchange.get(None)
        if exchange is None or self._is_dialling:  # CONNECT, to a proxy
            super().send(data)
            return
        if self.sock is None:
            self.connect()
        if exchange.awaits_body:
            # http.client sends head and body separately: two segments, two TLS records, two system calls.
            exchange.awaits_body, exchange.head = False, data
            return
        data, exchange.head = exchange.head + data, b""
        for start in range(0, len(data), PIECE):
            self._send(memoryview(data)[start : start + PIECE], exchange)

    def _send(self, data: memoryview, exchange: Exchange) -> None:
        if self.sock is not None:
            self.sock.settimeout(exchange.write_wait())
        try:
            super().send(data)
        except TimeoutError as fault:
            raise WriteTimeout("The write operation timed out") from fault
        except OSError as fault:
            if self._is_kept and not exchange.is_sent:
                raise StaleConnectionError from fault
            raise  # urllib3 goes on to read: the server may have refused the request before all of it was sent
        exchange.is_sent = True

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._is_kept = True
        self.keep_seconds = seconds_to_keep(response.headers.get("keep-alive"))
        return response


@lru_cache(maxsize=8)
def _connection_class(base: type[Any]) -> type[Any]:
    """Return urllib3's connection class with our limits; a replacement (vcrpy's) is returned unchanged."""
    if base.__module__ != "urllib3.connection":
        return base
    return type(base.__name__, (_Limits, base), {})


class _HTTPPool(urllib3.HTTPConnectionPool):
    QueueCls = IdleConnections

    @property
    def ConnectionCls(self) -> type[Any]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]  # noqa: N802  urllib3's name
        # Looked up each time: vcrpy replaces urllib3's class attribute, which one of our own would hide.
        return _connection_class(urllib3.HTTPConnectionPool.ConnectionCls)


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    QueueCls = IdleConnections

    @property
    def ConnectionCls(self) -> type[Any]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]  # noqa: N802  same
        return _connection_class(urllib3.HTTPSConnectionPool.ConnectionCls)


POOLS: dict[str, type[Any]] = {"http": _HTTPPool, "https": _HTTPSPool}
