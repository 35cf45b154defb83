"""The sync transport: HTTP/1.1 over the sockets of the standard library."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx

from portkey_mistral._transport.http1.framing import Message, ProtocolError, ResponseReader
from portkey_mistral._transport.http1.pool import (
    HEAD_UNTIL,
    ORIGIN,
    IdleConnections,
    Origin,
    is_readable,
    origin_of,
    response_of,
    was_stale,
)

__all__ = ["Exchange", "SocketTransport"]

_AT_ONCE = 64 * 1024


class SocketTransport(httpx.BaseTransport):
    """Keeps a pool of connections. Straight to the server: proxies are stock httpx's."""

    def __init__(self, ssl_context: Callable[[], ssl.SSLContext], most: int) -> None:
        self._ssl_context = ssl_context
        self._idle: IdleConnections[_Connection] = IdleConnections()
        # Of a stream that was forgotten, the garbage collector must not take the socket before the generator
        # that closes it.
        self._busy: set[_Connection] = set()
        self._permits = threading.BoundedSemaphore(most)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        origin = request.extensions.get(ORIGIN) or origin_of(request.url)
        message = Message(request, request.read())
        limits = request.extensions.get("timeout", {})
        until = request.extensions.get(HEAD_UNTIL)
        if not self._permits.acquire(timeout=_shorter(limits.get("pool"), until)):
            raise httpx.PoolTimeout("Too many requests are in flight.", request=request)
        try:
            exchange = self._exchange(origin, request, message, limits)
        except BaseException:
            self._permits.release()
            raise
        self._busy.add(exchange.connection)
        return response_of(exchange.reader, exchange, exchange.connection)

    def _exchange(
        self,
        origin: Origin,
        request: httpx.Request,
        message: Message,
        limits: dict[str, float | None],
    ) -> Exchange:
        """Send a request and read the head of its answer, once more if a kept connection was dead."""
        if (kept := self._idle.take(origin)) is not None:
            connection, rested = kept
            started = time.monotonic()
            exchange = Exchange(self, origin, connection, request)
            try:
                exchange.begin(message)
            except httpx.TransportError as fault:
                took = time.monotonic() - started
                if not was_stale(fault, rested=rested, took=took, heard=exchange.heard):
                    raise
            else:
                return exchange
        until = request.extensions.get(HEAD_UNTIL)
        connection = _connect(origin, self._ssl_context, _shorter(limits.get("connect"), until))
        exchange = Exchange(self, origin, connection, request)
        exchange.begin(message)
        return exchange

    def give_back(self, exchange: Exchange) -> None:
        """End an exchange: keep its connection, or close it where the answer was not read to its end."""
        self._permits.release()
        self._busy.discard(exchange.connection)
        if exchange.reader.complete and exchange.reader.reusable:
            self._idle.put(exchange.origin, exchange.connection, exchange.reader.seconds_to_keep)
        else:
            exchange.connection.close()

    def close(self) -> None:
        self._idle.close()
        for connection in list(self._busy):
            connection.close()


class Exchange(httpx.SyncByteStream):
    """One request and its answer on one connection; as a stream, the body of the answer."""

    def __init__(
        self, pool: SocketTransport, origin: Origin, connection: _Connection, request: httpx.Request
    ) -> None:
        self.origin, self.connection = origin, connection
        self.reader = ResponseReader(request.method)
        self.heard = False
        self._pool = pool
        self._limits: dict[str, float | None] = request.extensions.get("timeout", {})
        self._head_until: float | None = request.extensions.get(HEAD_UNTIL)
        self._body = b""
        self._over = False

    def begin(self, message: Message) -> None:
        """Send, and read until the head of the answer is there."""
        try:
            with suppress(
                httpx.WriteError
            ):  # it may have been refused half-way, and the answer says why
                self.connection.send(message, self._limit("write"))
            while not self.reader.status:
                self._body = self._read()
            self._head_until = None
        except BaseException:
            self.connection.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        try:
            if self._body:
                yield self._body
            while not self.reader.complete:
                if data := self._read():
                    yield data
        finally:
            self.close()

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._pool.give_back(self)

    def _limit(self, name: str) -> float | None:
        return _shorter(self._limits.get(name), self._head_until)

    def _read(self) -> bytes:
        # The limit is looked up anew: it is another one once the headers are there.
        data = self.connection.receive(self._limit("read"))
        self.heard = self.heard or bool(data)
        try:
            if data:
                return self.reader.feed(data)
            self.reader.end()
        except ProtocolError as fault:
            raise httpx.RemoteProtocolError(str(fault)) from fault
        return b""


class _Connection:
    """A connected socket, with its faults in httpx's words."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._limit = connected.gettimeout()

    def send(self, message: Message, seconds: float | None) -> None:
        try:
            self._set_limit(seconds)
            for part in message.parts():
                unsent = part
                while unsent:
                    unsent = unsent[self._socket.send(unsent) :]
        except TimeoutError as fault:
            raise httpx.WriteTimeout(str(fault)) from fault
        except OSError as fault:
            raise httpx.WriteError(str(fault)) from fault

    def receive(self, seconds: float | None) -> bytes:
        try:
            self._set_limit(seconds)
            return self._socket.recv(_AT_ONCE)
        except TimeoutError as fault:
            raise httpx.ReadTimeout(str(fault)) from fault
        except OSError as fault:
            raise httpx.ReadError(str(fault)) from fault

    def is_fit(self) -> bool:
        # Between two requests a server has nothing to say but goodbye.
        return not is_readable(self._socket)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()

    def get_extra_info(self, info: str) -> socket.socket | None:
        """Give the socket, as httpcore's network streams do."""
        return self._socket if info == "socket" else None

    def _set_limit(self, seconds: float | None) -> None:
        if seconds != self._limit:  # a system call each time
            # Zero would not mean "no time left" to a socket, but "do not wait at all".
            self._socket.settimeout(None if seconds is None else max(seconds, 0.001))
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
