"""Whether a store outside this process can be reached at present; who tries it again, and who is told."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable

__all__ = ["Outage", "SharedStateWarning"]

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class SharedStateWarning(UserWarning):
    """The shared state cannot be reached. Calls go on with breakers, a cache and rates of this process alone.

    There is one for each outage; the store is used again by itself when it is back.
    """


class Outage:
    """The outage of one store, if there is one.

    After a failure the store is left alone for a second, then for two, four, up to thirty; when the pause
    is over, one caller tries it and the others go on without. `place` is its URL without a password.
    """

    def __init__(self, place: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._place, self._clock = place, clock
        self._lock = threading.Lock()
        self._pause = 0.0  # none: there is no outage
        self._over_at = 0.0
        self._changed = float("-inf")

    def may_try(self) -> bool:
        """Ask to use the store."""
        if not self._pause:
            return True
        with self._lock:
            if self._clock() < self._over_at:
                return False
            self._lengthen()
            return True

    def failed(self, reason: str, *, asked: float) -> None:
        """The store did not answer what was asked at a time."""
        with self._lock:
            # Many callers find out together; those who asked before the last change bring no news.
            if self._pause or asked <= self._changed:
                return
            self._changed = self._clock()
            self._lengthen()
        warnings.warn(
            f"The shared state at {self._place} cannot be used ({reason}). Until it can, breakers, "
            "cached answers and rates are this process's own; no call fails because of it.",
            SharedStateWarning,
            stacklevel=2,
        )

    def answered(self) -> None:
        """The store answered."""
        if not self._pause:
            return
        with self._lock:
            self._pause, self._changed = 0.0, self._clock()

    def _lengthen(self) -> None:
        self._pause = min(2 * self._pause, _LONGEST_PAUSE) or _FIRST_PAUSE
        self._over_at = self._clock() + self._pause
