"""Dumps a tree of values as Portkey's JSON, for a config that was constructed from values.

Inherited settings are written at each target, which is equivalent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._json import drop_none
from portkey_mistral.config.values import (
    Breaker,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    RenamedHeader,
    Single,
    Strategy,
    Target,
)

__all__ = ["dump"]

_MODES: Mapping[type[Strategy], str] = {
    Single: "single",
    Fallback: "fallback",
    LoadBalance: "loadbalance",
    Conditional: "conditional",
}


def dump(node: Node) -> dict[str, Any]:
    """Return a node as normalised JSON: snake_case, times in milliseconds, secrets as `SecretStr`."""
    if isinstance(node, Target):
        return drop_none(**_target(node))
    return drop_none(
        name=node.name,
        weight=None if node.weight == 1 else node.weight,
        strategy=drop_none(**_rules(node)),
        targets=[dump(target) for target in node.targets],
    )


def _target(target: Target) -> dict[str, Any]:
    retry, cache = target.retry, target.cache
    return {
        "name": target.name,
        "provider": None if target.virtual_key or target.passthrough else target.provider,
        "api_key": target.api_key,
        "virtual_key": target.virtual_key,
        "custom_host": target.custom_host,
        "passthrough": target.passthrough or None,
        "weight": None if target.weight == 1 else target.weight,
        "default_params": dict(target.default_params) or None,
        "override_params": dict(target.override_params) or None,
        "drop_params": list(target.drop_params) or None,
        "retry": retry
        and {
            "attempts": retry.attempts,
            "on_status_codes": list(retry.on_status_codes),
            "use_retry_after_header": retry.use_retry_after_header,
        },
        "cache": cache and drop_none(mode=cache.mode, max_age=cache.max_age),
        "cb_config": target.breaker and _breaker(target.breaker),
        "request_timeout": target.request_timeout and target.request_timeout * 1000,
        "forward_headers": [_forwarded(each) for each in target.forward_headers] or None,
        "mistral_fim_completion": "true" if target.mistral_fim_completion else None,
        **target.gateway_keys,
    }


def _rules(node: Strategy) -> dict[str, Any]:
    rules: dict[str, Any] = {"mode": _MODES[type(node)]}
    match node:
        case Fallback():
            rules |= {
                "on_status_codes": _list_or_none(node.on_status_codes),
                "skip": sorted(node.skip) or None,
            }
        case LoadBalance():
            rules |= {
                "on_status_codes": _list_or_none(node.on_status_codes),
                "skip": sorted(node.skip) or None,
                "failover": node.failover or None,
                "sticky": node.sticky
                and {
                    "enabled": True,
                    "hash_fields": list(node.sticky.hash_fields),
                    "ttl": node.sticky.ttl,
                },
            }
        case Conditional():
            conditions = [{"query": dict(c.query), "then": c.then} for c in node.conditions]
            rules |= {"conditions": conditions, "default": node.default}
        case Single():
            pass
    return rules


def _forwarded(header: str | RenamedHeader) -> str | dict[str, str]:
    return header if isinstance(header, str) else {"from": header.source, "to": header.name}


def _breaker(breaker: Breaker) -> dict[str, Any]:
    return drop_none(
        failure_threshold=breaker.failure_threshold,
        failure_threshold_percentage=breaker.failure_threshold_percentage,
        minimum_requests=breaker.minimum_requests,
        cooldown_interval=breaker.cooldown_interval * 1000,
        failure_status_codes=_list_or_none(breaker.failure_status_codes),
    )


def _list_or_none(codes: tuple[int, ...] | None) -> list[int] | None:
    return None if codes is None else list(codes)
