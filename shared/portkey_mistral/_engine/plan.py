"""Turns a config's tree into a plan: a generator that yields what to send and is told what came of it.

The plan never waits, reads a clock or touches state. Each strategy is a file of its own that chooses among
plans of its targets, so a plan is nested just as its config is.
"""

from __future__ import annotations

import dataclasses
from typing import assert_never

from portkey_mistral._engine.conditional import select
from portkey_mistral._engine.embedding import check_embedding
from portkey_mistral._engine.fallback import fallback
from portkey_mistral._engine.fitness import FindModel, unfit
from portkey_mistral._engine.loadbalance import loadbalance
from portkey_mistral._engine.outcomes import (
    Failed,
    Health,
    Outcome,
    Plan,
    Random,
    RequestFacts,
    Skipped,
)
from portkey_mistral._engine.retry import OWN_RETRY_CODES, attempts
from portkey_mistral._engine.verdicts import Begin, settled
from portkey_mistral._records import record
from portkey_mistral.config import (
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


@record()
class _Walk:
    """What holds for the whole walk through the tree, or from some node on downwards."""

    facts: RequestFacts
    health: Health
    rng: Random
    own_retry: Retry
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
    """Plan one call: every `Attempt` is yielded, and the final outcome is the generator's return value.

    `max_retries` rules targets for which the config says no `retry`; None is 0. `backoff` is the first
    delay in seconds. When every target was left out and a breaker was among the reasons, the breakers are
    passed over (`Attempt.forced`).

    Raises:
        ConfigurationError: an embedding request could reach two models.
        InvalidRequestError: no target may have this request, or no condition leads to one.
    """
    if facts.operation == "embed":
        check_embedding(root, facts.params, find=find)
    own_retry = Retry(max_retries or 0, OWN_RETRY_CODES, use_retry_after_header=True)
    walk = _Walk(facts, health, rng, own_retry, backoff, find)
    outcome = yield from _visit(root, walk)
    if isinstance(outcome, Skipped):
        outcome = yield from _visit(root, dataclasses.replace(walk, forced=True))
    _refuse_dead_end(outcome)
    return outcome


def _visit(node: Node, walk: _Walk) -> Plan:
    match node:
        case Target():
            return _send(node, walk)
        case Single():
            return _visit(node.targets[0], walk)
        case Fallback():
            return fallback(
                _in_order(node, _skipping(walk, node.skip)),
                len(node.targets),
                on_status_codes=node.on_status_codes,
                deadline=walk.facts.deadline,
            )
        case LoadBalance():
            below = _skipping(walk, node.skip)
            return loadbalance(
                lambda at: _visit(node.targets[at], below),
                node.weights,
                node.sums,
                walk.rng,
                failover=node.failover,
                on_status_codes=node.on_status_codes,
                deadline=walk.facts.deadline,
            )
        case Conditional():
            chosen = select(node, walk.facts)
            return settled(_unresolved(node)) if chosen is None else _visit(chosen, walk)
    assert_never(node)


def _send(target: Target, walk: _Walk) -> Plan:
    if reason := unfit(target, walk.facts, walk.skip, walk.find):
        return settled(Skipped(0.0, reason))
    if target.path in walk.health.open and not walk.forced:
        return settled(Skipped(0.0, f"the circuit breaker of {target.path} is open"))
    return attempts(
        target,
        target.retry or walk.own_retry,
        walk.rng,
        backoff=walk.backoff,
        deadline=walk.facts.deadline,
        forced=walk.forced,
        unwanted=walk.unwanted,
    )


def _in_order(node: Fallback, walk: _Walk) -> Begin:
    codes, last = node.on_status_codes, len(node.targets) - 1
    passing = walk if codes is None else dataclasses.replace(walk, unwanted=walk.unwanted + codes)
    return lambda at: _visit(node.targets[at], walk if at == last else passing)


def _skipping(walk: _Walk, skip: frozenset[Skip]) -> _Walk:
    return dataclasses.replace(walk, skip=walk.skip | skip) if skip else walk


def _unresolved(node: Conditional) -> Failed:
    # The gateway answers 400 for the whole tree; here a fallback around it goes on.
    reason = f"no condition of {node.path} holds for this request, and it names no 'default'"
    return Failed(0.0, "route", 400, reason=reason)


def _refuse_dead_end(outcome: Outcome) -> None:
    match outcome:
        case Skipped(reason=reason) | Failed(kind="route", reason=reason):
            raise InvalidRequestError(f"No target can take this request: {reason}.")
        case _:
            pass
