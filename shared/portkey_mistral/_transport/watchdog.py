"""Ends an answer that stalls: no first content in time, too long a gap between two events, no time left.

httpx takes its read limit once a body, so a limit that changes at the commit point needs more: in async a
timeout around each read, in sync a thread that shuts the socket down. It is started only when asked for.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from portkey_mistral._transport.call import Call
from portkey_mistral._transport.carriers import AsyncReply, Head, Reply
from portkey_mistral._transport.judging import StalledError

__all__ = ["Progress", "Watchdog", "abody_in_time", "body_in_time"]


_MOMENT = 0.05  # seconds by which two clocks may differ


class Progress(Protocol):
    """How far an answer has come; see `Reading`, which is one."""

    started: float
    committed: bool
    deltas: int


def body_in_time(reply: Reply, call: Call[Any], reading: Progress) -> bytes:
    """Read a whole body.

    Raises:
        StalledError: it did not come to its end in time.
    """
    if not _has_limits(call):
        try:
            return reply.body()
        except httpx.ReadTimeout as fault:
            raise _silent(call) from fault
    with Watchdog(reply, call, reading) as watchdog:
        return b"".join(watchdog.watched(reply.chunks()))


async def abody_in_time(reply: AsyncReply, call: Call[Any], reading: Progress) -> bytes:
    """The async twin of `body_in_time`."""
    if not _has_limits(call):
        try:
            return await reply.body()
        except httpx.ReadTimeout as fault:
            raise _silent(call) from fault
    watchdog, came = Watchdog(reply, call, reading), reply.chunks()
    parts: list[bytes] = []
    while (data := await watchdog.anext(came)) is not None:
        parts.append(data)
    return b"".join(parts)


class Watchdog:
    """Watches the body of one reply."""

    def __init__(self, reply: Head, call: Call[Any], reading: Progress) -> None:
        self._reply, self._call, self._reading = reply, call, reading
        self._limits, self._needed = call.limits, _has_limits(call)
        self._deadline: float | None = None
        self._reason = ""
        self._heard = 0
        self._quiet_since = 0.0
        self._bitten = False
        self._over: threading.Event | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._over is not None:
            self._over.set()
        if isinstance(error, httpx.ReadTimeout):
            raise _silent(self._call) from error

    def watched(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the pieces on.

        Raises:
            StalledError: the next one did not come in time. Where there are no limits but the general one, it is
                leaving the `with` block that raises it.
        """
        return self._in_time(pieces) if self._needed else pieces

    def _in_time(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        if (connection := self._reply.socket) is not None:
            self._over = threading.Event()
            threading.Thread(target=self._guard, args=(connection, self._over), daemon=True).start()
        while True:
            self._deadline = self._next_deadline()
            self._tell_transport()
            try:
                data = next(pieces, None)
            except httpx.HTTPError as fault:
                if (stalled := self._limit_behind(fault)) is not None:
                    raise stalled from fault
                raise
            self._deadline = None
            # A body without a length ends cleanly when its socket is shut down.
            if self._bitten:
                raise self._stalled()
            if data is None:
                return
            yield data

    async def anext(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """Return the next piece, None after the last. The async twin of `watched`."""
        if not self._needed:
            try:
                return await anext(pieces, None)
            except httpx.ReadTimeout as fault:
                raise _silent(self._call) from fault
        self._deadline = self._next_deadline()
        self._tell_transport()
        try:
            async with asyncio.timeout(self._left()):
                return await anext(pieces, None)
        except httpx.ReadTimeout as fault:
            raise self._ran_out() from fault
        except TimeoutError as fault:
            raise self._stalled() from fault

    def _next_deadline(self) -> float | None:
        """Until when the next bytes have to come; notes why."""
        if self._reading.deltas != self._heard:
            # From here on, not from when they came: the time that the caller took with them is his own.
            self._heard, self._quiet_since = self._reading.deltas, time.monotonic()
        ends = sorted(self._ends())
        self._reason = ends[0][1] if ends else ""
        return ends[0][0] if ends else None

    def _ends(self) -> Iterator[tuple[float, str]]:
        limits, reading = self._limits, self._reading
        if limits.first_token is not None and not reading.committed:
            reason = f"no content within {limits.first_token:g} s (first_token_timeout)"
            yield reading.started + limits.first_token, reason
        if limits.idle is not None and self._heard:
            yield self._quiet_since + limits.idle, f"no event for {limits.idle:g} s (idle_timeout)"
        if self._call.deadline is not None:
            yield self._call.deadline, "the time for the whole call is over (deadline)"

    def _left(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def _tell_transport(self) -> None:
        """Let a transport that looks the limit up at every read (ours do) see it."""
        left = self._left()
        general = self._limits.timeout.read
        limits = [limit for limit in (left, general) if limit is not None]
        self._reply.limit_reads(min(limits, default=None))

    def _guard(self, connection: socket.socket, over: threading.Event) -> None:
        # A limit that begins to hold during a nap is never over before the nap is.
        limits = (self._limits.first_token, self._limits.idle)
        nap = min((limit for limit in limits if limit is not None), default=1.0)
        while True:
            deadline = self._deadline
            wait = nap if deadline is None else min(nap, deadline - time.monotonic())
            if wait <= 0 and deadline == self._deadline:
                self._bitten = True
                # Only a shutdown wakes a thread that waits in recv(); a close would not.
                with suppress(OSError):  # the peer may have been faster
                    connection.shutdown(socket.SHUT_RDWR)
                return
            if over.wait(max(wait, 0.001)):
                return

    def _limit_behind(self, fault: httpx.HTTPError) -> StalledError | None:
        if self._bitten:
            return self._stalled()
        return self._ran_out() if isinstance(fault, httpx.ReadTimeout) else None

    def _ran_out(self) -> StalledError:
        """Tell which limit the transport kept: it was given the shorter of ours and the general one."""
        left = self._left()
        return self._stalled() if left is not None and left < _MOMENT else _silent(self._call)

    def _stalled(self) -> StalledError:
        return StalledError(self._reason) if self._reason else _silent(self._call)


def _has_limits(call: Call[Any]) -> bool:
    """Whether there is more to watch than the gap between two pieces, which the transport watches by itself."""
    limits = call.limits
    return limits.first_token is not None or limits.idle is not None or call.deadline is not None


def _silent(call: Call[Any]) -> StalledError:
    general = call.limits.timeout.read
    return StalledError("no data" if general is None else f"no data for {general:g} s (timeout)")
