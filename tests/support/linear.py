"""Distinguishes linear from quadratic work by its CPU time, on a busy machine too."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["assert_linear"]

_FACTOR = 8


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Fail if 8 times the size takes much more than 8 times the CPU time; quadratic work takes 64 times."""
    work(size)
    small, large = _cpu_seconds(work, size), _cpu_seconds(work, size * _FACTOR)
    assert large < 4 * _FACTOR * small, f"{_FACTOR} times the size took {large / small:.0f} times"


def _cpu_seconds(work: Callable[[int], object], size: int) -> float:
    return min(_once(work, size) for _ in range(3))


def _once(work: Callable[[int], object], size: int) -> float:
    started = time.thread_time()
    work(size)
    return time.thread_time() - started
