"""The sends to one target: when to send again, and after how long."""

from __future__ import annotations

from portkey_mistral._engine.outcomes import (
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
from portkey_mistral._engine.verdicts import NOBODY, weightier
from portkey_mistral.config import DEFAULT_RETRY_CODES, Retry, Target

__all__ = ["OWN_RETRY_CODES", "attempts"]

OWN_RETRY_CODES = (408, *DEFAULT_RETRY_CODES, 529)
"""What `max_retries` sends again where no config says what to."""

RETRY_AFTER_BUDGET = 60.0
"""Seconds that one target may ask to wait, all in all; more of it and the next target is tried instead."""

# 2.0**n would leave the floats; nobody waits that long.
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
    """Send until the outcome is one not to retry, the tries are used up, or time would run out.

    `retry.attempts` counts the sends after the first; waits are 1, 2, 4 ... times `backoff` seconds, each
    drawn evenly from zero to the full length. `unwanted` are statuses after which the plan goes on elsewhere.
    """
    number, not_before, budget = 1, 0.0, RETRY_AFTER_BUDGET
    result: Outcome = NOBODY
    while True:
        again = retry.on_status_codes if number <= retry.attempts else ()
        outcome = yield Attempt(
            target.path, target, number, not_before, forced, unwanted=unwanted + again
        )
        # A breaker that opens between two tries must not hide that the first one failed.
        result = weightier(result, outcome)
        if not _again(retry, outcome, number):
            return result
        asked = _asked_to_wait(retry, outcome)
        if asked is None:
            wait = rng.random() * backoff * 2.0 ** min(number - 1, _LARGEST_EXPONENT)
        elif asked >= RETRY_AFTER_BUDGET or asked > budget:
            return result
        else:
            wait, budget = asked, budget - asked
        not_before = outcome.at + wait
        if deadline is not None and not_before >= deadline:
            return result
        number += 1


def _again(retry: Retry, outcome: Outcome, number: int) -> bool:
    match outcome:
        case Skipped() | Committed():
            return False
        case Interrupted():
            # Whoever asks to resume wants at least one try more.
            return number <= max(retry.attempts, 1)
        case Answered(cached=True):
            return False
        case Failed(kind="connect" | "transport"):
            return number <= retry.attempts
        case Answered(status=status) | Failed(status=status):
            return number <= retry.attempts and status in retry.on_status_codes


def _asked_to_wait(retry: Retry, outcome: Outcome) -> float | None:
    """Return the server's Retry-After where the config heeds it: for a 429, and above zero."""
    match outcome:
        case Failed(status=429, retry_after=float() | int() as seconds) if seconds > 0:
            return seconds if retry.use_retry_after_header else None
        case _:
            return None
