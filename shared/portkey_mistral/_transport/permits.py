"""Bounds how many requests are in flight. A permit is held from send to the end of the answer."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from portkey_mistral.exceptions import APITimeoutError

__all__ = ["AsyncPermit", "Bound", "Permit"]


@dataclass(frozen=True, slots=True)
class Bound:
    """`most` requests at once, counted over everything with the same `key`."""

    key: str
    most: int


_lock = threading.Lock()
_threads: dict[Bound, threading.BoundedSemaphore] = {}
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Bound, asyncio.BoundedSemaphore]] = (
    WeakKeyDictionary()
)


class Permit:
    """A permit, held while a block runs. `deadline` is monotonic.

    Raises:
        APITimeoutError: none came free before the deadline.
    """

    __slots__ = ("_bound", "_deadline", "_semaphore")

    def __init__(self, bound: Bound | None, deadline: float | None = None) -> None:
        self._bound, self._deadline = bound, deadline
        self._semaphore: threading.BoundedSemaphore | None = None

    def __enter__(self) -> None:
        if self._bound is not None:
            with _lock:
                semaphore = _threads.setdefault(
                    self._bound, threading.BoundedSemaphore(self._bound.most)
                )
            if not semaphore.acquire(timeout=_left(self._deadline)):
                raise _too_late(self._bound)
            self._semaphore = semaphore

    def __exit__(self, *_: object) -> None:
        if self._semaphore is not None:
            self._semaphore.release()


class AsyncPermit:
    """The async twin of `Permit`."""

    __slots__ = ("_bound", "_deadline", "_semaphore")

    def __init__(self, bound: Bound | None, deadline: float | None = None) -> None:
        self._bound, self._deadline = bound, deadline
        self._semaphore: asyncio.BoundedSemaphore | None = None

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()

    async def acquire(self) -> None:
        if self._bound is not None:
            bounds = _loops.setdefault(asyncio.get_running_loop(), {})
            semaphore = bounds.setdefault(self._bound, asyncio.BoundedSemaphore(self._bound.most))
            try:
                async with asyncio.timeout(_left(self._deadline)):
                    await semaphore.acquire()
            except TimeoutError:
                raise _too_late(self._bound) from None
            self._semaphore = semaphore

    def release(self) -> None:
        if self._semaphore is not None:
            self._semaphore.release()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)


def _too_late(bound: Bound) -> APITimeoutError:
    return APITimeoutError(
        f"No permit of max_concurrency={bound.most} came free within the time for the whole call (deadline)."
    )


def _start_anew() -> None:
    """A forked child has none of the threads that hold its parent's permits, or its lock."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _threads.clear()
    _loops.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_start_anew)
