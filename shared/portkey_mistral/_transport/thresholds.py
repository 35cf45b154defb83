"""What an attempt passes on its way out and back: breakers, the cache, rates, what the target can do.

Everything here talks to the state store, which may be a network away; the async drivers go through
`aside`, so that a shared store never blocks their loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import urlsplit

from portkey_mistral._engine.outcomes import Answered, Attempt, Failed, Health, Skipped
from portkey_mistral._records import record
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.judging import Verdict
from portkey_mistral._wire.json import loads
from portkey_mistral.exceptions import APITimeoutError, CapabilityError

__all__ = ["Settled", "aside", "health", "prepare", "settle", "turn"]

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


@record()
class Settled(Generic[T]):
    """An attempt that is over."""

    attempt: Attempt
    verdict: Verdict[T]
    started: float
    sending: Sending | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


async def aside(call: Call[Any], step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a step that may ask the state store; in a thread where the store is not in this process."""
    if call.state.local:
        return step(*args, **kwargs)
    return await asyncio.to_thread(step, *args, **kwargs)


def health(call: Call[Any]) -> Health:
    """Which targets' breakers are open now."""
    if not call.breaker_keys:
        return Health()
    open_keys = call.state.open_targets(call.breaker_keys.values())
    return Health(frozenset(path for path, key in call.breaker_keys.items() if key in open_keys))


def prepare(call: Call[T], attempt: Attempt, so_far: str = "") -> Sending | Settled[T]:
    """Say the attempt on the wire; or settle it here, where nothing has to be sent.

    `so_far` is the text that a cut attempt gave, for this one to continue.
    """
    now = time.monotonic()
    if so_far and (reason := _unable(call, attempt)):
        return Settled(attempt, Verdict(Skipped(now, reason)), now)
    if not _admitted(call, attempt, now):
        return Settled(attempt, Verdict(Skipped(now, "its circuit breaker is open")), now)
    try:
        sending = call.say(attempt, so_far)
    except CapabilityError as error:
        # A server would answer this with 400, and the rules of the config go on from there.
        return Settled(attempt, Verdict(Failed(now, "status", 400), error=error), now)
    answer = _cached(call, attempt, sending)
    if answer is not None:
        return Settled(attempt, Verdict(Answered(now, cached=True), value=answer), now, sending)
    return sending


def turn(call: Call[T], attempt: Attempt, sending: Sending) -> float | Settled[T]:
    """Say how many seconds to wait until the rates let a request go; settle it if that is too late."""
    if call.pace is None:
        return 0.0
    now, place = time.monotonic(), _place(sending)
    left = math.inf if call.deadline is None else call.deadline - now
    wait = max(
        call.state.reserve(f"{place}:{rate}", took, now, left) for rate, took in call.pace.tolls
    )
    if wait <= left:
        return wait
    error = APITimeoutError(
        f"The next request may go in {wait:.1f} s, and by then the time for the whole call is over (deadline). "
        "It has to wait for requests_per_minute or tokens_per_minute, or because the server refused others."
    )
    return Settled(attempt, Verdict(Failed(now, "timeout", 408), error=error), now, sending)


def settle(call: Call[T], settled: Settled[T], body: bytes) -> None:
    """Tell the breaker how it went, and keep a good answer where the config says so."""
    target, outcome = settled.attempt.target, settled.verdict.outcome
    key = call.breaker_keys.get(settled.attempt.path)
    if key is not None and target.breaker is not None:
        call.state.record(key, target.breaker, outcome)
    _hold_others(call, settled)
    if call.streams or target.cache is None or settled.sending is None:
        return
    if isinstance(outcome, Answered):
        lifetime = target.cache.max_age
        call.state.remember(
            _cache_key(settled.sending),
            body,
            None if lifetime is None else time.time() + lifetime,
        )


def _hold_others(call: Call[Any], settled: Settled[Any]) -> None:
    if call.pace is None or call.pace.wait_after is None or settled.sending is None:
        return
    seconds = call.pace.wait_after(settled.verdict.outcome, settled.headers)
    if seconds > 0:
        now, place = time.monotonic(), _place(settled.sending)
        for rate, _ in call.pace.tolls:
            call.state.hold(f"{place}:{rate}", seconds, now)


def _place(sending: Sending) -> str:
    """Name what a server counts by: its host, and the key of the request."""
    request = sending.request
    keys = (request.headers.get(name, "") for name in ("authorization", "x-portkey-api-key"))
    host = urlsplit(request.url).netloc
    return hashlib.sha256("\0".join((host, *keys)).encode()).hexdigest()


def _admitted(call: Call[Any], attempt: Attempt, now: float) -> bool:
    key, breaker = call.breaker_keys.get(attempt.path), attempt.target.breaker
    if key is None or breaker is None or attempt.forced:
        return True
    return call.state.admit(key, breaker, now)


def _unable(call: Call[Any], attempt: Attempt) -> str | None:
    return call.resumption.unable(attempt) if call.resumption is not None else None


def _cached(call: Call[T], attempt: Attempt, sending: Sending) -> T | None:
    if attempt.target.cache is None or call.refresh_cache or call.streams:
        return None
    body = call.state.cached(_cache_key(sending), time.time())
    if body is None:
        return None
    try:
        return call.read(loads(body))
    except ValueError:  # whoever shares the store may have kept something else
        return None


def _cache_key(sending: Sending) -> str:
    """By URL, key and body: an answer paid for with one key is never given to another."""
    request = sending.request
    authorization = request.headers.get("authorization", "")
    parts = (request.url, authorization, (request.body or b"").decode("utf-8", "replace"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
