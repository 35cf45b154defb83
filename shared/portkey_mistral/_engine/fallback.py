"""Targets in order, until one answers."""

from __future__ import annotations

from collections.abc import Collection

from portkey_mistral._engine.outcomes import Outcome, Plan
from portkey_mistral._engine.verdicts import NOBODY, Begin, is_late, moves_on, weightier

__all__ = ["fallback"]


def fallback(
    begin: Begin,
    count: int,
    *,
    on_status_codes: Collection[int] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Try each target to its end before the next. The last outcome stands when all fail.

    There is no pause between targets, and a target may be a whole tree, which is judged by what came of it.
    """
    result: Outcome = NOBODY
    for at in range(count):
        outcome = yield from begin(at)
        result = weightier(result, outcome)
        if not moves_on(outcome, on_status_codes) or is_late(outcome, deadline):
            break
    return result
