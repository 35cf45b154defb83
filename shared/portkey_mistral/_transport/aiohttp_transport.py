"""The async transport: aiohttp.

aiohttp leaves three things to its caller. Bytes that arrive on an idle connection must not be read as the response to
its next request (`_Connector`). Writes have no time limit (`_LargeBody`). `ClientSession.close` never wakes the readers
of responses in progress, so these are closed first.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp import payload
from yarl import URL

from portkey_mistral._transport.address import Address, joined, parse_url
from portkey_mistral._transport.base import (
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    PoolTimeout,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    Timeouts,
    TransportError,
    WriteError,
    WriteTimeout,
    without_frames,
)
from portkey_mistral._transport.encoding import GzipDecoder, decoder_for
from portkey_mistral._transport.keepalive import KEEP_SECONDS, is_readable, seconds_to_keep
from portkey_mistral._wire.http_request import HTTPRequest

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.client_proto import ResponseHandler

__all__ = ["AiohttpResponse", "AiohttpTransport"]

MAX_CONNECTIONS = 1000
"""Maximum number of requests in flight per transport, to protect file descriptors."""

_LONGEST_LINE = 64 * 1024  # of a head, as http.client allows
_SHORTEST = 0.001  # aiohttp takes zero for no limit
_SMALL = 64 * 1024  # fits the buffers of the connection
_PIECE = 128 * 1024


class AiohttpTransport:
    """Connections of one event loop to any number of hosts, directly or through one proxy."""

    def __init__(
        self,
        ssl_context: Callable[[], ssl.SSLContext],
        *,
        proxy: str | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._ssl_context = ssl_context
        self._proxy = None if proxy is None else URL(proxy)
        self._slots = asyncio.Semaphore(max_connections)
        self._seconds_to_keep: dict[tuple[str, int], float] = {}
        self._sessions: list[aiohttp.ClientSession] = []
        self._session_init: object = None
        self._open: set[AiohttpResponse] = set()

    @property
    def in_flight(self) -> int:
        """How many responses are open."""
        return len(self._open)

    async def send(self, request: HTTPRequest, timeouts: Timeouts) -> AiohttpResponse:
        address = parse_url(request.url)
        await self._acquire(timeouts.pool)
        try:
            raw = await self._send(address, request, timeouts)
        except BaseException:
            self._slots.release()
            raise
        response = AiohttpResponse(self, raw, timeouts.read)
        self._open.add(response)
        return response

    async def _acquire(self, seconds: float | None) -> None:
        if not self._slots.locked():
            await self._slots.acquire()  # does not wait
            return
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError as fault:
            raise PoolTimeout("Too many requests are in flight.") from fault

    async def _send(
        self, address: Address, request: HTTPRequest, timeouts: Timeouts
    ) -> aiohttp.ClientResponse:
        body: bytes | _LargeBody | None = request.body
        if request.body is not None and len(request.body) > _SMALL:
            body = _LargeBody(request.body, timeouts.write)
        for is_last in (False, True):
            try:
                raw = await self._session().request(
                    request.method,
                    URL(address.url, encoded=True),
                    data=body,
                    # A fresh dict: instrumentation (ddtrace) writes the trace of this one request into it.
                    headers={**address.headers, **request.headers},
                    proxy=self._proxy,
                    ssl=self._ssl_context() if address.origin.scheme == "https" else True,
                    allow_redirects=False,
                    timeout=_client_timeout(timeouts),
                )
            except _FAULTS as fault:
                # The server had closed the connection, and the loop noticed only when the request was to be written.
                is_stale = _is_unsent(fault, body)
                error = _mapped(fault)
            else:
                self._after_head(raw, address)
                return raw
            if is_last or not is_stale:
                raise error
        raise AssertionError("unreachable")

    def _after_head(self, raw: aiohttp.ClientResponse, address: Address) -> None:
        """Stop aiohttp's read timer, which also runs while nobody reads, and set how long to keep the connection."""
        connection = raw.connection  # None if the whole response has arrived, or is a recording
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = None
            connection.protocol.start_timeout()
        keep_alive = raw.headers.get("Keep-Alive")
        if keep_alive is not None:
            self._seconds_to_keep[address.origin[1:]] = seconds_to_keep(keep_alive)

    def _session(self) -> aiohttp.ClientSession:
        """Return the session; a new one if instrumentation has replaced the constructor since."""
        init = aiohttp.ClientSession.__init__
        if self._session_init is not init:
            self._session_init = init
            self._sessions.append(_new_session(self._seconds_to_keep))
        return self._sessions[-1]

    async def aclose(self) -> None:
        for response in list(self._open):
            response.close()
        while self._sessions:
            await self._sessions.pop().close()
        self._session_init = None

    def abandon(self) -> None:
        """Drop the connections of an event loop that was closed and can no longer close them."""
        while self._sessions:
            session = self._sessions.pop()
            connector = session.connector
            session.detach()
            if connector is not None:
                steps = connector.close().__await__()
                with suppress(StopIteration):
                    next(steps)  # closes everything synchronously, as there is no loop to wait for
                steps.close()

    def release(self, response: AiohttpResponse) -> None:
        """Release the slot of a closed response."""
        self._open.discard(response)
        self._slots.release()


