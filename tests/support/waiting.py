"""Waiting for what happens in another thread, process or task. The time limit of the test ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

STEP = 0.01


def until(holds: Callable[[], object]) -> None:
    while not holds():
        time.sleep(STEP)


async def until_async(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110  any condition, not only one that sets an event
        await asyncio.sleep(STEP)
