"""The texts of a drawing: title and details of a node, and the condition on each edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portkey_mistral.config.gateway_keys import INHERITED_GATEWAY_KEYS
from portkey_mistral.config.values import (
    COMBINERS,
    DEFAULT_RETRY_CODES,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    RenamedHeader,
    Single,
    Strategy,
    Target,
)

__all__ = ["details", "edges", "mode", "service", "title"]

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
    provider = "the request's provider" if target.passthrough else target.provider
    return f"{provider} {model}" if isinstance(model, str) else provider


def details(node: Node) -> list[str]:
    match node:
        case Target():
            return list(_target_details(node))
        case Fallback():
            return [_on_statuses(node.on_status_codes), *_skip_rules(node)]
        case LoadBalance():
            failover = [f"failover {_on_statuses(node.on_status_codes)}"] if node.failover else []
            return [*_sticky(node), *failover, *_skip_rules(node)]
        case Single() | Conditional():
            return []


def _on_statuses(codes: tuple[int, ...] | None) -> str:
    match codes:
        case None:
            return "on any failure"
        case ():
            return "never falls back"
        case _:
            return "on " + ", ".join(map(str, codes))


def _sticky(node: LoadBalance) -> Iterator[str]:
    if node.sticky is not None:
        by = " by " + ", ".join(node.sticky.hash_fields) if node.sticky.hash_fields else ""
        yield f"sticky{by}, {node.sticky.ttl:g} s"


def _skip_rules(node: Fallback | LoadBalance) -> list[str]:
    return [f"skip by {' and '.join(sorted(node.skip))}"] if node.skip else []


def _target_details(target: Target) -> Iterator[str]:
    if target.custom_host:
        yield f"at {target.custom_host}"
    if target.mistral_fim_completion:
        yield "fill-in-the-middle only"
    yield from _parameters(target)
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
    if target.forward_headers:
        yield "forwards " + ", ".join(map(_forwarded, target.forward_headers))
    yield from (_gateway_key(key, value) for key, value in target.gateway_keys.items())


def _parameters(target: Target) -> Iterator[str]:
    overridden = [name for name in target.override_params if name != "model"]
    for verb, names in (
        ("defaults", target.default_params),
        ("overrides", overridden),
        ("drops", target.drop_params),
    ):
        if names:
            yield f"{verb} " + ", ".join(names)


def _forwarded(header: str | RenamedHeader) -> str:
    return header if isinstance(header, str) else f"{header.source} as {header.name}"


def _gateway_key(key: str, value: Any) -> str:
    """Return a line that cannot contain a secret: names of guardrails and prompts, else only the config key."""
    match value:
        case bool():
            return f"{key} {str(value).lower()}"
        case str() if key == "prompt_id":
            return f"{key} {value}"
        case list() if key in INHERITED_GATEWAY_KEYS:
            return f"{key} " + ", ".join(map(_guardrail, value))
        case _:
            return key


def _guardrail(guardrail: Any) -> str:
    match guardrail:
        case str():
            return guardrail
        case {"id": str(name)}:
            return name
        case {} if checks := [key for key in guardrail if "." in key]:
            return " and ".join(checks)
        case _:
            return "inline"


def edges(node: Strategy) -> list[str]:
    """Return the condition under which each target is chosen."""
    match node:
        case Fallback():
            return [f"{position}." for position in range(1, len(node.targets) + 1)]
        case LoadBalance():
            total = sum(target.weight for target in node.targets)
            return [f"{100 * target.weight / total:.3g} %" for target in node.targets]
        case Single():
            return ["always", *["never"] * (len(node.targets) - 1)]
        case Conditional():
            return [_when(node, target.name) for target in node.targets]


def _when(node: Conditional, name: str | None) -> str:
    reasons = [f"if {_query_text(c.query)}" for c in node.conditions if name and c.then == name]
    if name is not None and node.default == name:
        reasons.append("else")
    return " / ".join(reasons) or "never"


def _query_text(query: Mapping[str, Any]) -> str:
    """Return a query as one line."""
    return " and ".join(_clause(key, expected) for key, expected in query.items()) or "always"


def _clause(key: str, expected: Any) -> str:
    if key in COMBINERS:
        return "(" + f" {key[1:]} ".join(_query_text(query) for query in expected) + ")"
    if isinstance(expected, Mapping):
        return " and ".join(f"{key} {_SIGNS[sign]} {value!r}" for sign, value in expected.items())
    return f"{key} = {expected!r}"
