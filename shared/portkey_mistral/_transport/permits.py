"""Bounds how many requests are in flight. A permit is held from send to the end of the answer."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

__all__ = ["AsyncPermit", "Bound", "permit"]


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


@contextmanager
def permit(bound: Bound | None) -> Iterator[None]:
    if bound is None:
        yield
        return
    with _lock:
        semaphore = _threads.setdefault(bound, threading.BoundedSemaphore(bound.most))
    with semaphore:
        yield


class AsyncPermit:
    """The async twin of `permit`. A class for the reason that `sending.AsyncResponse` is one."""

    def __init__(self, bound: Bound | None) -> None:
        self._bound = bound
        self._semaphore: asyncio.BoundedSemaphore | None = None

    async def __aenter__(self) -> None:
        if self._bound is not None:
            bounds = _loops.setdefault(asyncio.get_running_loop(), {})
            semaphore = bounds.setdefault(self._bound, asyncio.BoundedSemaphore(self._bound.most))
            await semaphore.acquire()
            self._semaphore = semaphore

    async def __aexit__(self, *_: object) -> None:
        if self._semaphore is not None:
            self._semaphore.release()


def _start_anew() -> None:
    """A forked child has none of the threads that hold its parent's permits, or its lock."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _threads.clear()
    _loops.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_start_anew)
