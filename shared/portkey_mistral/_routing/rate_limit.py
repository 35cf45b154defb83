"""Spaces requests, by a rate and after a 429 that applies to all of them.

Both are represented by one number, the time from which the next request may be sent. It is kept in the state store, and
so is shared by all threads, event loops and processes that use the store.
"""

from __future__ import annotations

import math

__all__ = ["postpone", "reserve", "seconds_each"]


def seconds_each(amount: float, per_minute: float) -> float:
    """Return how many seconds of a rate an amount (of requests or tokens) uses."""
    return 60.0 * amount / per_minute


def reserve(
    free_at: float, now: float, seconds: float, max_wait: float = math.inf
) -> tuple[float, float]:
    """Reserve the next `seconds` of a rate. Return when it is free again, and how long to wait before sending.

    Nothing is reserved if the wait is longer than `max_wait`.
    """
    wait = max(free_at - now, 0.0)
    return (free_at, wait) if wait > max_wait else (now + wait + seconds, wait)


def postpone(free_at: float, now: float, seconds: float) -> float:
    """Return when a rate is free again if nothing may be reserved within `seconds`; earlier reservations stay."""
    return max(free_at, now + seconds)
