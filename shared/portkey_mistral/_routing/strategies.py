"""Portkey's strategies: which targets are tried, in which order, and when the next one is tried.

Each is a plan composed of the plans of its targets, so plans are nested like the config. A strategy knows its targets
only by index.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import TypeAlias, assert_never

from portkey_mistral._routing.conditions import holds
from portkey_mistral._routing.outcomes import (
    Answered,
    Committed,
    Failed,
    Interrupted,
    Outcome,
    Plan,
    Random,
    RequestFacts,
    Skipped,
)
from portkey_mistral.config.values import Conditional, Node

__all__ = [
    "NOT_TRIED",
    "StartPlan",
    "fallback",
    "finished_plan",
    "loadbalance",
    "past_deadline",
    "pick",
    "prefer_tried",
    "select",
    "should_fall_back",
]

StartPlan: TypeAlias = Callable[[int], Plan]
"""Starts the plan of the target with this index."""

NOT_TRIED = Skipped(0.0, "")
"""The outcome of a strategy before it has tried a target."""


# --- strategies -------------------------------------------------------------------------------------


def fallback(
    start: StartPlan,
    count: int,
    *,
    on_status_codes: Collection[int] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Try the targets in order, each with all of its retries, until one succeeds. The last outcome stands.

    There is no delay between targets. A target may be a strategy itself, and then its final outcome counts.
    """
    result: Outcome = NOT_TRIED
    for index in range(count):
        outcome = yield from start(index)
        result = prefer_tried(result, outcome)
        if not should_fall_back(outcome, on_status_codes) or past_deadline(outcome, deadline):
            break
    return result


def loadbalance(
    start: StartPlan,
    weights: Sequence[float],
    cumulative_weights: Sequence[float],
    rng: Random,
    *,
    kept: int | None = None,
    failover: bool = False,
    on_status_codes: Collection[int] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Pick a target by weight; one of weight 0 is never picked. `kept` is the pick of a sticky load balance.

    A target that is skipped (an open circuit breaker, not eligible) is replaced by another pick among the rest, in
    proportion to their weights. With `failover` a failed one is replaced too.
    """
    tried: set[int] = set()
    result: Outcome = NOT_TRIED
    while cumulative_weights and cumulative_weights[-1] > 0:
        if kept is not None and not tried and 0 <= kept < len(weights) and weights[kept] > 0:
            index = kept
        else:
            index = pick(cumulative_weights, rng.random())
        outcome = yield from start(index)
        result = prefer_tried(result, outcome)
        tries_another = isinstance(outcome, Skipped) or (
            failover and should_fall_back(outcome, on_status_codes)
        )
        if not tries_another or past_deadline(outcome, deadline):
            break
        tried.add(index)
        cumulative_weights = list(
            accumulate(0.0 if at in tried else weight for at, weight in enumerate(weights))
        )
    return result


def pick(cumulative_weights: Sequence[float], roll: float) -> int:
    """Return the index on whose share of the total weight `roll`, at least 0 and below 1, falls."""
    total = cumulative_weights[-1]
    index = bisect_right(cumulative_weights, roll * total)
    if index < len(cumulative_weights):
        return index
    return bisect_left(cumulative_weights, total)  # reached only by rounding


def select(node: Conditional, facts: RequestFacts) -> Node | None:
    """Return the target of the first condition that holds, else the default, else None."""
    subjects = {
        "metadata": facts.metadata,
        "params": facts.params,
        "url": {"pathname": facts.pathname},
    }
    matching = (each.then for each in node.conditions if holds(each.query, subjects))
    name = next(matching, node.default)
    if name is None:
        return None
    return next((target for target in node.targets if target.name == name), None)


def finished_plan(outcome: Outcome) -> Plan:
    """Return a plan that sends nothing and ends with this outcome."""
    yield from ()
    return outcome


# --- outcomes ---------------------------------------------------------------------------------------


def should_fall_back(outcome: Outcome, on_status_codes: Collection[int] | None) -> bool:
    """Whether to try the next target; None as codes means after everything but a success.

    A list is taken literally, as in the gateway: `[]` never falls back, `[200]` falls back on a success.
    """
    match outcome:
        case Skipped():
            return True
        case Committed() | Failed(kind="budget"):
            return False
        case Answered(status=status):
            return on_status_codes is not None and status in on_status_codes
        case Failed(status=status) | Interrupted(status=status):
            return on_status_codes is None or status in on_status_codes
    assert_never(outcome)


def past_deadline(outcome: Outcome, deadline: float | None) -> bool:
    """Whether no time is left for another attempt."""
    return deadline is not None and outcome.at >= deadline


def prefer_tried(earlier: Outcome, later: Outcome) -> Outcome:
    """Return the outcome of two targets: the later one, unless nothing was sent to it."""
    if earlier is NOT_TRIED or _was_sent(later):
        return later
    if _was_sent(earlier):
        return earlier
    return Skipped(later.at, f"{_reason(earlier)}; {_reason(later)}")


def _was_sent(outcome: Outcome) -> bool:
    return not (
        isinstance(outcome, Skipped) or (isinstance(outcome, Failed) and outcome.kind == "route")
    )


def _reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Skipped | Failed) else ""
