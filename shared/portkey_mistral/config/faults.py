"""What one of the ways cannot do with a config: the direct way, or the way through a gateway.

Such a config is a right one, so it can be read; it is refused where the way is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from portkey_mistral.config.checks import nearest
from portkey_mistral.config.config import Config
from portkey_mistral.config.queries import COMBINERS, regex
from portkey_mistral.config.schema import is_cloud_key
from portkey_mistral.config.values import Target
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["check_direct_config", "check_gateway_config", "direct_faults", "gateway_faults"]

DIRECT_PROVIDERS = ("mistral-ai", "openai")

_SHORTEST_COOLDOWN_MS = 30_000
_NEEDS_GATEWAY = {
    "virtual_key": "a virtual key is kept by Portkey",
    "prompt_id": "prompts are kept by Portkey",
    "deployments": "deployments are kept by Portkey",
    "input_guardrails": "guardrails are run by the gateway",
    "output_guardrails": "guardrails are run by the gateway",
    "default_input_guardrails": "guardrails are run by the gateway",
    "default_output_guardrails": "guardrails are run by the gateway",
    "before_request_hooks": "hooks are run by the gateway",
    "after_request_hooks": "hooks are run by the gateway",
    "input_mutators": "mutators are run by the gateway",
    "output_mutators": "mutators are run by the gateway",
    "metadata": "it is read by the gateway; here pass portkey_metadata=",
}
_ONLY_THESE = (
    f"only {' and '.join(DIRECT_PROVIDERS)} are spoken to from here, and with a 'custom_host' any server "
    "that speaks OpenAI's API"
)
_IN_THIS_PROCESS = (
    "the sandbox lives in this process, where a gateway cannot reach it; start it over HTTP with "
    "`portkey-mistral sandbox`"
)

_Fault: TypeAlias = tuple[str, str]


def direct_faults(config: Config) -> list[_Fault]:
    """Return (path, reason) of everything that only a gateway can do."""
    if config.slug is not None:
        return [("config", f"the config {config.slug!r} is kept by Portkey")]
    targets = [fault for target in config.targets() for fault in _foreign(target)]
    return [*_in_nodes(config, _needs_gateway), *targets]


def gateway_faults(config: Config, *, hosted: bool = True) -> list[_Fault]:
    """Return (path, reason) of everything that no gateway can do, or only the `hosted` one."""
    if config.slug is not None:
        return []
    only_hosted = [] if hosted else _in_nodes(config, _ignored_by_open_source)
    return [*_in_nodes(config, _beyond_gateway), *only_hosted]


def check_direct_config(config: Config) -> None:
    """Raise `ConfigurationError` naming everything that the direct way cannot do."""
    if faults := direct_faults(config):
        raise ConfigurationError(
            f"This config needs a Portkey gateway: {_listed(faults)}. Set portkey_api_key= or "
            "gateway_url=, or take these out."
        )


def check_gateway_config(config: Config, *, hosted: bool = True) -> None:
    """Raise `ConfigurationError` naming everything that a gateway would ignore or refuse."""
    if faults := gateway_faults(config, hosted=hosted):
        raise ConfigurationError(
            f"This config does not work through a gateway: {_listed(faults)}. Take these out, or go "
            "direct: leave out the gateway settings (arguments and PORTKEY_* variables)."
        )


def _listed(faults: list[_Fault]) -> str:
    return "; ".join(f"{path}: {reason}" for path, reason in faults)


def _in_nodes(
    config: Config, find: Callable[[Mapping[str, Any]], Iterator[_Fault]]
) -> Iterator[_Fault]:
    for path, node in _nodes(config.document, "config"):
        for key, reason in find(node):
            yield f"{path}.{key}", reason


def _nodes(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, node
    for index, target in enumerate(node.get("targets", ())):
        yield from _nodes(target, f"{path}.targets[{index}]")


def _needs_gateway(node: Mapping[str, Any]) -> Iterator[_Fault]:
    for key, value in node.items():
        if (reason := _NEEDS_GATEWAY.get(key)) and value:
            yield key, reason
        elif is_cloud_key(key):
            yield key, "cloud providers are spoken to by the gateway"
    if node.get("is_open"):
        yield "is_open", "it is set by Portkey; here 'cb_config' keeps a breaker of its own"
    if node.get("cache", {}).get("mode") == "semantic":
        yield "cache.mode", "a semantic cache is kept by Portkey; 'simple' works here"
    for index, condition in enumerate(node.get("strategy", {}).get("conditions", ())):
        for place in _unreadable(condition["query"]):
            yield f"strategy.conditions[{index}].query.{place}", "Python cannot read this pattern"


def _unreadable(query: Mapping[str, Any]) -> Iterator[str]:
    """Find patterns that JavaScript may know and Python does not: they would never match."""
    for key, expected in query.items():
        if key in COMBINERS:
            for index, alternative in enumerate(expected):
                yield from (f"{key}[{index}].{place}" for place in _unreadable(alternative))
        elif isinstance(expected, Mapping) and "$regex" in expected:
            try:
                regex(expected["$regex"])
            except re.error:
                yield f"{key}.$regex"


def _foreign(target: Target) -> Iterator[_Fault]:
    """Find what makes a target's provider one that is not spoken to from here."""
    provider = target.provider
    model = target.override_params.get("model")
    if isinstance(model, str) and model.startswith("@"):
        yield f"{target.path}.override_params.model", "a slug '@...' is known to Portkey only"
    if provider.startswith("@"):
        yield f"{target.path}.provider", "a slug '@...' is known to Portkey only"
    elif provider not in DIRECT_PROVIDERS and target.custom_host is None:
        near = nearest(provider, DIRECT_PROVIDERS)
        hint = f" (did you mean {near!r}?)" if near else ""
        yield f"{target.path}.provider", _ONLY_THESE + hint


def _ignored_by_open_source(node: Mapping[str, Any]) -> Iterator[_Fault]:
    """A breaker is kept by hosted Portkey; the open-source gateway reads its rules and never opens one."""
    if node.get("cb_config"):
        yield "cb_config", "the open-source gateway keeps no circuit breaker"
    if node.get("strategy", {}).get("cb_config"):
        yield "strategy.cb_config", "the open-source gateway keeps no circuit breaker"


def _beyond_gateway(node: Mapping[str, Any]) -> Iterator[_Fault]:
    strategy = node.get("strategy", {})
    for key in ("failover", "skip"):
        if strategy.get(key):
            yield f"strategy.{key}", "no gateway knows it"
    for place, holder in (("cb_config", node), ("strategy.cb_config", strategy)):
        rules = holder.get("cb_config", {})
        if rules.get("cooldown_interval", _SHORTEST_COOLDOWN_MS) < _SHORTEST_COOLDOWN_MS:
            yield f"{place}.cooldown_interval", f"Portkey's least is {_SHORTEST_COOLDOWN_MS} ms"
    if node.get("custom_host", "").startswith("sandbox:"):
        yield "custom_host", _IN_THIS_PROCESS
