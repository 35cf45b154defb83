"""What a drawing says of a node: its title, its facts, and what leads from it to each target. No key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portkey_mistral.config.queries import COMBINERS
from portkey_mistral.config.values import (
    DEFAULT_RETRY_CODES,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    Single,
    Strategy,
    Target,
)

__all__ = ["edges", "facts", "mode", "service", "title"]

_SIGNS = {
    "$eq": "=",
    "$ne": "≠",
    "$gt": ">",
    "$gte": "≥",
    "$lt": "<",
    "$lte": "≤",
    "$in": "in",
    "$nin": "not in",
    "$regex": "matches",
}


def title(node: Node) -> str:
    label = service(node) if isinstance(node, Target) else mode(node)
    return f"{label} ({node.name})" if node.name else label


def mode(node: Strategy) -> str:
    return type(node).__name__.lower()


def service(target: Target) -> str:
    model = target.override_params.get("model")
    return f"{target.provider} {model}" if isinstance(model, str) else target.provider


def facts(node: Node) -> list[str]:
    match node:
        case Target():
            return list(_target_facts(node))
        case Fallback():
            return [_failing(node.on_status_codes), *_skipping(node)]
        case LoadBalance():
            moves = [f"failover {_failing(node.on_status_codes)}"] if node.failover else []
            return [*moves, *_skipping(node)]
        case Single() | Conditional():
            return []


def _failing(codes: tuple[int, ...] | None) -> str:
    match codes:
        case None:
            return "on any failure"
        case ():
            return "never moves on"
        case _:
            return "on " + ", ".join(map(str, codes))


def _skipping(node: Fallback | LoadBalance) -> list[str]:
    return [f"skip by {' and '.join(sorted(node.skip))}"] if node.skip else []


def _target_facts(target: Target) -> Iterator[str]:
    if target.custom_host:
        yield f"at {target.custom_host}"
    if target.mistral_fim_completion:
        yield "fill-in-the-middle only"
    if target.retry and target.retry.attempts:
        codes = target.retry.on_status_codes
        on = "" if codes == DEFAULT_RETRY_CODES else " on " + ", ".join(map(str, codes))
        yield f"{target.retry.attempts} {'retry' if target.retry.attempts == 1 else 'retries'}{on}"
    if target.request_timeout:
        yield f"timeout {target.request_timeout:g} s"
    if target.cache:
        yield f"cache {target.cache.mode}"
    if target.breaker:
        yield f"breaker, {target.breaker.cooldown_interval:g} s"


def edges(node: Strategy) -> list[str]:
    """Say for each target what leads to it."""
    match node:
        case Fallback():
            return [f"{position}." for position in range(1, len(node.targets) + 1)]
        case LoadBalance():
            total = sum(target.weight for target in node.targets)
            return [f"{100 * target.weight / total:.3g} %" for target in node.targets]
        case Single():
            return ["always", *["never"] * (len(node.targets) - 1)]
        case Conditional():
            return [_reasons(node, target.name) for target in node.targets]


def _reasons(node: Conditional, name: str | None) -> str:
    reasons = [f"if {_said(c.query)}" for c in node.conditions if name and c.then == name]
    if name is not None and node.default == name:
        reasons.append("else")
    return " / ".join(reasons) or "never"


def _said(query: Mapping[str, Any]) -> str:
    """Say a query on one line."""
    return " and ".join(_clause(key, expected) for key, expected in query.items()) or "always"


def _clause(key: str, expected: Any) -> str:
    if key in COMBINERS:
        return "(" + f" {key[1:]} ".join(_said(query) for query in expected) + ")"
    if isinstance(expected, Mapping):
        return " and ".join(f"{key} {_SIGNS[sign]} {value!r}" for sign, value in expected.items())
    return f"{key} = {expected!r}"
