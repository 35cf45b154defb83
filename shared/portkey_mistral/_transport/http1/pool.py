"""Where connections lead, and what becomes of them between two requests."""

from __future__ import annotations

import select
import socket
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, Protocol, TypeAlias, TypeVar

import httpx

from portkey_mistral._transport.http1.framing import Message
from portkey_mistral._wire.http import HTTPRequest

__all__ = [
    "MOST_CONNECTIONS",
    "Address",
    "Connection",
    "IdleConnections",
    "Origin",
    "address_of",
    "is_readable",
    "message_for",
    "was_stale",
]

Origin: TypeAlias = tuple[str, str, int]

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


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, read. `headers` are those that follow from it alone."""

    origin: Origin
    target: str
    headers: dict[str, str] = field(repr=False)


@lru_cache(maxsize=256)  # reading costs 20 us, and a process has few
def address_of(url: str) -> Address:
    """Read a URL.

    Raises:
        httpx.UnsupportedProtocol: it is not one of HTTP.
    """
    parsed = httpx.URL(url)
    if parsed.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(f"{parsed.scheme!r} is not a protocol of HTTP.")
    origin = (parsed.scheme, parsed.raw_host.decode("ascii"), parsed.port or _PORTS[parsed.scheme])
    headers = {"host": parsed.netloc.decode("ascii"), "accept-encoding": _encodings()}
    if parsed.userinfo:
        named = f"{parsed.username}:{parsed.password}".encode()
        headers["authorization"] = f"Basic {b64encode(named).decode()}"
    return Address(origin, parsed.raw_path.decode("ascii"), headers)


@lru_cache(maxsize=1)
def _encodings() -> str:
    """Name the codings that httpx can take off a body, which depends on what is installed."""
    with httpx.Client(transport=httpx.BaseTransport()) as client:
        return client.headers["accept-encoding"]


def message_for(request: HTTPRequest, address: Address) -> Message:
    """Write a request.

    Raises:
        httpx.LocalProtocolError: a header of it is none.
    """
    body = request.body or b""
    length = {"content-length": str(len(body))} if request.body is not None else {}
    # In no variable, as traces print what those hold.
    return Message(
        request.method, address.target, {**address.headers, **request.headers, **length}, body
    )


if hasattr(select, "poll"):

    def is_readable(connected: socket.socket) -> Callable[[], bool]:
        """Return what tells whether something has come, if only the end of the connection."""
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        return lambda: bool(poll.poll(0))

else:  # Windows; elsewhere select() cannot take the file descriptors of a busy process

    def is_readable(connected: socket.socket) -> Callable[[], bool]:
        """Return what tells whether something has come, if only the end of the connection."""
        return lambda: bool(select.select([connected], [], [], 0)[0])
