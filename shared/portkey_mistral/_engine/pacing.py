"""Spaces what goes to one place: requests that keep to a rate, and everybody's wait after a refusal.

Both are one number, the time at which the place is free again. It is kept by the state store, so that all
threads, loops and processes with the same store share it.
"""

from __future__ import annotations

import math

__all__ = ["hold", "reserve", "seconds_each"]


def seconds_each(amount: float, per_minute: float) -> float:
    """Return how long an amount keeps the next one waiting, so that a minute never sees more than its share."""
    return 60.0 * amount / per_minute


def reserve(
    free_at: float, now: float, seconds: float, patience: float = math.inf
) -> tuple[float, float]:
    """Take the next `seconds` of a place. Return when it is free again, and how long to wait for the turn.

    Whoever would have to wait longer than `patience` takes nothing.
    """
    wait = max(free_at - now, 0.0)
    return (free_at, wait) if wait > patience else (now + wait + seconds, wait)


def hold(free_at: float, now: float, seconds: float) -> float:
    """Let nobody's turn come within the next `seconds`; turns that were already given stay."""
    return max(free_at, now + seconds)
