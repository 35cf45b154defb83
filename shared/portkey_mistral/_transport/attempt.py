"""Checks before an attempt and bookkeeping after it: circuit breaker, cache, rate limits.

All of it uses the state store, which may be remote; async drivers call it through `run_blocking`, so that a shared
store does not block their event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from portkey_mistral._json import loads
from portkey_mistral._routing.outcomes import Answered, Attempt, Failed, Health, Skipped
from portkey_mistral._transport.budgets import settle
from portkey_mistral._transport.call import Call, RateLimit, WireRequest
from portkey_mistral._transport.results import AttemptResult, FinishedAttempt
from portkey_mistral._transport.sticky import kept_picks
from portkey_mistral.exceptions import APITimeoutError, CapabilityError
from portkey_mistral.prices import NOT_BILLED

__all__ = ["begin", "finish", "health", "rate_limit_delay", "run_blocking"]

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


async def run_blocking(
    call: Call[Any], step: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run a step that may use the state store; in a thread if the store is remote."""
    if call.state.is_local:
        return step(*args, **kwargs)
    return await asyncio.to_thread(step, *args, **kwargs)


def health(call: Call[Any]) -> Health:
    """Return which circuit breakers are open now, and which targets sticky load balances are bound to."""
    picks = kept_picks(call) if call.sticky else {}
    if not call.breaker_keys:
        return Health(picks=picks)
    open_keys = call.state.open_targets(call.breaker_keys.values())
    opened = frozenset(path for path, key in call.breaker_keys.items() if key in open_keys)
    return Health(opened, picks)


def begin(call: Call[T], attempt: Attempt, so_far: str = "") -> WireRequest | FinishedAttempt[T]:
    """Build the request of an attempt, or finish the attempt if nothing has to be sent.

    `so_far` is the text of an interrupted attempt, for this one to continue.
    """
    now = time.monotonic()
    if attempt.skipped is not None:
        return _unsent(attempt, AttemptResult(Skipped(now, attempt.skipped)))
    if so_far and (reason := _cannot_resume_on(call, attempt)):
        return _unsent(attempt, AttemptResult(Skipped(now, reason)))
    if call.breaker_keys and not _is_admitted(call, attempt, now):
        return _unsent(attempt, AttemptResult(Skipped(now, "its circuit breaker is open")))
    try:
        wire_request = call.builder.build(attempt, so_far)
    except CapabilityError as error:
        # The server would answer 400, to which the config's rules apply.
        return _unsent(attempt, AttemptResult(Failed(now, "status", 400), error=error))
    if attempt.target.cache is None:
        return wire_request
    value = _cached_value(call, wire_request)
    if value is None:
        return wire_request
    return _unsent(attempt, AttemptResult(Answered(now, cached=True), value=value), wire_request)


def _unsent(
    attempt: Attempt, result: AttemptResult[T], wire_request: WireRequest | None = None
) -> FinishedAttempt[T]:
    """Finish an attempt for which nothing is sent, so that nothing is billed."""
    return FinishedAttempt(
        attempt, result, result.outcome.at, wire_request, cost=NOT_BILLED, sent=False
    )


def finish(call: Call[Any], finished: FinishedAttempt[Any]) -> None:
    """Record the outcome for the circuit breaker and the rate limit, and cache a response that may be cached."""
    target, outcome = finished.attempt.target, finished.result.outcome
    if target.breaker is not None:
        key = call.breaker_keys.get(finished.attempt.path)
        if key is not None:
            call.state.record(key, target.breaker, outcome)
    if call.rate_limit is not None:
        _postpone_others(call, call.rate_limit, finished)
    if call.accounts:
        settle(call, finished)
    if target.cache is None or call.streams or finished.wire_request is None:
        return
    if isinstance(outcome, Answered):
        max_age = target.cache.max_age
        expires = None if max_age is None else time.time() + max_age
        call.state.cache_set(_cache_key(call, finished.wire_request), finished.body, expires)


# --- circuit breaker --------------------------------------------------------------------------------


def _is_admitted(call: Call[Any], attempt: Attempt, now: float) -> bool:
    key, breaker = call.breaker_keys.get(attempt.path), attempt.target.breaker
    if key is None or breaker is None or attempt.forced:
        return True
    return call.state.admit(key, breaker, now)


def _cannot_resume_on(call: Call[Any], attempt: Attempt) -> str | None:
    return call.builder.cannot_resume_on(attempt) if call.resume else None


# --- cache ------------------------------------------------------------------------------------------


def _cached_value(call: Call[T], wire_request: WireRequest) -> T | None:
    if call.refresh_cache or call.streams:
        return None
    body = call.state.cache_get(_cache_key(call, wire_request), time.time())
    if body is None:
        return None
    try:
        return call.decode(loads(body))
    except Exception:  # noqa: BLE001  another program that shares the store may have written anything
        return None


def _cache_key(call: Call[Any], wire_request: WireRequest) -> str:
    """Return a key made of URL, API key, body and partition: one caller's response is never returned to another."""
    request = wire_request.request
    authorization = request.headers.get("authorization", "")
    parts = (request.body or b"", call.cache_partition)
    return _digest(request.url, authorization, *(part.decode("utf-8", "replace") for part in parts))


# --- rate limit -------------------------------------------------------------------------------------


def rate_limit_delay(
    call: Call[T], attempt: Attempt, wire_request: WireRequest
) -> float | FinishedAttempt[T]:
    """Reserve a request's share of each rate. Return the seconds to wait; finish the attempt if they are too many."""
    if call.rate_limit is None:
        return 0.0
    now, endpoint = time.monotonic(), _endpoint_id(wire_request)
    seconds_left = math.inf if call.deadline is None else call.deadline - now
    delay = max(
        call.state.reserve(f"{endpoint}:{rate}", seconds, now, seconds_left)
        for rate, seconds in call.rate_limit.reservations
    )
    if delay <= seconds_left:
        return delay
    error = APITimeoutError(
        f"The next request may be sent in {delay:.1f} s, which is after the deadline. It has to wait for "
        "requests_per_minute or tokens_per_minute, or because the server refused others."
    )
    return _unsent(attempt, AttemptResult(Failed(now, "rate", 408), error=error), wire_request)


def _postpone_others(
    call: Call[Any], rate_limit: RateLimit, finished: FinishedAttempt[Any]
) -> None:
    if rate_limit.wait_after is None or finished.wire_request is None:
        return
    seconds = rate_limit.wait_after(finished.result.outcome, finished.headers)
    if seconds > 0:
        now, endpoint = time.monotonic(), _endpoint_id(finished.wire_request)
        for rate, _ in rate_limit.reservations:
            call.state.postpone(f"{endpoint}:{rate}", seconds, now)


def _endpoint_id(wire_request: WireRequest) -> str:
    """Return a digest of host and API key, by which servers count requests."""
    request = wire_request.request
    keys = (request.headers.get(name, "") for name in ("authorization", "x-portkey-api-key"))
    return _digest(urlsplit(request.url).netloc, *keys)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
