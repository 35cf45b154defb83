"""The transport over a client of httpx or httpx2: the user's own, or one of ours if httpx has to be used.

Neither library is imported here: the client's own is used, and the classes of the two are unrelated.
"""

# pyright: reportPrivateUsage=false
# httpcore has no public API to repair its pool.

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from portkey_mistral._transport import base
from portkey_mistral._transport.base import ReadTimeout, Timeouts, TransportError, without_frames
from portkey_mistral._transport.encoding import ACCEPT_ENCODING, GzipDecoder, is_gzip
from portkey_mistral._wire.http_request import HTTPRequest

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncHttpxTransport", "HttpxTransport", "library_of"]

_LIBRARIES = ("httpx", "httpx2")

# httpx's names that are not ours.
_OTHER_NAMES = {
    "CloseError": base.ReadError,
    "InvalidURL": base.UnsupportedProtocol,
    "NetworkError": base.ReadError,
    "ProtocolError": base.RemoteProtocolError,
    "StreamError": base.ReadError,
    "TimeoutException": base.TransportTimeout,
    "HTTPError": TransportError,
}


class HttpxTransport:
    """A sync client."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._open: set[HttpxResponse] = set()

    @property
    def in_flight(self) -> int:
        return len(self._open)

    def send(
        self,
        request: HTTPRequest,
        timeouts: Timeouts,
        head_until: float | None = None,  # noqa: ARG002  httpx's limits hold for each read by itself
    ) -> HttpxResponse:
        built = _build(self.client, request, timeouts)
        with _our_errors():
            response = self.client.send(built, stream=True, follow_redirects=False)
        opened = HttpxResponse(built, response, self._open)
        self._open.add(opened)
        return opened

    def close_expired(self) -> None:
        """Does nothing: httpcore closes expired connections at the next request."""

    def close(self) -> None:
        self.client.close()


class AsyncHttpxTransport:
    """An async client."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self._open: set[AsyncHttpxResponse] = set()

    @property
    def in_flight(self) -> int:
        return len(self._open)

    async def send(self, request: HTTPRequest, timeouts: Timeouts) -> AsyncHttpxResponse:
        built = _build(self.client, request, timeouts)
        try:
            with _our_errors():
                response = await self.client.send(built, stream=True, follow_redirects=False)
        except asyncio.CancelledError:
            await _reclaim(self.client)
            raise
        _close_completely(response, library_of(self.client))
        opened = AsyncHttpxResponse(built, response, self._open)
        self._open.add(opened)
        return opened

    async def aclose(self) -> None:
        await self.client.aclose()

    def abandon(self) -> None:
        """Does nothing: the garbage collector closes the sockets."""


def library_of(client: object) -> ModuleType | None:
    """Return the module, httpx or httpx2, of a client, a `Timeout` or another object of its classes."""
    for cls in type(client).__mro__:
        name = cls.__module__.partition(".")[0]
        if name in _LIBRARIES:
            return sys.modules[name]
    return None


def _build(
    client: httpx.Client | httpx.AsyncClient, request: HTTPRequest, timeouts: Timeouts
) -> httpx.Request:
    library: Any = library_of(client)
    return client.build_request(
        request.method,
        request.url,
        content=request.body,
        # httpx would inflate a chunk of another encoding at once, whatever its size.
        headers={"accept-encoding": ACCEPT_ENCODING, **request.headers},
        timeout=library.Timeout(
            connect=timeouts.connect,
            read=timeouts.read,
            write=timeouts.write,
            pool=timeouts.pool,
        ),
    )


class _Head:
    def __init__(self, request: httpx.Request, response: httpx.Response) -> None:
        # A user's client may have sent another request, or none, so the limits are read from ours.
        self._request, self._response = request, response
        self._until: float | None = None
        self._decoder: GzipDecoder | None = None

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def limit_reads(self, seconds: float | None, until: float | None = None) -> None:
        self._until = until
        # httpcore reads it once per body, other transports at every read.
        self._request.extensions["timeout"]["read"] = seconds

    def _left(self) -> float | None:
        """Return how many seconds are left for reading.

        Raises:
            ReadTimeout: there are none.
        """
        if self._until is None:
            return None
        left = self._until - time.monotonic()
        if left <= 0:
            raise ReadTimeout("The time for reading is over")
        return left

    def _inflates(self) -> bool:
        """Whether the body has to be decoded here. A response constructed with its content is decoded already."""
        return is_gzip(self.headers) and not self._response.is_stream_consumed


