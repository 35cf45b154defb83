"""The attempts on one target: when to retry, and after how long."""

from __future__ import annotations

from portkey_mistral._routing.outcomes import (
    Answered,
    Attempt,
    Committed,
    Failed,
    Interrupted,
    Outcome,
    Plan,
    Random,
    Skipped,
)
from portkey_mistral._routing.strategies import NOT_TRIED, prefer_tried
from portkey_mistral.config.values import DEFAULT_RETRY_CODES, Retry, Target

__all__ = ["OWN_RETRY_CODES", "attempts"]

OWN_RETRY_CODES = (408, *DEFAULT_RETRY_CODES, 529)
"""Statuses on which `max_retries` retries, where no `retry` of a config applies."""

RETRY_AFTER_BUDGET = 60.0
"""Total Retry-After honoured per target, in seconds, as in Portkey; beyond it, the next target is tried."""

# Beyond it 2.0**n would eventually overflow; no delay gets that long.
_LARGEST_EXPONENT = 32


def attempts(
    target: Target,
    retry: Retry,
    rng: Random,
    *,
    backoff: float = 1.0,
    deadline: float | None = None,
    forced: bool = False,
    unwanted: tuple[int, ...] = (),
) -> Plan:
    """Yield attempts until one is not to be retried, the retries are used up, or the deadline would pass.

    `retry.attempts` counts the attempts after the first. Delays are 1, 2, 4 ... times `backoff` seconds with full
    jitter: each is drawn evenly from zero to its full length. After an `unwanted` status the plan tries another
    target.
    """
    number, not_before, budget = 1, 0.0, RETRY_AFTER_BUDGET
    result: Outcome = NOT_TRIED
    while True:
        retried = retry.on_status_codes if number <= retry.attempts else ()
        outcome = yield Attempt(
            target.path, target, number, not_before, forced, unwanted=unwanted + retried
        )
        # A breaker that opens between two attempts must not mask the failure of the first.
        result = prefer_tried(result, outcome)
        if not _is_retried(retry, outcome, number):
            return result
        delay = _retry_after(retry, outcome)
        if delay is None:
            delay = rng.random() * backoff * 2.0 ** min(number - 1, _LARGEST_EXPONENT)
        elif delay >= RETRY_AFTER_BUDGET or delay > budget:
            return result
        else:
            budget -= delay
        not_before = outcome.at + delay
        if deadline is not None and not_before >= deadline:
            return result
        number += 1


def _is_retried(retry: Retry, outcome: Outcome, number: int) -> bool:
    match outcome:
        case Answered(status=status, cached=cached):
            return status in retry.on_status_codes and number <= retry.attempts and not cached
        case Skipped() | Committed() | Failed(kind="budget" | "rate"):
            return False
        case Interrupted():
            # `on_interrupt='resume'` implies one retry at least.
            return number <= max(retry.attempts, 1)
        case Failed(kind="connect" | "transport"):
            return number <= retry.attempts
        case Failed(status=status):
            return number <= retry.attempts and status in retry.on_status_codes


def _retry_after(retry: Retry, outcome: Outcome) -> float | None:
    """Return the Retry-After of a failure that is retried, where the config honours it.

    RFC 9110 (10.2.3) defines it for 503 first; the gateway reads it for 429 only. As in the gateway, 0 is ignored.
    """
    match outcome:
        case Failed(retry_after=float() | int() as seconds) if seconds > 0:
            return seconds if retry.use_retry_after_header else None
        case _:
            return None
