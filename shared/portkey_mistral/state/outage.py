"""Tracks whether a shared store can be reached, and decides when to retry it and when to warn."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable

__all__ = ["Outage", "SharedStateWarning"]

_FIRST_PAUSE, _MAX_PAUSE = 1.0, 30.0


class SharedStateWarning(UserWarning):
    """The shared state cannot be reached. Until it can, circuit breakers, cache, rate limits and budgets are those of this
    process.

    There is one warning per outage. The store is used again as soon as it can be reached.
    """


class Outage:
    """The availability of one store.

    After a failure it is not used for a second, then two, four, up to thirty. After each pause one caller tries it
    while the others go on without it. `location` is its URL without a password.
    """

    def __init__(self, location: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._location, self._clock = location, clock
        self._lock = threading.Lock()
        self._pause = 0.0  # seconds; 0 if there is no outage
        self._paused_until = 0.0
        self._changed = float("-inf")

    def may_try(self) -> bool:
        """Return whether the caller may use the store now."""
        if not self._pause:
            return True
        with self._lock:
            if self._clock() < self._paused_until:
                return False
            self._extend_pause()
            return True

    def failed(self, reason: str, *, started: float) -> None:
        """Record that a request that started at this time failed."""
        with self._lock:
            # Concurrent requests fail together; one that started before the last change is no new information.
            if self._pause or started <= self._changed:
                return
            self._changed = self._clock()
            self._extend_pause()
        warnings.warn(
            f"The shared state at {self._location} cannot be used ({reason}). Until it can, circuit breakers, "
            "cached answers, rate limits and budgets are this process's own; no call fails because of it.",
            SharedStateWarning,
            stacklevel=2,
        )

    def succeeded(self) -> None:
        """Record that a request succeeded."""
        if not self._pause:
            return
        with self._lock:
            self._pause, self._changed = 0.0, self._clock()

    def _extend_pause(self) -> None:
        self._pause = min(2 * self._pause, _MAX_PAUSE) or _FIRST_PAUSE
        self._paused_until = self._clock() + self._pause
