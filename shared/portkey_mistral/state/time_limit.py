"""Limits the time that a request to a shared store takes as a whole.

The Redis client limits each read of its socket. A server that sends a byte now and then, a reply without an end, and a
host name that is not resolved take longer than any such limit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TypeVar

__all__ = ["within"]

T = TypeVar("T")


def within(seconds: float, executor: Executor, work: Callable[[], T]) -> T:
    """Return the result of `work`, which runs in a thread of the executor.

    Raises:
        TimeoutError: it takes longer than `seconds`; the thread is left to end by itself.
    """
    result = executor.submit(copy_context().run, work)
    try:
        return result.result(seconds)
    except TimeoutError:
        if result.done():
            raise  # by `work`
        result.cancel()
        raise TimeoutError(f"no answer within {seconds:g} s") from None
