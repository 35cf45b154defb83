"""Writes a tree of values as Portkey's JSON, for a config that was made of values and not read.

Everything that was inherited stands at the targets then, which means the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral.config.values import (
    Breaker,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    Single,
    Strategy,
    Target,
)

__all__ = ["write"]

_MODES: Mapping[type[Strategy], str] = {
    Single: "single",
    Fallback: "fallback",
    LoadBalance: "loadbalance",
    Conditional: "conditional",
}


def write(node: Node) -> dict[str, Any]:
    """Return a node in normalised form: snake_case, times in Portkey's units, secrets as `SecretStr`."""
    if isinstance(node, Target):
        return _given(_target(node))
    return _given(
        {
            "name": node.name,
            "weight": None if node.weight == 1 else node.weight,
            "strategy": _given(_rules(node)),
            "targets": [write(target) for target in node.targets],
        }
    )


def _target(target: Target) -> dict[str, Any]:
    retry, cache = target.retry, target.cache
    return {
        "name": target.name,
        "provider": None if target.virtual_key else target.provider,
        "api_key": target.api_key,
        "virtual_key": target.virtual_key,
        "custom_host": target.custom_host,
        "weight": None if target.weight == 1 else target.weight,
        "override_params": dict(target.override_params) or None,
        "retry": retry
        and {
            "attempts": retry.attempts,
            "on_status_codes": list(retry.on_status_codes),
            "use_retry_after_header": retry.use_retry_after_header,
        },
        "cache": cache and _given({"mode": cache.mode, "max_age": cache.max_age}),
        "cb_config": target.breaker and _breaker(target.breaker),
        "request_timeout": target.request_timeout and target.request_timeout * 1000,
        "forward_headers": list(target.forward_headers) or None,
        "mistral_fim_completion": "true" if target.mistral_fim_completion else None,
    }


def _rules(node: Strategy) -> dict[str, Any]:
    rules: dict[str, Any] = {"mode": _MODES[type(node)]}
    match node:
        case Fallback():
            rules |= {
                "on_status_codes": _listed(node.on_status_codes),
                "skip": sorted(node.skip) or None,
            }
        case LoadBalance():
            rules |= {
                "on_status_codes": _listed(node.on_status_codes),
                "skip": sorted(node.skip) or None,
                "failover": node.failover or None,
            }
        case Conditional():
            conditions = [{"query": dict(c.query), "then": c.then} for c in node.conditions]
            rules |= {"conditions": conditions, "default": node.default}
        case Single():
            pass
    return rules


def _breaker(breaker: Breaker) -> dict[str, Any]:
    return _given(
        {
            "failure_threshold": breaker.failure_threshold,
            "failure_threshold_percentage": breaker.failure_threshold_percentage,
            "minimum_requests": breaker.minimum_requests,
            "cooldown_interval": breaker.cooldown_interval * 1000,
            "failure_status_codes": _listed(breaker.failure_status_codes),
        }
    )


def _listed(codes: tuple[int, ...] | None) -> list[int] | None:
    return None if codes is None else list(codes)


def _given(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}
