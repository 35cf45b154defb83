"""The waits between two looks at something that a server does meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator

__all__ = ["LONGEST_PAUSE", "alooks", "looks"]

LONGEST_PAUSE = 60.0


def looks(first_pause: float, timeout: float | None = None) -> Iterator[None]:
    """Let the caller look once at each iteration; pauses between are `first_pause`, then twice as long each time.

    The last look comes at the end of `timeout`, where one is given.
    """
    yield
    for pause in _pauses(first_pause, timeout):
        time.sleep(pause)
        yield


async def alooks(first_pause: float) -> AsyncIterator[None]:
    """The async twin of `looks`; `asyncio.timeout` bounds it."""
    yield
    for pause in _pauses(first_pause, None):
        await asyncio.sleep(pause)
        yield


def _pauses(first: float, timeout: float | None) -> Iterator[float]:
    end = math.inf if timeout is None else time.monotonic() + timeout
    pause = first
    while (left := end - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 2, LONGEST_PAUSE)
