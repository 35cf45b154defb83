"""Bounds how many requests are in flight. A permit is held from send to the end of the answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

__all__ = ["Bound", "apermit", "permit"]


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


@asynccontextmanager
async def apermit(bound: Bound | None) -> AsyncIterator[None]:
    if bound is None:
        yield
        return
    bounds = _loops.setdefault(asyncio.get_running_loop(), {})
    async with bounds.setdefault(bound, asyncio.BoundedSemaphore(bound.most)):
        yield
