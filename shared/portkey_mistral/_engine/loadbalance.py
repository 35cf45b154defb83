"""One target by weight; with failover, another one by weight when it failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from portkey_mistral._engine.outcomes import Outcome, Plan, Random, Skipped
from portkey_mistral._engine.verdicts import NOBODY, Branch, is_late, moves_on, weightier

__all__ = ["loadbalance", "pick"]


def loadbalance(
    branches: Sequence[Branch],
    weights: Sequence[float],
    rng: Random,
    *,
    failover: bool = False,
    on_status_codes: Collection[int] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Pick a branch; a branch of weight 0 is never picked.

    A pick where nobody was asked (an open breaker, a target that may not have the request) is made again
    among the others, which gives each its share of what can be shared.
    """
    left = {index: weight for index, weight in enumerate(weights) if weight > 0}
    result: Outcome = NOBODY
    while left:
        index = pick(left, rng.random())
        del left[index]
        outcome = yield from branches[index]()
        result = weightier(result, outcome)
        goes_on = moves_on(outcome, on_status_codes) if failover else isinstance(outcome, Skipped)
        if not goes_on or is_late(outcome, deadline):
            break
    return result


def pick(weights: Mapping[int, float], roll: float) -> int:
    """Return the key on whose share of the sum `roll`, from 0 to below 1, falls."""
    rest = roll * sum(weights.values())
    key = -1
    for key, weight in weights.items():
        if rest < weight:
            return key
        rest -= weight
    return key  # only rounding leads here
