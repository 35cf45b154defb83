"""Builds the tree of values from a normalised config: resolves inheritance, and detects contradictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral._providers import MISTRAL
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.config.gateway_keys import GATEWAY_KEYS, INHERITED_GATEWAY_KEYS, is_cloud_key
from portkey_mistral.config.validators import error_at
from portkey_mistral.config.values import (
    DEFAULT_COOLDOWN,
    DEFAULT_RETRY_CODES,
    DEFAULT_STICKY_SECONDS,
    Breaker,
    Cache,
    Condition,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    RenamedHeader,
    Retry,
    Single,
    Sticky,
    Strategy,
    Target,
)

__all__ = ["build"]

_MS_PER_SECOND = 1000


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What a target inherits from the nodes above it."""

    default_params: Mapping[str, Any] = field(default_factory=dict)
    override_params: Mapping[str, Any] = field(default_factory=dict)
    drop_params: tuple[str, ...] = ()
    retry: Retry | None = None
    cache: Cache | None = None
    breaker: Breaker | None = None
    request_timeout: float | None = None
    custom_host: str | None = None
    forward_headers: tuple[str | RenamedHeader, ...] = ()
    gateway_keys: Mapping[str, Any] = field(default_factory=dict)

    def extended_by(self, node: Mapping[str, Any], path: str) -> _Inherited:
        return _Inherited(
            default_params={**self.default_params, **node.get("default_params", {})},
            override_params={**self.override_params, **node.get("override_params", {})},
            # Portkey does not document how the two lists combine. Here a target cannot restore a parameter that a
            # parent drops.
            drop_params=tuple(dict.fromkeys((*self.drop_params, *node.get("drop_params", ())))),
            retry=_retry(node["retry"]) if "retry" in node else self.retry,
            cache=_cache(node["cache"]) if "cache" in node else self.cache,
            breaker=_breaker_of(node, path) or self.breaker,
            # A timeout of 0 and an empty host count as not given, as in the gateway.
            request_timeout=node.get("request_timeout", 0) / _MS_PER_SECOND or self.request_timeout,
            custom_host=node.get("custom_host") or self.custom_host,
            forward_headers=_forwarded(node, self.forward_headers),
            gateway_keys={
                **self.gateway_keys,
                **{key: node[key] for key in INHERITED_GATEWAY_KEYS if node.get(key)},
            },
        )


def build(
    node: Mapping[str, Any], path: str = "config", inherited: _Inherited | None = None
) -> Node:
    """Return the node with all nodes below it.

    Raises:
        ConfigurationError: keys that are valid by themselves contradict each other.
    """
    own = (inherited or _Inherited()).extended_by(node, path)
    if "strategy" not in node:
        return _target(node, path, own)
    targets = tuple(
        build(target, f"{path}.targets[{index}]", own)
        for index, target in enumerate(node["targets"])
    )
    return _strategy(node, path, targets)


def _target(node: Mapping[str, Any], path: str, own: _Inherited) -> Target:
    return Target(
        path=path,
        name=node.get("name"),
        provider=node.get("provider", MISTRAL),
        api_key=node.get("api_key"),
        virtual_key=node.get("virtual_key"),
        custom_host=own.custom_host,
        passthrough=node.get("passthrough", False),
        weight=node.get("weight", 1.0),
        default_params=own.default_params,
        override_params=own.override_params,
        drop_params=own.drop_params,
        retry=own.retry,
        cache=own.cache,
        breaker=own.breaker,
        request_timeout=own.request_timeout,
        forward_headers=own.forward_headers,
        mistral_fim_completion=node.get("mistral_fim_completion") == "true",
        gateway_keys={**own.gateway_keys, **_own_gateway_keys(node)},
    )


def _strategy(node: Mapping[str, Any], path: str, targets: tuple[Node, ...]) -> Strategy:
    rules = node["strategy"]
    mode = rules["mode"]
    for key, modes in _ONLY_IN.items():
        if key in rules and mode not in modes:
            raise error_at(
                f"{path}.strategy.{key}", f"works with {' and '.join(modes)}, not with {mode}."
            )
    common = {"name": node.get("name"), "weight": node.get("weight", 1.0)}
    return _STRATEGIES[mode](rules, path, targets, common)


def _single(
    _: Mapping[str, Any], path: str, targets: tuple[Node, ...], common: Mapping[str, Any]
) -> Single:
    return Single(path=path, targets=targets, **common)


def _fallback(
    rules: Mapping[str, Any], path: str, targets: tuple[Node, ...], common: Mapping[str, Any]
) -> Fallback:
    return Fallback(
        path=path,
        targets=targets,
        on_status_codes=_codes(rules),
        skip=frozenset(rules.get("skip", ())),
        **common,
    )


