"""Adapts a job to the server's rate limits: how many requests to have in flight, and how long to wait."""

from __future__ import annotations

__all__ = ["MAX_WAIT", "Backpressure"]

MAX_WAIT = 60.0
"""Longest wait after one wave of refusals, in seconds: servers count requests by the minute."""

_MAX_SECONDS_REFUSED = 300.0


class Backpressure:
    """Additive increase, multiplicative decrease, as in TCP's congestion control.

    A wave of refusals halves the number of requests in flight; every round of answers increases it by one. Requests
    that were in flight together are refused together, so such a wave counts once. Times are monotonic seconds.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max, self._size = max_in_flight, float(max_in_flight)
        self._waves = 0
        self._wave_ends = float("-inf")
        self._refused_since: float | None = None

    @property
    def in_flight(self) -> int:
        """How many requests may be in flight."""
        return int(self._size)

    def answered(self) -> None:
        self._waves, self._refused_since = 0, None
        self._size = min(self._max, self._size + 1 / self._size)

    def refused(self, at: float, retry_after: float | None) -> float:
        """Return how long all requests have to wait: `retry_after` if given, else 1, 2, 4 ... seconds by wave."""
        if at >= self._wave_ends:
            self._waves += 1
            self._size = max(1.0, self._size / 2)
        if self._refused_since is None:
            self._refused_since = at
        wait = min(2.0 ** (self._waves - 1), MAX_WAIT) if retry_after is None else retry_after
        self._wave_ends = max(self._wave_ends, at + wait)
        return wait

    def is_hopeless(self, at: float) -> bool:
        """Whether the server has not answered for so long that waiting longer is pointless."""
        return self._refused_since is not None and at - self._refused_since > _MAX_SECONDS_REFUSED
