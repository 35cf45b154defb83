"""One target by weight; with failover, another one by weight when it failed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate

from portkey_mistral._engine.outcomes import Outcome, Plan, Random, Skipped
from portkey_mistral._engine.verdicts import NOBODY, Begin, is_late, moves_on, weightier

__all__ = ["loadbalance", "pick"]


def loadbalance(
    begin: Begin,
    weights: Sequence[float],
    sums: Sequence[float],
    rng: Random,
    *,
    failover: bool = False,
    on_status_codes: Collection[int] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Pick a target; one of weight 0 is never picked. `sums` are those of the weights up to each.

    A pick where nobody was asked (an open breaker, a target that may not have the request) is made again
    among the others, which gives each its share of what can be shared.
    """
    tried: set[int] = set()
    result: Outcome = NOBODY
    while sums and sums[-1] > 0:
        at = pick(sums, rng.random())
        outcome = yield from begin(at)
        result = weightier(result, outcome)
        goes_on = moves_on(outcome, on_status_codes) if failover else isinstance(outcome, Skipped)
        if not goes_on or is_late(outcome, deadline):
            break
        tried.add(at)
        sums = list(accumulate(0.0 if at in tried else x for at, x in enumerate(weights)))
    return result


def pick(sums: Sequence[float], roll: float) -> int:
    """Return the place on whose share of the whole `roll`, from 0 to below 1, falls."""
    at = bisect_right(sums, roll * sums[-1])
    return at if at < len(sums) else bisect_left(sums, sums[-1])  # only rounding leads there
