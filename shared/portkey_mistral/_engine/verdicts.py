"""How strategies read an outcome. One rule for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias, assert_never

from portkey_mistral._engine.outcomes import (
    Answered,
    Committed,
    Failed,
    Interrupted,
    Outcome,
    Plan,
    Skipped,
)

__all__ = ["NOBODY", "Begin", "is_late", "moves_on", "settled", "weightier"]

Begin: TypeAlias = Callable[[int], Plan]
"""Begins the plan of a target, by its place: strategies choose a place and know nothing else of the config."""

NOBODY = Skipped(0.0, "")
"""The outcome of a strategy that has not tried anything yet."""


def moves_on(outcome: Outcome, on_status_codes: Collection[int] | None) -> bool:
    """Whether a fallback goes on to its next target. None as codes means: after everything but success.

    A list is taken at its word, as in the gateway: [] never moves on, [200] moves on after a success.
    """
    match outcome:
        case Skipped():
            return True
        case Committed():
            return False
        case Answered(status=status):
            return on_status_codes is not None and status in on_status_codes
        case Failed(status=status) | Interrupted(status=status):
            return on_status_codes is None or status in on_status_codes
    assert_never(outcome)


def is_late(outcome: Outcome, deadline: float | None) -> bool:
    """Whether no time is left for another attempt."""
    return deadline is not None and outcome.at >= deadline


def weightier(before: Outcome, now: Outcome) -> Outcome:
    """Return what a strategy has to say after two targets: the later one, unless nobody was asked there."""
    if before is NOBODY or not _is_unasked(now):
        return now
    if not _is_unasked(before):
        return before
    return Skipped(now.at, f"{_reason(before)}; {_reason(now)}")


def _is_unasked(outcome: Outcome) -> bool:
    return isinstance(outcome, Skipped) or (isinstance(outcome, Failed) and outcome.kind == "route")


def _reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Skipped | Failed) else ""


def settled(outcome: Outcome) -> Plan:
    """Make a plan that sends nothing."""
    yield from ()
    return outcome
