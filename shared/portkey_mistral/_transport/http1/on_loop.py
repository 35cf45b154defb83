"""The async carrier: HTTP/1.1 over asyncio's transports, one pool an event loop."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self, cast

import httpx

from portkey_mistral._transport.http1.dialling import dial
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

__all__ = ["AsyncDirectCarrier", "AsyncExchange"]

# A reader that is slower than the server stops it here.
_MOST_UNREAD_BYTES = 256 * 1024


class AsyncDirectCarrier:
    """The async twin of `DirectCarrier`."""

    def __init__(
        self, ssl_context: Callable[[], ssl.SSLContext], most: int = MOST_CONNECTIONS
    ) -> None:
        self._ssl_context = ssl_context
        self._idle: IdleConnections[_Connection] = IdleConnections()
        self._busy: set[_Connection] = set()
        self._permits = asyncio.Semaphore(most)

    async def send(self, request: HTTPRequest, limits: httpx.Timeout) -> AsyncExchange:
        """Send a request and read the head of its answer."""
        address = address_of(request.url)
        message = message_for(request, address)
        await self._permit(limits.pool)
        try:
            exchange = await self._exchange(address.origin, request.method, message, limits)
        except BaseException:
            self._permits.release()
            raise
        self._busy.add(exchange.connection)
        return exchange

    async def _permit(self, seconds: float | None) -> None:
        if not self._permits.locked():
            await self._permits.acquire()  # does not wait
            return
        try:
            async with asyncio.timeout(seconds):
                await self._permits.acquire()
        except TimeoutError as fault:
            raise httpx.PoolTimeout("Too many requests are in flight.") from fault

    async def _exchange(
        self, origin: Origin, method: str, message: Message, limits: httpx.Timeout
    ) -> AsyncExchange:
        """Send a request and read the head of its answer, once more if a kept connection was dead."""
        if (kept := self._idle.take(origin)) is not None:
            connection, rested = kept
            started = time.monotonic()
            exchange = AsyncExchange(self, origin, connection, method)
            try:
                await exchange.begin(message, limits)
            except httpx.TransportError as fault:
                took = time.monotonic() - started
                if not was_stale(fault, rested=rested, took=took, heard=exchange.heard):
                    raise
            else:
                return exchange
        connection = await _connect(origin, self._ssl_context, limits.connect)
        exchange = AsyncExchange(self, origin, connection, method)
        await exchange.begin(message, limits)
        return exchange

    def give_back(self, exchange: AsyncExchange) -> None:
        """End an exchange: keep its connection, or close it where the answer was not read to its end."""
        self._permits.release()
        self._busy.discard(exchange.connection)
        if exchange.may_be_kept:
            seconds = exchange.reader.seconds_to_keep
            self._idle.put(exchange.origin, exchange.connection, seconds)
        else:
            exchange.connection.close()

    async def aclose(self) -> None:
        self._idle.close()
        for connection in list(self._busy):
            connection.close()


class AsyncExchange(BaseExchange["_Connection"]):
    """The async twin of the sync one.

    An iterator itself, not a generator: at the end of a loop asyncio closes all async generators at once, and
    one that is being closed by another would complain.
    """

    __slots__ = ("_pool",)

    def __init__(
        self, pool: AsyncDirectCarrier, origin: Origin, connection: _Connection, method: str
    ) -> None:
        super().__init__(origin, connection, method)
        self._pool = pool

    async def begin(self, message: Message, limits: httpx.Timeout) -> None:
        """Send, and read until the head of the answer is there."""
        try:
            await self.connection.send(message, limits.write)
            while not self.reader.status:
                self._body = self._take(await self.connection.receive(limits.read))
        except BaseException:
            self.connection.close()
            raise
        self._limit = limits.read

    async def body(self) -> bytes:
        """Read all of the body."""
        if self.reader.complete and not self.coding:
            await self.aclose()
            return self._body
        return b"".join([data async for data in self.chunks()])

    def chunks(self) -> AsyncIterator[bytes]:
        """Read the body as it comes."""
        if coding := self.coding:
            return httpx.Response(200, headers=coding, stream=_Stream(self)).aiter_bytes()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data, self._body = self._body, b""
        try:
            while not (data or self.reader.complete):
                data = self._take(await self.connection.receive(self._limit))
        except BaseException:
            await self.aclose()
            raise
        if data:
            return data
        await self.aclose()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            self._pool.give_back(self)


class _Stream(httpx.AsyncByteStream):
    """Bytes in the form from which httpx takes the coding off."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


