"""Runs a call to a whole response, sync and async: follows its plan, attempt by attempt."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias, TypeVar

from portkey_mistral._routing.outcomes import Attempt, Health, Plan
from portkey_mistral._routing.plan import plan
from portkey_mistral._transport.attempt import begin, finish, health, run_blocking
from portkey_mistral._transport.attempt_cost import add_cost, counted_in
from portkey_mistral._transport.budgets import areserve, reserve
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.call_log import CallLog
from portkey_mistral._transport.classify import (
    TRANSPORT_FAULTS,
    Exchanged,
    classify_failure,
    classify_response,
)
from portkey_mistral._transport.concurrency import AsyncConcurrencySlot, ConcurrencySlot
from portkey_mistral._transport.observer import CallObserver
from portkey_mistral._transport.results import FinishedAttempt
from portkey_mistral._transport.send import asend, send
from portkey_mistral._transport.timeouts import WHOLE_BODY, abody_in_time, body_in_time
from portkey_mistral._transport.waiting import aawait_rate_limit, apause, await_rate_limit, pause
from portkey_mistral.exceptions import PortkeyMistralError

__all__ = ["Exchange", "arun", "next_attempt", "run", "start_plan"]

T = TypeVar("T")

Exchange: TypeAlias = Callable[[Call[T], Attempt, WireRequest], Exchanged[T]]
"""Sends an attempt and reads its response."""

# Forked workers would draw the same numbers from a generator that has a state.
_rng = random.SystemRandom()

_UNLIMITED = nullcontext()


def run(call: Call[T], exchange: Exchange[T] | None = None) -> T:
    """Return the response with which the call's plan ends.

    `exchange` sends one attempt and reads its response, where that is not to be held in memory as a whole.

    Raises:
        PortkeyMistralError: the last attempt's error, if the plan ends with one.
    """
    with call.observe(call, is_async=False) as observer:
        plan = start_plan(call, health(call))
        call_log = CallLog(call, observer)
        attempt: Attempt | None = next(plan)
        while attempt is not None:
            observer.planned(attempt)
            if attempt.not_before:
                pause(call, attempt)
            try:
                finished = _run_attempt(call, attempt, observer, exchange or _exchange)
            except PortkeyMistralError as error:
                call_log.add_history(error)
                raise
            call_log.add(finished)
            attempt = next_attempt(plan, finished)
        value = call_log.value()
        observer.responded(lambda: value)
        return value


async def arun(call: Call[T]) -> T:
    """The async twin of `run`."""
    with call.observe(call, is_async=True) as observer:
        plan = start_plan(call, await run_blocking(call, health, call))
        call_log = CallLog(call, observer)
        attempt: Attempt | None = next(plan)
        while attempt is not None:
            observer.planned(attempt)
            if attempt.not_before:
                await apause(call, attempt)
            try:
                finished = await _arun_attempt(call, attempt, observer)
            except PortkeyMistralError as error:
                call_log.add_history(error)
                raise
            call_log.add(finished)
            attempt = next_attempt(plan, finished)
        value = call_log.value()
        observer.responded(lambda: value)
        return value


def start_plan(call: Call[Any], health: Health) -> Plan:
    return plan(call.root, call.facts, health, _rng, max_retries=call.max_retries)


def next_attempt(plan: Plan, finished: FinishedAttempt[Any]) -> Attempt | None:
    """Send the outcome of an attempt to the plan. Return the next attempt, None at the end of the plan."""
    try:
        return plan.send(finished.result.outcome)
    except StopIteration:
        return None


def _run_attempt(
    call: Call[T], attempt: Attempt, observer: CallObserver, exchange: Exchange[T]
) -> FinishedAttempt[T]:
    started = time.monotonic()
    ready = begin(call, attempt)
    if call.rate_limit is not None and not isinstance(ready, FinishedAttempt):
        ready = await_rate_limit(call, attempt, ready)
    if isinstance(ready, FinishedAttempt):
        return ready
    limit = call.limits.concurrency
    with _UNLIMITED if limit is None else ConcurrencySlot(limit, call.deadline):
        if call.cancellation is not None:
            call.cancellation.check()
        reserved = reserve(call, attempt, ready) if call.accounts else None
        if isinstance(reserved, FinishedAttempt):
            return reserved
        ready = observer.sending(attempt, ready)
        with observer.exchange():
            result, headers, body = exchange(call, attempt, ready)
    finished = FinishedAttempt(attempt, result, started, ready, headers, body, reservation=reserved)
    add_cost(call, finished, counted_in(result))
    finish(call, finished)
    return finished


async def _arun_attempt(
    call: Call[T], attempt: Attempt, observer: CallObserver
) -> FinishedAttempt[T]:
    started = time.monotonic()
    ready = await run_blocking(call, begin, call, attempt)
    if call.rate_limit is not None and not isinstance(ready, FinishedAttempt):
        ready = await aawait_rate_limit(call, attempt, ready)
    if isinstance(ready, FinishedAttempt):
        return ready
    limit = call.limits.concurrency
    async with _UNLIMITED if limit is None else AsyncConcurrencySlot(limit, call.deadline):
        if call.cancellation is not None:
            call.cancellation.check()
        reserved = await areserve(call, attempt, ready) if call.accounts else None
        if isinstance(reserved, FinishedAttempt):
            return reserved
        ready = observer.sending(attempt, ready)
        with observer.exchange():
            result, headers, body = await _aexchange(call, attempt, ready)
    finished = FinishedAttempt(attempt, result, started, ready, headers, body, reservation=reserved)
    add_cost(call, finished, counted_in(result))
    await run_blocking(call, finish, call, finished)
    return finished


def _exchange(call: Call[T], attempt: Attempt, wire_request: WireRequest) -> Exchanged[T]:
    try:
        with send(call, attempt, wire_request) as response:
            body = body_in_time(response, call, WHOLE_BODY)
    except TRANSPORT_FAULTS as fault:
        return classify_failure(call, attempt, wire_request, fault), {}, b""
    status, headers = response.status, response.headers
    return classify_response(call, wire_request, status, headers, body), headers, body


async def _aexchange(call: Call[T], attempt: Attempt, wire_request: WireRequest) -> Exchanged[T]:
    try:
        async with await asend(call, attempt, wire_request) as response:
            body = await abody_in_time(response, call, WHOLE_BODY)
    except TRANSPORT_FAULTS as fault:
        return classify_failure(call, attempt, wire_request, fault), {}, b""
    status, headers = response.status, response.headers
    return classify_response(call, wire_request, status, headers, body), headers, body
