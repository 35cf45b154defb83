"""Limits how many requests are in flight (`max_concurrency`). A slot is held from send to the end of the response.

A stream holds its slot while its reader does other things. If the reader then waits for another slot, it could wait
forever, so a wait for slots that are all held by such streams raises an error.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self
from weakref import WeakKeyDictionary, WeakValueDictionary

from portkey_mistral.exceptions import APITimeoutError

__all__ = ["AsyncConcurrencySlot", "ConcurrencyLimit", "ConcurrencySlot"]

# Seconds without a read after which the slot of a stream counts as stuck: if its last reader waits for a slot itself,
# and in any case. The former is not immediate, because a stream may have moved to another thread.
_READER_WAITS_SECONDS = 5.0
_UNREAD_SECONDS = 60.0
_CHECK_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """At most `max_concurrency` requests at once, counted over everything with the same `key`."""

    key: str
    max_concurrency: int


class _Slot:
    """A slot of a limit, or none without a limit."""

    __slots__ = ("_deadline", "_idle_since", "_limit", "_reader")

    def __init__(self, limit: ConcurrencyLimit | None, deadline: float | None = None) -> None:
        self._limit, self._deadline = limit, deadline
        self._reader: object = None
        self._idle_since: float | None = None

    def idle(self) -> None:
        """Note that the stream of this slot is waiting to be read."""
        if self._limit is not None:
            self._idle_since = time.monotonic()

    def in_use(self) -> None:
        """Note that the current thread or task is reading the response of this slot."""
        if self._limit is not None:
            self._idle_since = None
            self._reader = self._current()

    def is_stuck(self, waiting: Collection[object]) -> bool:
        """Return whether the stream will not be read any more; `waiting` are the readers that wait for a slot."""
        if self._idle_since is None:
            return False
        seconds = time.monotonic() - self._idle_since
        return seconds >= _UNREAD_SECONDS or (
            seconds >= _READER_WAITS_SECONDS and self._reader in waiting
        )

    @staticmethod
    def _current() -> object:
        raise NotImplementedError


class ConcurrencySlot(_Slot):
    """A slot for the current thread, held within a `with` block. `deadline` is monotonic.

    Raises:
        APITimeoutError: no slot became free before the deadline, or none can become free.
    """

    __slots__ = ("_slots",)

    def __init__(self, limit: ConcurrencyLimit | None, deadline: float | None = None) -> None:
        super().__init__(limit, deadline)
        self._slots: _ThreadSlots | None = None

    def __enter__(self) -> Self:
        if self._limit is not None:
            slots = _slots_of_threads(self._limit)
            slots.acquire(self, self._limit, self._deadline)
            self._slots = slots
        return self

    def __exit__(self, *_: object) -> None:
        if self._slots is not None:
            self._slots.release(self)
            self._slots = None

    @staticmethod
    def _current() -> object:
        return threading.get_ident()


class AsyncConcurrencySlot(_Slot):
    """The async twin of `ConcurrencySlot`."""

    __slots__ = ("_slots",)

    def __init__(self, limit: ConcurrencyLimit | None, deadline: float | None = None) -> None:
        super().__init__(limit, deadline)
        self._slots: _LoopSlots | None = None

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()

    async def acquire(self) -> None:
        if self._limit is not None:
            slots = _slots_of_loop(self._limit)
            await slots.acquire(self, self._limit, self._deadline)
            self._slots = slots

    def release(self) -> None:
        if self._slots is not None:
            self._slots.release(self)
            self._slots = None

    @staticmethod
    def _current() -> object:
        return asyncio.current_task()


class _ThreadSlots:
    """The slots of one limit that are held by threads."""

    def __init__(self) -> None:
        self.held: set[ConcurrencySlot] = set()
        self._waiting: set[object] = set()
        self._released = threading.Condition()

    def acquire(
        self, slot: ConcurrencySlot, limit: ConcurrencyLimit, deadline: float | None
    ) -> None:
        thread = threading.get_ident()
        with self._released:
            self._waiting.add(thread)
            try:
                while len(self.held) >= limit.max_concurrency:
                    if not self._released.wait(_until_check(deadline)):
                        _raise_if_hopeless(limit, deadline, self.held, self._waiting)
            finally:
                self._waiting.discard(thread)
            self.held.add(slot)
        slot.in_use()

    def release(self, slot: ConcurrencySlot) -> None:
        with self._released:
            self.held.discard(slot)
            self._released.notify()


class _LoopSlots:
    """The slots of one limit that are held by the tasks of one event loop."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.held: set[AsyncConcurrencySlot] = set()
        self._waiting: set[object] = set()
        self._semaphore = asyncio.BoundedSemaphore(limit.max_concurrency)

    async def acquire(
        self, slot: AsyncConcurrencySlot, limit: ConcurrencyLimit, deadline: float | None
    ) -> None:
        task = asyncio.current_task()
        self._waiting.add(task)
        try:
            while not await self._acquired_within(_until_check(deadline)):
                _raise_if_hopeless(limit, deadline, self.held, self._waiting)
        finally:
            self._waiting.discard(task)
        self.held.add(slot)
        slot.in_use()

    async def _acquired_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._semaphore.acquire()
        except TimeoutError:
            return False

    def release(self, slot: AsyncConcurrencySlot) -> None:
        self.held.discard(slot)
        self._semaphore.release()


def _raise_if_hopeless(
    limit: ConcurrencyLimit,
    deadline: float | None,
    held: Collection[_Slot],
    waiting: Collection[object],
) -> None:
    most = limit.max_concurrency
    if deadline is not None and time.monotonic() >= deadline:
        raise APITimeoutError(
            f"Timed out waiting for a free slot (max_concurrency={most}) before the deadline."
        )
    if len(held) >= most and all(slot.is_stuck(waiting) for slot in held):
        raise APITimeoutError(
            f"No slot will become free (max_concurrency={most}): each is held by a stream that "
            "is no longer read, or whose reader is itself waiting for a slot. Read a stream to its end or close it before the next call, or "
            "raise max_concurrency."
        )


def _until_check(deadline: float | None) -> float:
    """Return how many seconds to wait for a slot before checking whether one can become free."""
    if deadline is None:
        return _CHECK_SECONDS
    return min(_CHECK_SECONDS, max(deadline - time.monotonic(), 0.0))


_lock = threading.Lock()
# Keys are those of an application's tenants: a limit is removed once nobody holds a slot of it or waits for one.
_thread_slots: WeakValueDictionary[ConcurrencyLimit, _ThreadSlots] = WeakValueDictionary()
# Each event loop counts for itself: an asyncio semaphore belongs to one loop.
_loop_slots: WeakKeyDictionary[
    asyncio.AbstractEventLoop, WeakValueDictionary[ConcurrencyLimit, _LoopSlots]
] = WeakKeyDictionary()


def _slots_of_threads(limit: ConcurrencyLimit) -> _ThreadSlots:
    with _lock:
        return _thread_slots.setdefault(limit, _ThreadSlots())


def _slots_of_loop(limit: ConcurrencyLimit) -> _LoopSlots:
    slots = _loop_slots.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    return slots.setdefault(limit, _LoopSlots(limit))


def _reset() -> None:
    # The threads that hold the parent's slots, or its lock, do not exist in a forked child.
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _thread_slots.clear()
    _loop_slots.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_reset)
