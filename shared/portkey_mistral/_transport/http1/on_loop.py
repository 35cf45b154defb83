"""The async transport: HTTP/1.1 over asyncio's transports, one pool an event loop."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx

from portkey_mistral._transport.http1.dialling import dial
from portkey_mistral._transport.http1.framing import Message, ProtocolError, ResponseReader
from portkey_mistral._transport.http1.pool import (
    ORIGIN,
    IdleConnections,
    Origin,
    is_readable,
    origin_of,
    response_of,
    was_stale,
)

__all__ = ["AsyncExchange", "AsyncSocketTransport"]

# A reader that is slower than the server stops it here.
_MOST_UNREAD_BYTES = 256 * 1024


class AsyncSocketTransport(httpx.AsyncBaseTransport):
    """The async twin of `SocketTransport`."""

    def __init__(self, ssl_context: Callable[[], ssl.SSLContext], most: int) -> None:
        self._ssl_context = ssl_context
        self._idle: IdleConnections[_Connection] = IdleConnections()
        self._busy: set[_Connection] = set()
        self._permits = asyncio.Semaphore(most)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = request.extensions.get(ORIGIN) or origin_of(request.url)
        message = Message(request, await request.aread())
        limits = request.extensions.get("timeout", {})
        try:
            async with asyncio.timeout(limits.get("pool") if self._permits.locked() else None):
                await self._permits.acquire()
        except TimeoutError as fault:
            raise httpx.PoolTimeout("Too many requests are in flight.", request=request) from fault
        try:
            exchange = await self._exchange(origin, request, message, limits)
        except BaseException:
            self._permits.release()
            raise
        self._busy.add(exchange.connection)
        return response_of(exchange.reader, exchange, exchange.connection)

    async def _exchange(
        self,
        origin: Origin,
        request: httpx.Request,
        message: Message,
        limits: dict[str, float | None],
    ) -> AsyncExchange:
        """Send a request and read the head of its answer, once more if a kept connection was dead."""
        if (kept := self._idle.take(origin)) is not None:
            connection, rested = kept
            started = time.monotonic()
            exchange = AsyncExchange(self, origin, connection, request)
            try:
                await exchange.begin(message)
            except httpx.TransportError as fault:
                took = time.monotonic() - started
                if not was_stale(fault, rested=rested, took=took, heard=exchange.heard):
                    raise
            else:
                return exchange
        connection = await _connect(origin, self._ssl_context, limits.get("connect"))
        exchange = AsyncExchange(self, origin, connection, request)
        await exchange.begin(message)
        return exchange

    def give_back(self, exchange: AsyncExchange) -> None:
        """End an exchange: keep its connection, or close it where the answer was not read to its end."""
        self._permits.release()
        self._busy.discard(exchange.connection)
        if exchange.reader.complete and exchange.reader.reusable:
            self._idle.put(exchange.origin, exchange.connection, exchange.reader.seconds_to_keep)
        else:
            exchange.connection.close()

    async def aclose(self) -> None:
        self._idle.close()
        for connection in list(self._busy):
            connection.close()


class AsyncExchange(httpx.AsyncByteStream):
    """The async twin of the sync one. An iterator itself, for the reason that `sending.AsyncResponse` is one."""

    def __init__(
        self,
        pool: AsyncSocketTransport,
        origin: Origin,
        connection: _Connection,
        request: httpx.Request,
    ) -> None:
        self.origin, self.connection = origin, connection
        self.reader = ResponseReader(request.method)
        self.heard = False
        self._pool = pool
        self._limits: dict[str, float | None] = request.extensions.get("timeout", {})
        self._body = b""
        self._over = False

    async def begin(self, message: Message) -> None:
        """Send, and read until the head of the answer is there."""
        try:
            await self.connection.send(message, self._limits.get("write"))
            while not self.reader.status:
                self._body = await self._read()
        except BaseException:
            self.connection.close()
            raise

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data, self._body = self._body, b""
        try:
            while not (data or self.reader.complete):
                data = await self._read()
        except BaseException:
            await self.aclose()
            raise
        if data:
            return data
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            self._pool.give_back(self)

    async def _read(self) -> bytes:
        data = await self.connection.receive(self._limits.get("read"))
        self.heard = self.heard or bool(data)
        try:
            if data:
                return self.reader.feed(data)
            self.reader.end()
        except ProtocolError as fault:
            raise httpx.RemoteProtocolError(str(fault)) from fault
        return b""


class _Connection(asyncio.Protocol):
    """A connected transport: what came in, and who waits for it. Its faults are in httpx's words."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._came: list[bytes] = []
        self._unread = 0
        self._ended = False
        self._fault: Exception | None = None
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None

    # --- what asyncio calls -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

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
            try:
                in_time = await self._woken(self._reader, seconds)
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
        return not is_readable(self._transport.get_extra_info("socket"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """Tell what asyncio knows of the connection, as httpcore's network streams do."""
        return None if self._transport is None else self._transport.get_extra_info(info)

    def _taken(self) -> bytes:
        data = self._came[0] if len(self._came) == 1 else b"".join(self._came)
        self._came.clear()
        if self._unread > _MOST_UNREAD_BYTES and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0
        return data

    async def _woken(self, future: asyncio.Future[bool], seconds: float | None) -> bool:
        """Wait for what asyncio will call; False if that took too long."""
        if seconds is None:
            return await future
        # A bare timer costs a third of asyncio.timeout, and there is one for every event of a stream.
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
