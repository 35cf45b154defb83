"""Cancels the waits of all requests of a job, in threads or in the tasks of one event loop."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["JobCancellation", "JobCancelledError"]


class JobCancelledError(Exception):
    """The job was cancelled before this request was sent. Never reaches a caller."""


class JobCancellation:
    """Shared by the requests of one job."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._sleepers: set[asyncio.Future[None]] = set()

    def cancel(self) -> None:
        """Wake all waiters. For tasks it has to be called on their event loop."""
        self._cancelled.set()
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def check(self) -> None:
        """Raise `JobCancelledError` if the job was cancelled."""
        if self._cancelled.is_set():
            raise JobCancelledError

    def sleep(self, seconds: float) -> None:
        """Wait; raise `JobCancelledError` as soon as the job is cancelled."""
        self._cancelled.wait(seconds)
        self.check()

    async def asleep(self, seconds: float) -> None:
        """The async twin of `sleep`."""
        self.check()
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.add(sleeper)
        try:
            await asyncio.wait([sleeper], timeout=seconds)
        finally:
            self._sleepers.discard(sleeper)
        self.check()
