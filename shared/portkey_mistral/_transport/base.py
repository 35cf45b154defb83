"""The interface that every HTTP library is used through: a transport, its responses, time limits and errors.

No module but the transports themselves imports an HTTP library.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from portkey_mistral._wire.http_request import HTTPRequest

__all__ = [
    "AsyncTransport",
    "AsyncTransportResponse",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "LocalProtocolError",
    "PoolTimeout",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "ResponseHead",
    "ResponseTooLarge",
    "Timeouts",
    "Transport",
    "TransportError",
    "TransportResponse",
    "TransportTimeout",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "without_frames",
]

# --- errors, named as in httpx --------------------------------------------------------------------


class TransportError(Exception):
    """A request failed before a whole response was read."""


class TransportTimeout(TransportError, TimeoutError):  # noqa: N818  httpx's names end like this
    """One of the limits in `Timeouts` was exceeded."""


class ConnectTimeout(TransportTimeout):
    """No connection was made in time, TLS handshake and proxy included."""


class ReadTimeout(TransportTimeout):
    """The server sent nothing for too long."""


class WriteTimeout(TransportTimeout):
    """The server read nothing of the request for too long."""


class PoolTimeout(TransportTimeout):
    """No connection of the pool became free in time."""


class ConnectError(TransportError):
    """The host could not be resolved, refused the connection, or failed the TLS handshake."""


class ReadError(TransportError):
    """The connection broke while the response was read."""


class WriteError(TransportError):
    """The connection broke while the request was sent."""


class ProxyError(TransportError):
    """The proxy refused, or could not be reached."""


class RemoteProtocolError(TransportError):
    """The server violated HTTP, or closed the connection in the middle of a response."""


class LocalProtocolError(TransportError):
    """The request cannot be sent as HTTP."""


class UnsupportedProtocol(TransportError):  # noqa: N818  same
    """The URL's scheme is neither http nor https."""


class DecodingError(TransportError):
    """The body does not have the content encoding that its headers name."""


class ResponseTooLarge(TransportError):  # noqa: N818  same
    """The decoded body has more bytes than are accepted."""


def without_frames(error: Exception) -> Exception:
    """Drop the frames of a library's error, and of its causes, before it becomes the cause of one of ours.

    They hold the request's headers, including the key, and error reporters print local variables of frames.
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


# --- limits ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait at most, with httpx's meaning; None waits for ever.

    `read` and `write` limit each read and each write by itself, `pool` the wait for a free connection.
    """

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None

    def capped(self, seconds: float) -> Timeouts:
        """Return the same limits, none of them longer than `seconds`."""
        limits = (self.connect, self.read, self.write, self.pool)
        return Timeouts(*(seconds if each is None else min(each, seconds) for each in limits))


# --- transports and their responses ---------------------------------------------------------------


class ResponseHead(Protocol):
    """A response before its body is read. Header names are in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def limit_reads(self, seconds: float | None, until: float | None = None) -> None:
        """Limit each further read of the body to `seconds`, and all of them to the time before `until` (monotonic).

        A read that exceeds either raises `ReadTimeout`.
        """
        ...


class TransportResponse(ResponseHead, Protocol):
    """A response whose body is not read yet. Closing it early closes its connection."""

    def chunks(self) -> Iterator[bytes]:
        """Return the body as it arrives, decoded."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class AsyncTransportResponse(ResponseHead, Protocol):
    """The async twin of `TransportResponse`."""

    def chunks(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class Transport(Protocol):
    """Sends requests over pooled connections. Never follows redirects and never sends a request twice."""

    def send(
        self, request: HTTPRequest, timeouts: Timeouts, head_until: float | None = None
    ) -> TransportResponse:
        """Send a request and read the head of its response before `head_until` (monotonic).

        Raises:
            TransportError: no response was received.
        """
        ...

    @property
    def in_flight(self) -> int:
        """How many responses are open."""
        ...

    def close_expired(self) -> None:
        """Close idle connections that the server has closed, or that have been idle for too long."""
        ...

    def close(self) -> None: ...


class AsyncTransport(Protocol):
    """The async twin of `Transport`, of one event loop. A limit on the whole of `send` is set by cancelling it.

    Idle connections are closed by timers of the loop.
    """

    async def send(self, request: HTTPRequest, timeouts: Timeouts) -> AsyncTransportResponse: ...

    @property
    def in_flight(self) -> int: ...

    async def aclose(self) -> None: ...

    def abandon(self) -> None:
        """Drop connections whose loop was closed before they were."""
        ...