class AiohttpResponse:
    """A response whose body is read as it arrives.

    An iterator, not a generator: at the end of a loop asyncio closes all async generators at once, and one that another
    generator is closing would raise.
    """

    def __init__(
        self, transport: AiohttpTransport, raw: aiohttp.ClientResponse, seconds: float | None
    ) -> None:
        self._transport, self._raw = transport, raw
        self._is_open = True
        self._seconds: float | None = seconds
        self._until: float | None = None
        self._decoder: GzipDecoder | None = None
        self._pieces: Iterator[bytes] = iter(())
        self.status = raw.status
        self.headers: Mapping[str, str] = joined(raw.headers.items())

    def limit_reads(self, seconds: float | None, until: float | None = None) -> None:
        self._seconds, self._until = seconds, until

    def chunks(self) -> Self:
        self._decoder = decoder_for(self.headers)
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            if self._decoder is not None:
                data = await self._decoded(self._decoder)
            else:
                data = await self._read() if self._is_open else b""
        except BaseException:
            self.close()
            raise
        if data:
            return data
        self.close()
        raise StopAsyncIteration

    async def _decoded(self, decoder: GzipDecoder) -> bytes:
        while not (piece := next(self._pieces, b"")) and self._is_open:
            data = await self._read()
            if data:
                self._pieces = decoder.feed(data)
            elif self._is_open:
                decoder.finish()
                break
        return piece

    async def _read(self) -> bytes:
        try:
            wait, content = self._wait(), self._raw.content
            # Data that has already arrived needs no timer, nor does the end.
            if (data := content.read_nowait()) or content.at_eof():
                return data
            async with asyncio.timeout(wait):
                return await content.readany()
        except _FAULTS as fault:
            error = _mapped(fault)
        raise error

    def _wait(self) -> float | None:
        if self._until is None:
            return self._seconds
        left = self._until - time.monotonic()
        if left <= 0:
            raise ReadTimeout("The time for reading is over")  # however much data is there
        return left if self._seconds is None else min(self._seconds, left)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._raw.close()
            self._transport.release(self)

    async def aclose(self) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


# --- the parts passed to aiohttp ------------------------------------------------------------------------


class _Connector(aiohttp.TCPConnector):
    """Reuses the newest idle connection, so that the others can age, and none on which something has arrived.

    aiohttp checks for extra bytes only when a response is complete. Bytes that a server sends later, or that are
    received later, would be taken for the response to the next request.
    """

    def __init__(self, seconds_to_keep: Mapping[tuple[str, int], float]) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_SECONDS)
        self._seconds_to_keep = seconds_to_keep

    async def _get(self, key: Any, traces: list[Any]) -> Any:
        waiting = self._conns.get(key)
        while waiting:
            protocol, since = waiting[-1]
            seconds = self._seconds_to_keep.get((key.host, key.port), KEEP_SECONDS)
            if time.monotonic() - since < seconds and _is_fit(protocol):
                waiting.rotate(1)  # aiohttp takes the first
                break
            waiting.pop()
            protocol.close()
        return await super()._get(key, traces)


