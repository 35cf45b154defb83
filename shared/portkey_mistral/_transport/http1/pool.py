"""Connections between two requests."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeAlias, TypeVar

import httpx

from portkey_mistral._transport.http1.framing import ResponseReader

__all__ = [
    "HEAD_UNTIL",
    "MOST_CONNECTIONS",
    "ORIGIN",
    "Connection",
    "IdleConnections",
    "Origin",
    "is_readable",
    "origin_of",
    "response_of",
    "was_stale",
]

Origin: TypeAlias = tuple[str, str, int]

HEAD_UNTIL = "portkey_mistral.head_until"
"""Extension of a request: until when (monotonic) the head of its answer has to be there, all in all."""

ORIGIN = "portkey_mistral.origin"
"""Extension of a request whose origin was read already."""

MOST_CONNECTIONS = 1000
"""Requests in flight that one pool allows. Cost is flat, so this guards file descriptors, nothing else."""

# No server gives up a connection that rested for less, nor lets a request to a dead one wait for longer.
_STALE_AFTER_SECONDS = _STALE_SHOWS_SECONDS = 1.0
_PORTS = {"http": 80, "https": 443}


class Connection(Protocol):
    def is_fit(self) -> bool:
        """Whether the peer has neither closed the connection nor said anything unasked."""
        ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Connection)


class IdleConnections(Generic[C]):
    """Connections that wait for their next request. The newest is taken first, so that others can age."""

    def __init__(self) -> None:
        self._waiting: dict[Origin, deque[tuple[C, float, float]]] = {}
        self._lock = threading.Lock()

    def take(self, origin: Origin) -> tuple[C, float] | None:
        """Return a connection that is still good, if there is one, and the seconds that it rested."""
        while True:
            with self._lock:
                waiting = self._waiting.get(origin)
                if not waiting:
                    return None
                connection, since, until = waiting.pop()
            now = time.monotonic()
            if now < until and connection.is_fit():
                return connection, now - since
            connection.close()

    def put(self, origin: Origin, connection: C, seconds: float) -> None:
        now = time.monotonic()
        with self._lock:
            waiting = self._waiting.setdefault(origin, deque())
            waiting.append((connection, now, now + seconds))
            old = list(_aged(waiting, now))
        for each in old:
            each.close()

    def close(self) -> None:
        with self._lock:
            everything = [each for waiting in self._waiting.values() for each, *_ in waiting]
            self._waiting.clear()
        for connection in everything:
            connection.close()


def _aged(waiting: deque[tuple[C, float, float]], now: float) -> Iterator[C]:
    while waiting and waiting[0][2] <= now:
        yield waiting.popleft()[0]


def was_stale(fault: httpx.TransportError, *, rested: float, took: float, heard: bool) -> bool:
    """Whether a kept connection was dead before the request, which may then be sent on another.

    A server closes what rests for long, and its goodbye can cross the request. Where anything else may have
    happened the server may have been at work on the request: sending it again is for the config to decide.
    """
    return (
        not heard
        and not isinstance(fault, httpx.TimeoutException)
        and rested >= _STALE_AFTER_SECONDS
        and took <= _STALE_SHOWS_SECONDS
    )


def origin_of(url: httpx.URL) -> Origin:
    """Return where to connect to.

    Raises:
        httpx.UnsupportedProtocol: the URL is not one of HTTP.
    """
    if url.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(
            "Request URL is missing an 'http://' or 'https://' protocol."
            if not url.scheme
            else f"Request URL has an unsupported protocol '{url.scheme}://'."
        )
    return url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]


def response_of(
    reader: ResponseReader, body: httpx.SyncByteStream | httpx.AsyncByteStream, stream: object
) -> httpx.Response:
    """Make the response whose head was read; `stream` is the connection, as httpcore shows it."""
    return httpx.Response(
        reader.status,
        headers=reader.headers,
        stream=body,
        extensions={"http_version": b"HTTP/1.1", "network_stream": stream},
    )


if hasattr(select, "poll"):

    def is_readable(connected: socket.socket) -> bool:
        """Whether something has come, if only the end of the connection."""
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return bool(poll.poll(0))

else:  # Windows; elsewhere select() cannot take the file descriptors of a busy process

    def is_readable(connected: socket.socket) -> bool:
        """Whether something has come, if only the end of the connection."""
        return bool(select.select([connected], [], [], 0)[0])
