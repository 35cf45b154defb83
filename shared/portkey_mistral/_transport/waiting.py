"""Waits before a request is sent: for a retry's delay, and for the rate limits."""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypeVar

from portkey_mistral._routing.outcomes import Attempt
from portkey_mistral._transport.attempt import rate_limit_delay, run_blocking
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.results import FinishedAttempt

__all__ = ["aawait_rate_limit", "apause", "await_rate_limit", "pause"]

T = TypeVar("T")


def pause(call: Call[Any], attempt: Attempt) -> None:
    """Wait until the attempt may start."""
    if (seconds := attempt.not_before - time.monotonic()) > 0:
        _sleep(call, seconds)


async def apause(call: Call[Any], attempt: Attempt) -> None:
    """The async twin of `pause`."""
    if (seconds := attempt.not_before - time.monotonic()) > 0:
        await _asleep(call, seconds)


def await_rate_limit(
    call: Call[T], attempt: Attempt, wire_request: WireRequest
) -> WireRequest | FinishedAttempt[T]:
    """Wait until the rate limits allow the request; finish the attempt if that is after the deadline."""
    if call.rate_limit is None:
        return wire_request
    delay = rate_limit_delay(call, attempt, wire_request)
    if isinstance(delay, FinishedAttempt):
        return delay
    _sleep(call, delay)
    return wire_request


async def aawait_rate_limit(
    call: Call[T], attempt: Attempt, wire_request: WireRequest
) -> WireRequest | FinishedAttempt[T]:
    """The async twin of `await_rate_limit`."""
    if call.rate_limit is None:
        return wire_request
    delay = await run_blocking(call, rate_limit_delay, call, attempt, wire_request)
    if isinstance(delay, FinishedAttempt):
        return delay
    await _asleep(call, delay)
    return wire_request


def _sleep(call: Call[Any], seconds: float) -> None:
    if call.cancellation is None:
        time.sleep(seconds)
    else:
        call.cancellation.sleep(seconds)


async def _asleep(call: Call[Any], seconds: float) -> None:
    if call.cancellation is None:
        await asyncio.sleep(seconds)
    else:
        await call.cancellation.asleep(seconds)
