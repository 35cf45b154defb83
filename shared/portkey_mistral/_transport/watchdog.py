"""Ends a stream that stalls: no first content in time, or too long a gap between two events.

httpx takes its read limit once a body, so a limit that changes at the commit point needs more: in async a
timeout around each read, in sync a thread that shuts the socket down. It is started only when asked for.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx

from portkey_mistral._transport.call import Limits
from portkey_mistral._transport.judging import StalledError

__all__ = ["Watchdog"]


class Watchdog:
    """Watches the body of one response. `committed` is set by the reader at the first content."""

    def __init__(self, response: httpx.Response, limits: Limits, started: float) -> None:
        self.committed = False
        self._response, self._limits, self._started = response, limits, started
        self._deadline: float | None = None
        self._bitten = threading.Event()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the chunks on.

        Raises:
            StalledError: the next one did not come in time.
        """
        if not self._needed:
            yield from chunks
            return
        if (connection := self._socket()) is not None:
            threading.Thread(target=self._guard, args=(connection,), daemon=True).start()
        while True:
            self._deadline = self._next_deadline()
            self._tell_transport()
            try:
                data = next(chunks, None)
            except httpx.HTTPError as fault:
                if self._bitten.is_set() or isinstance(fault, httpx.ReadTimeout):
                    raise self._stalled() from fault
                raise
            self._deadline = None
            # A body without a length ends cleanly when its socket is shut down.
            if self._bitten.is_set():
                raise self._stalled()
            if data is None:
                return
            yield data

    async def awatched(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The async twin of `watched`."""
        if not self._needed:
            async for data in chunks:
                yield data
            return
        while True:
            self._deadline = self._next_deadline()
            self._tell_transport()
            try:
                async with asyncio.timeout(self._left()):
                    data = await anext(chunks)
            except StopAsyncIteration:
                return
            except (TimeoutError, httpx.ReadTimeout) as fault:
                raise self._stalled() from fault
            yield data

    @property
    def _needed(self) -> bool:
        return self._limits.first_token is not None or self._limits.idle is not None

    def _next_deadline(self) -> float | None:
        if self.committed:
            return None if self._limits.idle is None else time.monotonic() + self._limits.idle
        return (
            None if self._limits.first_token is None else self._started + self._limits.first_token
        )

    def _left(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def _tell_transport(self) -> None:
        """Let a transport that looks the limit up at every read (the sandbox's does) see it."""
        left = self._left()
        general = self._limits.timeout.read
        limits = [limit for limit in (left, general) if limit is not None]
        self._response.request.extensions["timeout"]["read"] = min(limits, default=None)

    def _socket(self) -> socket.socket | None:
        stream = self._response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        return found if isinstance(found, socket.socket) else None

    def _guard(self, connection: socket.socket) -> None:
        shortest = min(x for x in (self._limits.first_token, self._limits.idle) if x is not None)
        while True:
            deadline = self._deadline
            wait = shortest if deadline is None else deadline - time.monotonic()
            if wait <= 0 and deadline == self._deadline:
                self._bitten.set()
                # Only a shutdown wakes a thread that waits in recv(); a close would not.
                with suppress(OSError):  # the peer may have been faster
                    connection.shutdown(socket.SHUT_RDWR)
                return
            if self._over.wait(max(wait, 0.001)):
                return

    def _stalled(self) -> StalledError:
        if self.committed:
            return StalledError(
                f"no event for {self._limits.idle or self._limits.timeout.read:g} s (idle_timeout)"
            )
        limit = self._limits.first_token or self._limits.timeout.read
        return StalledError(f"no content within {limit:g} s (first_token_timeout)")