def _loadbalance(
    rules: Mapping[str, Any], path: str, targets: tuple[Node, ...], common: Mapping[str, Any]
) -> LoadBalance:
    if not any(target.weight for target in targets):
        raise error_at(f"{path}.targets", "all have weight 0, so none can be chosen.")
    return LoadBalance(
        path=path,
        targets=targets,
        on_status_codes=_codes(rules),
        sticky=_sticky(rules),
        failover=rules.get("failover", False),
        skip=frozenset(rules.get("skip", ())),
        **common,
    )


def _conditional(
    rules: Mapping[str, Any], path: str, targets: tuple[Node, ...], common: Mapping[str, Any]
) -> Conditional:
    strategy_path = f"{path}.strategy"
    if not rules.get("conditions"):
        raise error_at(
            f"{strategy_path}.conditions",
            "is required for conditional, with at least one condition.",
        )
    names = Counter(target.name for target in targets if target.name is not None)
    for name, times in names.items():
        if times > 1:
            raise error_at(
                f"{path}.targets", f"{times} targets are named {name!r}; names must differ."
            )
    conditions = tuple(Condition(c["query"], c["then"]) for c in rules["conditions"])
    for index, condition in enumerate(conditions):
        _validate_target_name(condition.then, names, f"{strategy_path}.conditions[{index}].then")
    if "default" in rules:
        _validate_target_name(rules["default"], names, f"{strategy_path}.default")
    return Conditional(
        path=path, targets=targets, conditions=conditions, default=rules.get("default"), **common
    )


def _validate_target_name(name: str, names: Mapping[str, int], path: str) -> None:
    if name in names:
        return
    known = ", ".join(map(repr, names)) or "none: give targets a 'name'"
    hint = did_you_mean(name, names, otherwise=f"names here: {known}.")
    raise error_at(path, f"is not the name of a target; {hint}")


_Build = Callable[
    [Mapping[str, Any], str, tuple[Node, ...], Mapping[str, Any]],
    Strategy,
]
_STRATEGIES: Mapping[str, _Build] = {
    "single": _single,
    "fallback": _fallback,
    "loadbalance": _loadbalance,
    "conditional": _conditional,
}
_ONLY_IN = {
    "failover": ("loadbalance",),
    "skip": ("fallback", "loadbalance"),
    "sticky": ("loadbalance",),
}


def _codes(rules: Mapping[str, Any]) -> tuple[int, ...] | None:
    return tuple(rules["on_status_codes"]) if "on_status_codes" in rules else None


def _sticky(rules: Mapping[str, Any]) -> Sticky | None:
    sticky = rules.get("sticky", {})
    if not sticky.get("enabled"):
        return None
    ttl = sticky.get("ttl", DEFAULT_STICKY_SECONDS)
    return Sticky(tuple(sticky.get("hash_fields", ())), ttl)


def _forwarded(
    node: Mapping[str, Any], inherited: tuple[str | RenamedHeader, ...]
) -> tuple[str | RenamedHeader, ...]:
    if "forward_headers" not in node:
        return inherited
    return tuple(
        each if isinstance(each, str) else RenamedHeader(each["from"], each["to"])
        for each in node["forward_headers"]
    )


def _own_gateway_keys(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key in GATEWAY_KEYS or is_cloud_key(key)}


def _retry(retry: Mapping[str, Any]) -> Retry:
    return Retry(
        attempts=retry["attempts"],
        on_status_codes=tuple(retry.get("on_status_codes", DEFAULT_RETRY_CODES)),
        use_retry_after_header=retry.get("use_retry_after_header", False),
    )


def _cache(cache: Mapping[str, Any]) -> Cache:
    return Cache(mode=cache["mode"], max_age=cache.get("max_age"))


def _breaker_of(node: Mapping[str, Any], path: str) -> Breaker | None:
    for parent_path, parent in ((path, node), (f"{path}.strategy", node.get("strategy", {}))):
        if "cb_config" in parent:
            return _breaker(parent["cb_config"], f"{parent_path}.cb_config")
    return None


def _breaker(rules: Mapping[str, Any], path: str) -> Breaker:
    if not ({"failure_threshold", "failure_threshold_percentage"} & rules.keys()):
        raise error_at(
            path,
            "needs 'failure_threshold' or 'failure_threshold_percentage', or it would never open.",
        )
    codes = rules.get("failure_status_codes")
    cooldown = rules.get("cooldown_interval")
    return Breaker(
        failure_threshold=rules.get("failure_threshold"),
        failure_threshold_percentage=rules.get("failure_threshold_percentage"),
        minimum_requests=rules.get("minimum_requests"),
        cooldown_interval=DEFAULT_COOLDOWN if cooldown is None else cooldown / _MS_PER_SECOND,
        failure_status_codes=None if codes is None else tuple(codes),
    )
