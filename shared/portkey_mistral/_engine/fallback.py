"""Targets in order, until one answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from portkey_mistral._engine.outcomes import Outcome, Plan
from portkey_mistral._engine.verdicts import NOBODY, Branch, is_late, moves_on, weightier

__all__ = ["fallback"]


def fallback(
    branches: Sequence[Branch],
    *,
    on_status_codes: Collection[int] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Try each branch to its end before the next. The last outcome stands when all fail.

    There is no pause between targets, and a branch may be a whole tree, which is judged by what came of it.
    """
    result: Outcome = NOBODY
    for branch in branches:
        outcome = yield from branch()
        result = weightier(result, outcome)
        if not moves_on(outcome, on_status_codes) or is_late(outcome, deadline):
            break
    return result