def _is_fit(protocol: ResponseHandler) -> bool:
    """Whether an idle connection is still open and nothing has arrived on it."""
    if not protocol.is_connected() or protocol.should_close or protocol.transport is None:
        return False
    sock = protocol.transport.get_extra_info("socket")
    return sock is None or not is_readable(sock.fileno())  # the loop may not have read it yet


class _LargeBody(payload.Payload):
    """Writes a body in pieces, each within the time limit for writing."""

    def __init__(self, body: bytes, seconds: float | None) -> None:
        super().__init__(body)
        self._body, self._size = body, len(body)
        self._seconds = seconds
        self.is_begun = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002  all of it is written
    ) -> None:
        # aiohttp takes it from the writer before it cancels this.
        transport: asyncio.Transport | None = getattr(writer, "transport", None)
        for start in range(0, len(self._body), _PIECE):
            try:
                async with asyncio.timeout(self._seconds):
                    await writer.write(memoryview(self._body)[start : start + _PIECE])
            except TimeoutError as fault:
                _abort(transport)
                raise WriteTimeout("The write operation timed out") from fault
            except asyncio.CancelledError:
                _abort(transport)
                raise
            self.is_begun = True


def _abort(transport: asyncio.Transport | None) -> None:
    """Close a connection at once: aiohttp's own close waits until the peer has read what is buffered."""
    if transport is not None:
        transport.abort()


def _new_session(seconds_to_keep: Mapping[tuple[str, int], float]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=_Connector(seconds_to_keep),
        cookie_jar=aiohttp.DummyCookieJar(),  # connections are shared by all keys of a process
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        auto_decompress=False,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    )


@lru_cache(maxsize=64)
def _client_timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, connect=_positive(timeouts.connect), sock_read=_positive(timeouts.read)
    )


def _positive(seconds: float | None) -> float | None:
    return None if seconds is None else max(seconds, _SHORTEST)


# --- errors ---------------------------------------------------------------------------------------

_FAULTS = (aiohttp.ClientError, OSError, ValueError, TypeError, RuntimeError)


def _is_unsent(fault: Exception, body: bytes | _LargeBody | None) -> bool:
    """Whether the connection was closing before anything was written to it."""
    return isinstance(fault.__cause__, aiohttp.ClientConnectionResetError) and not (
        isinstance(body, _LargeBody) and body.is_begun
    )


def _mapped(fault: Exception) -> TransportError:
    """Convert an error of aiohttp's to ours.

    aiohttp's errors contain the request's headers and the proxy's password, so only their causes are chained.
    """
    if isinstance(fault, TransportError):
        return type(fault)(*fault.args)
    error = _kind(fault)(_text(fault))
    cause: BaseException | None = fault
    while isinstance(cause, aiohttp.ClientError):
        cause = cause.__cause__
    error.__cause__ = without_frames(cause) if isinstance(cause, Exception) else None
    return error


# The order matters: some of these are subclasses of others, and a timeout is an OSError.
_KINDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, ConnectTimeout),
    (TimeoutError, ReadTimeout),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), ProxyError),
    ((aiohttp.ClientConnectorError, aiohttp.InvalidURL, UnicodeError), ConnectError),
    (aiohttp.ClientOSError, ReadError),
    # For a head or a chunk that is not HTTP, aiohttp raises ClientResponseError with a status that it makes up.
    (
        (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientResponseError),
        RemoteProtocolError,
    ),
    ((ValueError, TypeError), LocalProtocolError),
)


def _kind(fault: Exception) -> type[TransportError]:
    if _is_unsent(fault, None):
        return WriteError
    if isinstance(fault, aiohttp.ClientPayloadError) and isinstance(fault.__cause__, OSError):
        return ReadError
    return next((ours for theirs, ours in _KINDS if isinstance(fault, theirs)), ReadError)


def _text(fault: Exception) -> str:
    if isinstance(fault, aiohttp.ClientResponseError):
        return f"{fault.status} {fault.message}".strip()
    return str(fault) or type(fault).__name__
