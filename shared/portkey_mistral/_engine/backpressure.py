"""What a server's refusals teach a job of many requests: how long to wait, and how many to have in flight."""

from __future__ import annotations

__all__ = ["LONGEST_WAIT", "Backpressure"]

LONGEST_WAIT = 60.0
"""Seconds that a job waits at most for one wave: a server's own count begins anew each minute."""

_PATIENCE = 300.0


class Backpressure:
    """Additive increase, multiplicative decrease (as TCP's congestion control): what is in flight is halved
    by a wave of refusals, and grows by one with every round of answers.

    Requests that were in flight together are refused together; such a wave counts once. Times are monotonic
    seconds.
    """

    def __init__(self, most: int) -> None:
        self._most, self._size = most, float(most)
        self._waves = 0
        self._wave_ends = float("-inf")
        self._refused_since: float | None = None

    @property
    def in_flight(self) -> int:
        """How many requests may be on their way."""
        return int(self._size)

    def answered(self) -> None:
        self._waves, self._refused_since = 0, None
        self._size = min(self._most, self._size + 1 / self._size)

    def refused(self, at: float, asked: float | None) -> float:
        """Return how long all have to wait: as the server asked, else 1, 2, 4 ... seconds, wave by wave."""
        if at >= self._wave_ends:
            self._waves += 1
            self._size = max(1.0, self._size / 2)
        if self._refused_since is None:
            self._refused_since = at
        wait = min(2.0 ** (self._waves - 1), LONGEST_WAIT) if asked is None else asked
        self._wave_ends = max(self._wave_ends, at + wait)
        return wait

    def hopeless(self, at: float) -> bool:
        """Whether nothing was answered for so long that waiting on makes no sense."""
        return self._refused_since is not None and at - self._refused_since > _PATIENCE
