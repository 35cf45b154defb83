"""The sync carrier: HTTP/1.1 over the sockets of the standard library."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Self

import httpx

from portkey_mistral._transport.http1.exchange import BaseExchange
from portkey_mistral._transport.http1.framing import Message
from portkey_mistral._transport.http1.pool import (
    MOST_CONNECTIONS,
    IdleConnections,
    Origin,
    address_of,
    is_readable,
    message_for,
    was_stale,
)
from portkey_mistral._wire.http import HTTPRequest

__all__ = ["DirectCarrier", "Exchange"]

_AT_ONCE = 64 * 1024


class DirectCarrier:
    """Keeps a pool of connections. Straight to the server: proxies are stock httpx's."""

    def __init__(
        self, ssl_context: Callable[[], ssl.SSLContext], most: int = MOST_CONNECTIONS
    ) -> None:
        self._ssl_context = ssl_context
        self._idle: IdleConnections[_Connection] = IdleConnections()
        # Of a stream that was forgotten, the garbage collector must not take the socket before the generator
        # that closes it.
        self._busy: set[_Connection] = set()
        # A queue, for the semaphores of `threading` are written in Python.
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            self._permits.put(None)

    def send(
        self, request: HTTPRequest, limits: httpx.Timeout, head_until: float | None = None
    ) -> Exchange:
        """Send a request and read the head of its answer, before a moment if one is given (monotonic)."""
        address = address_of(request.url)
        message = message_for(request, address)
        try:
            self._permits.get(timeout=_shorter(limits.pool, head_until))
        except Empty:
            raise httpx.PoolTimeout("Too many requests are in flight.") from None
        try:
            exchange = self._exchange(address.origin, request.method, message, limits, head_until)
        except BaseException:
            self._permits.put(None)
            raise
        self._busy.add(exchange.connection)
        return exchange

    def _exchange(
        self,
        origin: Origin,
        method: str,
        message: Message,
        limits: httpx.Timeout,
        head_until: float | None,
    ) -> Exchange:
        """Send a request and read the head of its answer, once more if a kept connection was dead."""
        if (kept := self._idle.take(origin)) is not None:
            connection, rested = kept
            started = time.monotonic()
            exchange = Exchange(self, origin, connection, method)
            try:
                exchange.begin(message, limits, head_until)
            except httpx.TransportError as fault:
                took = time.monotonic() - started
                if not was_stale(fault, rested=rested, took=took, heard=exchange.heard):
                    raise
            else:
                return exchange
        connection = _connect(origin, self._ssl_context, _shorter(limits.connect, head_until))
        exchange = Exchange(self, origin, connection, method)
        exchange.begin(message, limits, head_until)
        return exchange

    def give_back(self, exchange: Exchange) -> None:
        """End an exchange: keep its connection, or close it where the answer was not read to its end."""
        self._permits.put(None)
        self._busy.discard(exchange.connection)
        if exchange.may_be_kept:
            seconds = exchange.reader.seconds_to_keep
            self._idle.put(exchange.origin, exchange.connection, seconds)
        else:
            exchange.connection.close()

    def close(self) -> None:
        self._idle.close()
        for connection in list(self._busy):
            connection.close()


class Exchange(BaseExchange["_Connection"]):
    """One request and its answer on one connection: a reply whose body is still to be read."""

    __slots__ = ("_pool",)

    def __init__(
        self, pool: DirectCarrier, origin: Origin, connection: _Connection, method: str
    ) -> None:
        super().__init__(origin, connection, method)
        self._pool = pool

    def begin(self, message: Message, limits: httpx.Timeout, head_until: float | None) -> None:
        """Send, and read until the head of the answer is there."""
        connection = self.connection
        try:
            connection.send(message, _shorter(limits.write, head_until))
            while not self.reader.status:
                self._body = self._take(connection.receive(_shorter(limits.read, head_until)))
        except BaseException:
            connection.close()
            raise
        self._limit = limits.read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def body(self) -> bytes:
        """Read all of the body."""
        if self.reader.complete and not self.coding:
            self.close()
            return self._body
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Read the body as it comes."""
        if coding := self.coding:
            return httpx.Response(200, headers=coding, stream=_Stream(self._raw())).iter_bytes()
        return self._raw()

    def _raw(self) -> Iterator[bytes]:
        try:
            if self._body:
                yield self._body
            while not self.reader.complete:
                if data := self._take(self.connection.receive(self._limit)):
                    yield data
        finally:
            self.close()

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._pool.give_back(self)


class _Stream(httpx.SyncByteStream):
    """Bytes in the form from which httpx takes the coding off."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class _Connection:
    """A connected socket, with its faults in httpx's words."""

    __slots__ = ("_is_readable", "_limit", "socket")

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._limit = connected.gettimeout()
        self._is_readable = is_readable(connected)

    def send(self, message: Message, seconds: float | None) -> None:
        try:
            if seconds != self._limit:
                self._set_limit(seconds)
            for part in message.parts():
                unsent = part
                while unsent:
                    unsent = unsent[self.socket.send(unsent) :]
        except TimeoutError as fault:
            raise httpx.WriteTimeout(str(fault)) from fault
        except OSError:
            return  # it may have been refused half-way; what is read next tells why

    def receive(self, seconds: float | None) -> bytes:
        try:
            if seconds != self._limit:
                self._set_limit(seconds)
            return self.socket.recv(_AT_ONCE)
        except TimeoutError as fault:
            raise httpx.ReadTimeout(str(fault)) from fault
        except OSError as fault:
            raise httpx.ReadError(str(fault)) from fault

    def is_fit(self) -> bool:
        # Between two requests a server has nothing to say but goodbye.
        return not self._is_readable()

    def close(self) -> None:
        with suppress(OSError):
            self.socket.close()

    def _set_limit(self, seconds: float | None) -> None:
        # Zero would not mean "no time left" to a socket, but "do not wait at all".
        self.socket.settimeout(None if seconds is None else max(seconds, 0.001))
        self._limit = seconds


def _shorter(seconds: float | None, until: float | None) -> float | None:
    """Return how long to wait: these seconds, and not beyond a moment."""
    if until is None:
        return seconds
    left = max(until - time.monotonic(), 0.001)  # zero would mean "do not wait at all"
    return left if seconds is None else min(seconds, left)


def _connect(
    origin: Origin, ssl_context: Callable[[], ssl.SSLContext], seconds: float | None
) -> _Connection:
    scheme, host, port = origin
    try:
        connected = socket.create_connection((host, port), seconds)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if scheme == "https":
                connected = ssl_context().wrap_socket(connected, server_hostname=host)
        except BaseException:
            connected.close()
            raise
    except TimeoutError as fault:
        raise httpx.ConnectTimeout(str(fault)) from fault
    except (OSError, UnicodeError) as fault:  # UnicodeError: a host name that is none
        raise httpx.ConnectError(str(fault)) from fault
    return _Connection(connected)
