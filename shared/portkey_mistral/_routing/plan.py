"""Turns the config's tree into a plan: a generator that yields each attempt and is sent its outcome.

A plan never waits, reads a clock or accesses state; its driver does. The plan of a strategy is composed of the plans of
its targets, so plans are nested like the config.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import assert_never

from portkey_mistral._routing.eligibility import FindModel, check_embedding, ineligible_reason
from portkey_mistral._routing.outcomes import (
    Answered,
    Attempt,
    Failed,
    Health,
    Outcome,
    Plan,
    Random,
    RequestFacts,
    Skipped,
)
from portkey_mistral._routing.retry import OWN_RETRY_CODES, attempts
from portkey_mistral._routing.strategies import fallback, finished_plan, loadbalance, select
from portkey_mistral.config.values import (
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    Retry,
    Single,
    Skip,
    Target,
)
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.models import find as find_in_catalog

__all__ = ["plan"]


@dataclass(slots=True)
class _Walk:
    """The values passed down the tree. `default_retry` applies where no `retry` is inherited."""

    facts: RequestFacts
    health: Health
    rng: Random
    default_retry: Retry
    backoff: float
    find: FindModel
    skip: frozenset[Skip] = frozenset()
    forced: bool = False
    unwanted: tuple[int, ...] = ()


def plan(
    root: Node,
    facts: RequestFacts,
    health: Health,
    rng: Random,
    *,
    max_retries: int | None = None,
    backoff: float = 1.0,
    find: FindModel = find_in_catalog,
) -> Plan:
    """Plan one call: yield every `Attempt`, also those that are only reported as skipped, and return the final outcome.

    `max_retries` applies to targets for which the config has no `retry`; None is 0. `backoff` is the first delay in
    seconds. If every target was skipped, the tree is visited again with `Attempt.forced`, which ignores circuit
    breakers: trying an unhealthy target is better than trying none (as in Portkey).

    Raises:
        ConfigurationError: an embedding request could reach two models.
        InvalidRequestError: no target is eligible for this request, or no condition leads to one.
    """
    if facts.operation == "embed":
        check_embedding(root, facts.params, find=find)
    default_retry = Retry(max_retries or 0, OWN_RETRY_CODES, use_retry_after_header=True)
    walk = _Walk(facts, health, rng, default_retry, backoff, find)
    outcome = yield from _visit(root, walk)
    if isinstance(outcome, Answered):
        return outcome
    if isinstance(outcome, Skipped):
        outcome = yield from _visit(root, dataclasses.replace(walk, forced=True))
    _raise_if_nothing_was_sent(outcome)
    return outcome


def _visit(node: Node, walk: _Walk) -> Plan:
    match node:
        case Target():
            return _attempts(node, walk)
        case Single():
            return _visit(node.targets[0], walk)
        case Fallback():
            return _fallback(node, _with_skip(walk, node.skip))
        case LoadBalance():
            return _loadbalance(node, _with_skip(walk, node.skip))
        case Conditional():
            chosen = select(node, walk.facts)
            return finished_plan(_unresolved(node)) if chosen is None else _visit(chosen, walk)
    assert_never(node)


def _attempts(target: Target, walk: _Walk) -> Plan:
    if reason := ineligible_reason(target, walk.facts, walk.skip, walk.find):
        # On the second walk it has been reported.
        return finished_plan(Skipped(0.0, reason)) if walk.forced else _skipped(target, reason)
    if target.path in walk.health.open and not walk.forced:
        return _skipped(target, f"the circuit breaker of {target.path} is open")
    return attempts(
        target,
        target.retry or walk.default_retry,
        walk.rng,
        backoff=walk.backoff,
        deadline=walk.facts.deadline,
        forced=walk.forced,
        unwanted=walk.unwanted,
    )


def _skipped(target: Target, reason: str) -> Plan:
    """Report that a target is passed over."""
    return (yield Attempt(target.path, target, skipped=reason))


def _fallback(node: Fallback, walk: _Walk) -> Plan:
    codes, last = node.on_status_codes, len(node.targets) - 1
    # All targets but the last discard responses with a status on which the next one is tried.
    discarding = (
        walk if codes is None else dataclasses.replace(walk, unwanted=walk.unwanted + codes)
    )
    return fallback(
        lambda index: _visit(node.targets[index], walk if index == last else discarding),
        len(node.targets),
        on_status_codes=codes,
        deadline=walk.facts.deadline,
    )


def _loadbalance(node: LoadBalance, walk: _Walk) -> Plan:
    return loadbalance(
        lambda index: _visit(node.targets[index], walk),
        node.weights,
        node.sums,
        walk.rng,
        kept=walk.health.picks.get(node.path),
        failover=node.failover,
        on_status_codes=node.on_status_codes,
        deadline=walk.facts.deadline,
    )


def _with_skip(walk: _Walk, skip: frozenset[Skip]) -> _Walk:
    return dataclasses.replace(walk, skip=walk.skip | skip) if skip else walk


def _unresolved(node: Conditional) -> Failed:
    # The gateway answers 400 for the whole tree; here an enclosing fallback tries its next target.
    reason = f"no condition of {node.path} holds for this request, and it has no 'default'"
    return Failed(0.0, "route", 400, reason=reason)


def _raise_if_nothing_was_sent(outcome: Outcome) -> None:
    match outcome:
        case Skipped(reason=reason) | Failed(kind="route", reason=reason):
            raise InvalidRequestError(f"No target can take this request: {reason}.")
        case _:
            pass