class _Connection(asyncio.Protocol):
    """A connected transport: what came in, and who waits for it. Its faults are in httpx's words."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.socket: socket.socket | None = None
        self._transport: asyncio.Transport | None = None
        self._is_readable: Callable[[], bool] = lambda: False
        self._came: list[bytes] = []
        self._unread = 0
        self._ended = False
        self._fault: Exception | None = None
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._due = math.inf

    # --- what asyncio calls -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connected: socket.socket = transport.get_extra_info("socket")
        self.socket, self._is_readable = connected, is_readable(connected)

    def data_received(self, data: bytes) -> None:
        self._came.append(data)
        self._unread += len(data)
        if self._unread > _MOST_UNREAD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        _settle(self._reader, True)

    def eof_received(self) -> None:
        self._ended = True
        _settle(self._reader, True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._fault = True, exc
        _settle(self._reader, True)
        _settle(self._writer, True)

    def pause_writing(self) -> None:
        self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        _settle(self._writer, True)
        self._writer = None

    # --- what the exchange calls ------------------------------------------------------------------

    async def send(self, message: Message, seconds: float | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return  # what is read next tells why
        self._transport.write(bytes(message))
        if self._writer is not None and not await self._woken(self._writer, seconds):
            raise httpx.WriteTimeout("")

    async def receive(self, seconds: float | None) -> bytes:
        """Return what came, or b"" at the end of the connection."""
        if not self._came and not self._ended:
            self._reader = self._loop.create_future()
            self._due = math.inf if seconds is None else self._loop.time() + seconds
            self._set_alarm()
            try:
                in_time = await self._reader
            finally:
                self._reader = None
            if not in_time:
                raise httpx.ReadTimeout("")
        if self._came:
            return self._taken()
        if self._fault is not None:
            raise httpx.ReadError(str(self._fault)) from self._fault
        return b""

    def is_fit(self) -> bool:
        if self._transport is None or self._transport.is_closing() or self._ended or self._came:
            return False
        # The loop may not have come to tell us yet.
        return not self._is_readable()

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _taken(self) -> bytes:
        data = self._came[0] if len(self._came) == 1 else b"".join(self._came)
        self._came.clear()
        if self._unread > _MOST_UNREAD_BYTES and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0
        return data

    # A timer for each read would cost as much as the read, and nearly all of them would be cancelled. So one
    # is set for the first, and looks when it rings whether the read that waits then is due.

    def _set_alarm(self) -> None:
        if self._alarm is not None and self._alarm.when() > self._due:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None and self._due < math.inf:
            self._alarm = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._loop.time() >= self._due:
            _settle(self._reader, False)
        elif self._reader is not None:
            self._set_alarm()

    async def _woken(self, future: asyncio.Future[bool], seconds: float | None) -> bool:
        """Wait for what asyncio will call; False if that took too long."""
        if seconds is None:
            return await future
        timer = self._loop.call_later(seconds, _settle, future, False)
        try:
            return await future
        finally:
            timer.cancel()


def _settle(future: asyncio.Future[bool] | None, woken: bool) -> None:
    if future is not None and not future.done():
        future.set_result(woken)


async def _connect(
    origin: Origin, ssl_context: Callable[[], ssl.SSLContext], seconds: float | None
) -> _Connection:
    scheme, host, port = origin
    loop = asyncio.get_running_loop()
    how: dict[str, Any] = {}
    if scheme == "https":
        how |= {"ssl": ssl_context(), "server_hostname": host}
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(
                lambda: _Connection(loop), sock=await dial(host, port), **how
            )
    except TimeoutError as fault:
        raise httpx.ConnectTimeout(str(fault)) from fault
    except (OSError, UnicodeError) as fault:  # UnicodeError: a host name that is none
        raise httpx.ConnectError(str(fault)) from fault
    return connection
