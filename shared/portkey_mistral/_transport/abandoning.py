"""Tells requests that belong together that nobody wants their answers any more."""

from __future__ import annotations

import asyncio
import threading

__all__ = ["AbandonedError", "Abandonment"]


class AbandonedError(Exception):
    """Nothing was sent, for nobody wants the answer any more. Never reaches a caller."""


class Abandonment:
    """Cuts waits short, of threads or of tasks on one loop."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._sleepers: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Wake all that wait. For tasks, from their own loop."""
        self._told.set()
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def check(self) -> None:
        """Raise `AbandonedError` if nobody wants an answer."""
        if self._told.is_set():
            raise AbandonedError

    def sleep(self, seconds: float) -> None:
        """Wait; raise `AbandonedError` as soon as nobody wants an answer."""
        self._told.wait(seconds)
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
