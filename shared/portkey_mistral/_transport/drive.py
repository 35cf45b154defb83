"""Follows a plan to a whole answer, sync and async. Waits, sends, and tells the plan what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx

from portkey_mistral._engine.outcomes import Attempt
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.journal import Journal, with_info
from portkey_mistral._transport.judging import Verdict, judge, unreachable
from portkey_mistral._transport.permits import AsyncPermit, Permit
from portkey_mistral._transport.sending import asend, send
from portkey_mistral._transport.thresholds import Settled, aside, health, prepare, settle, turn
from portkey_mistral._transport.watchdog import abody_in_time, body_in_time

__all__ = ["FAULTS", "aawait_turn", "adrive", "apause", "await_turn", "drive", "pause"]

T = TypeVar("T")

# What a send can end with when no usable answer came. A client of the user's may raise OSError itself.
FAULTS = (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError)


def drive(call: Call[T]) -> T:
    """Return the answer of the first attempt that the plan is content with.

    Raises:
        PortkeyMistralError: the last attempt's error, when the plan gives up.
    """
    journal = Journal(call)
    plan = call.plan(health(call))
    try:
        attempt = next(plan)
        while True:
            pause(call, attempt)
            settled = _send(call, attempt)
            journal.note(settled)
            try:
                attempt = plan.send(settled.verdict.outcome)
            except StopIteration:
                return _conclude(settled.verdict, journal)
    finally:
        plan.close()


async def adrive(call: Call[T]) -> T:
    """The async twin of `drive`."""
    journal = Journal(call)
    plan = call.plan(await aside(call, health, call))
    try:
        attempt = next(plan)
        while True:
            await apause(call, attempt)
            settled = await _asend(call, attempt)
            journal.note(settled)
            try:
                attempt = plan.send(settled.verdict.outcome)
            except StopIteration:
                return _conclude(settled.verdict, journal)
    finally:
        plan.close()


def pause(call: Call[Any], attempt: Attempt) -> None:
    """Wait until the attempt may start."""
    if attempt.not_before and (seconds := attempt.not_before - time.monotonic()) > 0:
        _sleep(call, seconds)


async def apause(call: Call[Any], attempt: Attempt) -> None:
    """The async twin of `pause`."""
    if attempt.not_before and (seconds := attempt.not_before - time.monotonic()) > 0:
        await _asleep(call, seconds)


def _sleep(call: Call[Any], seconds: float) -> None:
    if call.abandonment is None:
        time.sleep(seconds)
    else:
        call.abandonment.sleep(seconds)


async def _asleep(call: Call[Any], seconds: float) -> None:
    if call.abandonment is None:
        await asyncio.sleep(seconds)
    else:
        await call.abandonment.asleep(seconds)


def await_turn(call: Call[T], attempt: Attempt, sending: Sending) -> Settled[T] | None:
    """Wait until the rates let a request go; return how the attempt is settled if they do not in time."""
    if call.pace is None:
        return None
    wait = turn(call, attempt, sending)
    if isinstance(wait, Settled):
        return wait
    _sleep(call, wait)
    return None


async def aawait_turn(call: Call[T], attempt: Attempt, sending: Sending) -> Settled[T] | None:
    """The async twin of `await_turn`."""
    if call.pace is None:
        return None
    wait = await aside(call, turn, call, attempt, sending)
    if isinstance(wait, Settled):
        return wait
    await _asleep(call, wait)
    return None


def _send(call: Call[T], attempt: Attempt) -> Settled[T]:
    started = time.monotonic()
    ready = prepare(call, attempt)
    if isinstance(ready, Settled):
        return ready
    if (late := await_turn(call, attempt, ready)) is not None:
        return late
    with Permit(call.limits.bound, call.deadline):
        _check_wanted(call)
        verdict, headers, body = _exchange(call, attempt, ready)
    settled = Settled(attempt, verdict, started, ready, headers)
    settle(call, settled, body)
    return settled


async def _asend(call: Call[T], attempt: Attempt) -> Settled[T]:
    started = time.monotonic()
    ready = await aside(call, prepare, call, attempt)
    if isinstance(ready, Settled):
        return ready
    if (late := await aawait_turn(call, attempt, ready)) is not None:
        return late
    async with AsyncPermit(call.limits.bound, call.deadline):
        _check_wanted(call)
        verdict, headers, body = await _aexchange(call, attempt, ready)
    settled = Settled(attempt, verdict, started, ready, headers)
    await aside(call, settle, call, settled, body)
    return settled


def _check_wanted(call: Call[Any]) -> None:
    if call.abandonment is not None:
        call.abandonment.check()


class _Whole:
    """The progress of an answer that is read at once."""

    started: float = 0.0
    committed: bool = True
    deltas: int = 0


_WHOLE = _Whole()


def _exchange(
    call: Call[T], attempt: Attempt, sending: Sending
) -> tuple[Verdict[T], Mapping[str, str], bytes]:
    try:
        with send(call, attempt, sending) as reply:
            content = body_in_time(reply, call, _WHOLE)
    except FAULTS as fault:
        return unreachable(call, attempt, fault, sending.request.url), {}, b""
    return judge(call, sending, reply.status, reply.headers, content), reply.headers, content


async def _aexchange(
    call: Call[T], attempt: Attempt, sending: Sending
) -> tuple[Verdict[T], Mapping[str, str], bytes]:
    try:
        async with await asend(call, attempt, sending) as reply:
            content = await abody_in_time(reply, call, _WHOLE)
    except FAULTS as fault:
        return unreachable(call, attempt, fault, sending.request.url), {}, b""
    return judge(call, sending, reply.status, reply.headers, content), reply.headers, content


def _conclude(verdict: Verdict[T], journal: Journal) -> T:
    if verdict.error is not None or verdict.value is None:
        raise journal.failure()
    return with_info(verdict.value, journal.info())
