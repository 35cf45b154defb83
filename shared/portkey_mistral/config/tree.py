"""Makes the tree of values from a normalised config: inheritance is settled and contradictions are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral.config.checks import fault, nearest
from portkey_mistral.config.values import (
    DEFAULT_RETRY_CODES,
    Breaker,
    Cache,
    Condition,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    Retry,
    Single,
    Strategy,
    Target,
)

__all__ = ["build"]

_MS = 1000


@dataclass(frozen=True, slots=True)
class _Inherited:
    """What a node passes on to its targets."""

    override_params: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry | None = None
    cache: Cache | None = None
    breaker: Breaker | None = None
    request_timeout: float | None = None
    custom_host: str | None = None
    forward_headers: tuple[str, ...] = ()

    def below(self, node: Mapping[str, Any], path: str) -> _Inherited:
        return _Inherited(
            override_params={**self.override_params, **node.get("override_params", {})},
            retry=_retry(node["retry"]) if "retry" in node else self.retry,
            cache=_cache(node["cache"]) if "cache" in node else self.cache,
            breaker=_breaker_of(node, path) or self.breaker,
            # A timeout of 0 and an empty host count as not given, as in the gateway.
            request_timeout=node.get("request_timeout", 0) / _MS or self.request_timeout,
            custom_host=node.get("custom_host") or self.custom_host,
            forward_headers=tuple(node.get("forward_headers", self.forward_headers)),
        )


def build(
    node: Mapping[str, Any], path: str = "config", inherited: _Inherited | None = None
) -> Node:
    """Return the node with all below it.

    Raises:
        ConfigurationError: keys that are right by themselves contradict each other.
    """
    own = (inherited or _Inherited()).below(node, path)
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
        provider=node.get("provider", "mistral-ai"),
        api_key=node.get("api_key"),
        virtual_key=node.get("virtual_key"),
        custom_host=own.custom_host,
        weight=node.get("weight", 1.0),
        override_params=own.override_params,
        retry=own.retry,
        cache=own.cache,
        breaker=own.breaker,
        request_timeout=own.request_timeout,
        forward_headers=own.forward_headers,
        mistral_fim_completion=node.get("mistral_fim_completion") == "true",
    )


def _strategy(node: Mapping[str, Any], path: str, targets: tuple[Node, ...]) -> Strategy:
    rules = node["strategy"]
    mode = rules["mode"]
    for key, modes in _ONLY_IN.items():
        if key in rules and mode not in modes:
            raise fault(
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
        raise fault(f"{path}.targets", "all have weight 0, so none could ever be chosen.")
    return LoadBalance(
        path=path,
        targets=targets,
        on_status_codes=_codes(rules),
        failover=rules.get("failover", False),
        skip=frozenset(rules.get("skip", ())),
        **common,
    )


def _conditional(
    rules: Mapping[str, Any], path: str, targets: tuple[Node, ...], common: Mapping[str, Any]
) -> Conditional:
    here = f"{path}.strategy"
    if not rules.get("conditions"):
        raise fault(
            f"{here}.conditions", "is required for conditional, with at least one condition."
        )
    names = Counter(target.name for target in targets if target.name is not None)
    for name, times in names.items():
        if times > 1:
            raise fault(
                f"{path}.targets", f"{times} targets are named {name!r}; names must differ."
            )
    conditions = tuple(Condition(c["query"], c["then"]) for c in rules["conditions"])
    for index, condition in enumerate(conditions):
        _check_name(condition.then, names, f"{here}.conditions[{index}].then")
    if "default" in rules:
        _check_name(rules["default"], names, f"{here}.default")
    return Conditional(
        path=path, targets=targets, conditions=conditions, default=rules.get("default"), **common
    )


def _check_name(name: str, names: Mapping[str, int], path: str) -> None:
    if name in names:
        return
    near = nearest(name, names)
    known = ", ".join(repr(known) for known in names) or "none: give targets a 'name'"
    hint = f"did you mean {near!r}?" if near else f"names here: {known}."
    raise fault(path, f"is not the name of a target; {hint}")


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
_ONLY_IN = {"failover": ("loadbalance",), "skip": ("fallback", "loadbalance")}


def _codes(rules: Mapping[str, Any]) -> tuple[int, ...] | None:
    return tuple(rules["on_status_codes"]) if "on_status_codes" in rules else None


def _retry(retry: Mapping[str, Any]) -> Retry:
    return Retry(
        attempts=retry["attempts"],
        on_status_codes=tuple(retry.get("on_status_codes", DEFAULT_RETRY_CODES)),
        use_retry_after_header=retry.get("use_retry_after_header", False),
    )


def _cache(cache: Mapping[str, Any]) -> Cache:
    return Cache(mode=cache["mode"], max_age=cache.get("max_age"))


def _breaker_of(node: Mapping[str, Any], path: str) -> Breaker | None:
    for place, holder in ((path, node), (f"{path}.strategy", node.get("strategy", {}))):
        if "cb_config" in holder:
            return _breaker(holder["cb_config"], f"{place}.cb_config")
    return None


def _breaker(rules: Mapping[str, Any], path: str) -> Breaker:
    if not ({"failure_threshold", "failure_threshold_percentage"} & rules.keys()):
        raise fault(
            path, "needs 'failure_threshold' or 'failure_threshold_percentage' to ever open."
        )
    values = dict(rules)
    if "cooldown_interval" in values:
        values["cooldown_interval"] /= _MS
    if "failure_status_codes" in values:
        values["failure_status_codes"] = tuple(values["failure_status_codes"])
    return Breaker(**values)