class HttpxResponse(_Head):
    """A response of a sync client."""

    def __init__(
        self, request: httpx.Request, response: httpx.Response, siblings: set[HttpxResponse]
    ) -> None:
        super().__init__(request, response)
        self._siblings = siblings
        self._watchdog: _Watchdog | None = None

    def chunks(self) -> Iterator[bytes]:
        if not self._inflates():
            yield from self._timed(self._response.iter_bytes())
            return
        decoder = GzipDecoder()
        for data in self._timed(self._response.iter_raw()):
            yield from decoder.feed(data)
        decoder.finish()

    def _timed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        while True:
            self._watch()
            try:
                with _our_errors():
                    data = next(pieces, None)
            except TransportError as fault:
                if self._was_cut():
                    raise ReadTimeout("The read operation timed out") from fault
                raise
            if self._was_cut():  # a body without a length ends cleanly when its socket is shut down
                raise ReadTimeout("The read operation timed out")
            if data is None:
                return
            yield data

    def _watch(self) -> None:
        if self._left() is None:
            return
        if self._watchdog is None and (sock := self._socket()) is not None:
            self._watchdog = _Watchdog(sock)
        if self._watchdog is not None:
            self._watchdog.watch(self._until)

    def _was_cut(self) -> bool:
        return self._watchdog is not None and self._watchdog.rest()

    def _socket(self) -> socket.socket | None:
        stream = self._response.extensions.get("network_stream")
        found = None if stream is None else stream.get_extra_info("socket")
        return found if isinstance(found, socket.socket) else None

    def close(self) -> None:
        self._siblings.discard(self)
        if self._watchdog is not None:
            self._watchdog.stop()
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncHttpxResponse(_Head):
    """A response of an async client."""

    def __init__(
        self,
        request: httpx.Request,
        response: httpx.Response,
        siblings: set[AsyncHttpxResponse],
    ) -> None:
        super().__init__(request, response)
        self._siblings = siblings
        self._raw: AsyncIterator[bytes] | None = None
        self._pieces: Iterator[bytes] = iter(())

    def chunks(self) -> Self:
        self._decoder = GzipDecoder() if self._inflates() else None
        response = self._response
        self._raw = response.aiter_bytes() if self._decoder is None else response.aiter_raw()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if piece := next(self._pieces, b""):
                return piece
            data = await self._read()
            if data is None:
                break
            self._pieces = iter((data,)) if self._decoder is None else self._decoder.feed(data)
        if self._decoder is not None:
            self._decoder.finish()
        raise StopAsyncIteration

    async def _read(self) -> bytes | None:
        if self._raw is None:
            return None
        with _our_errors():
            async with asyncio.timeout(self._left()):
                return await anext(self._raw, None)

    async def aclose(self) -> None:
        self._siblings.discard(self)
        try:
            # httpx's generators are closed here: left to the garbage collector, they could outlive their loop.
            if isinstance(self._raw, AsyncGenerator):
                with suppress(RuntimeError):  # the end of a loop may be closing them already
                    await self._raw.aclose()
        finally:
            await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _Watchdog:
    """Ends a read that takes too long, from a thread: httpx takes its read limit once a body."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._until: float | None = None
        self._has_fired = False
        self._is_over = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def watch(self, until: float | None) -> None:
        with self._changed:
            self._until = until
            self._changed.notify()

    def rest(self) -> bool:
        """Stop watching one read; return whether it was ended."""
        with self._changed:
            self._until = None
        return self._has_fired

    def stop(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._is_over:
                left = None if self._until is None else self._until - time.monotonic()
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                self._has_fired = self._is_over = True
                # Only a shutdown wakes a thread that waits in recv(); a close would not.
                with suppress(OSError):  # the server may have been faster
                    self._sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def _our_errors() -> Iterator[None]:
    """Context manager that converts errors of httpx and httpx2 to ours; other errors pass through."""
    try:
        yield
    except Exception as fault:
        error = _mapped(fault)
        if error is None:
            raise
        raise error from without_frames(fault)


def _mapped(fault: Exception) -> TransportError | None:
    """Return our error of the same name."""
    if isinstance(fault, TransportError):
        return None
    for cls in type(fault).__mro__:
        if cls.__module__.partition(".")[0] not in _LIBRARIES:
            continue
        kind = _OTHER_NAMES.get(cls.__name__) or getattr(base, cls.__name__, None)
        if isinstance(kind, type) and issubclass(kind, TransportError):
            return kind(str(fault))
    match fault:
        case UnicodeError():  # Python's codec rejects the host name
            return base.ConnectError(str(fault))
        case TimeoutError():
            return ReadTimeout("The read operation timed out")
        case OSError():  # a TLS 1.3 alert arrives with the first read
            return base.ReadError(str(fault))
        case _:
            return None


# --- httpcore's pool and cancelled tasks ------------------------------------------------------------

# In httpcore 1.0.9 a cancellation at a bad moment leaves an unused connection in the pool that is never reused; once
# the pool consists of these, every request times out until the process is restarted (encode/httpcore issues 658 and
# 1093). There are two such moments: while a body is being closed, and between the creation of a connection for a
# request and its assignment to the request.


def _close_completely(response: httpx.Response, library: Any) -> None:
    """Ensure that closing the body of a response completes even if the task is cancelled."""
    if isinstance(response.stream, library.AsyncByteStream):
        response.stream = _uncut_stream(library.AsyncByteStream)(response.stream)


@lru_cache(maxsize=2)
def _uncut_stream(base_class: type[Any]) -> Any:
    """Return a stream, of httpx's class or httpx2's, that is closed in its own task."""

    class UncutStream(base_class):  # type: ignore[misc]
        def __init__(self, stream: httpx.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for data in self._stream:
                yield data

        async def aclose(self) -> None:
            closing = asyncio.ensure_future(self._stream.aclose())
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                await asyncio.wait([closing])
                raise

    return UncutStream


async def _reclaim(client: httpx.AsyncClient) -> None:
    """Remove connections that a cancelled request has left behind from a client's pools."""
    for pool in _pools(client):
        used = {id(request.connection) for request in pool._requests}  # noqa: SLF001
        lost = [
            connection
            for connection in pool.connections
            if id(connection) not in used
            and not (connection.is_idle() or connection.is_closed() or connection.has_expired())
        ]
        for connection in lost:
            pool._connections.remove(connection)  # noqa: SLF001
        # Requests may be waiting for the connections that are available now.
        closing = pool._assign_requests_to_connections() if lost else []  # noqa: SLF001
        for connection in [*lost, *closing]:
            await connection.aclose()


def _pools(client: httpx.AsyncClient) -> Iterator[Any]:
    """Yield the client's httpcore pools; a user's own transport may have none."""
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if type(pool).__module__.startswith("httpcore") and hasattr(pool, "_requests"):
            yield pool
