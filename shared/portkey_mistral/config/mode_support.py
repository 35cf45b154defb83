"""Determines which parts of a valid config are not supported in direct mode or by a gateway.

Such a config can be parsed; it is rejected once the mode is known.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from portkey_mistral._providers import DIRECT_PROVIDERS, is_sandbox, is_slug, slug_of
from portkey_mistral._redaction import secret_value
from portkey_mistral._regex import UnsupportedPatternError, from_javascript, matcher
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral._warnings import user_stacklevel
from portkey_mistral.config import schema
from portkey_mistral.config.gateway_keys import is_cloud_key
from portkey_mistral.config.values import COMBINERS, Target
from portkey_mistral.exceptions import ConfigurationError

if TYPE_CHECKING:
    from portkey_mistral.config.config import Config

__all__ = [
    "UnknownConfigKeyWarning",
    "check_direct_config",
    "check_gateway_config",
    "direct_problems",
    "gateway_problems",
    "unknown_keys",
]

_SHORTEST_COOLDOWN_MS = 30_000
_NEEDS_GATEWAY = {
    "virtual_key": "a virtual key is stored at Portkey",
    "prompt_id": "prompts are stored at Portkey",
    "deployments": "deployments are stored at Portkey",
    "input_guardrails": "guardrails are run by the gateway",
    "output_guardrails": "guardrails are run by the gateway",
    "default_input_guardrails": "guardrails are run by the gateway",
    "default_output_guardrails": "guardrails are run by the gateway",
    "before_request_hooks": "hooks are run by the gateway",
    "after_request_hooks": "hooks are run by the gateway",
    "input_mutators": "mutators are run by the gateway",
    "output_mutators": "mutators are run by the gateway",
    "metadata": "the gateway reads it; in direct mode pass portkey_metadata=",
    "passthrough": "Portkey takes the provider from the request; name it in the target",
    "fetch_integrated_models": "the model catalog is Portkey's",
    "allow_subdomain": "it is a setting of the gateway",
}
_ONLY_HOSTED = {
    "cb_config": "the open-source gateway has no circuit breaker",
    "passthrough": "the open-source gateway needs a provider in each target",
    "fetch_integrated_models": "the open-source gateway has no model catalog",
}
_UNSUPPORTED_PROVIDER = (
    f"direct mode supports {' and '.join(DIRECT_PROVIDERS)}, and with a 'custom_host' every server with an "
    "OpenAI-compatible API"
)
_SANDBOX_UNREACHABLE = (
    "the sandbox runs inside this process, where a gateway cannot reach it; start it over HTTP with "
    "`portkey-mistral sandbox`"
)

_Problem: TypeAlias = tuple[str, str]


class UnknownConfigKeyWarning(UserWarning):
    """A config for a gateway has an unknown key; the message names it and the nearest known one."""


def direct_problems(config: Config) -> list[_Problem]:
    """Return (path, reason) for everything that only a gateway supports."""
    if config.slug is not None:
        return [("config", f"the config {config.slug!r} is stored at Portkey")]
    targets = [fault for target in config.targets() for fault in _unsupported_provider(target)]
    return [*_in_nodes(config, _needs_gateway), *targets]


def unknown_keys(config: Config) -> list[_Problem]:
    """Return (path, advice) for every unknown key; Portkey may have added it since."""
    return list(schema.unknown_keys(config.document))


def gateway_problems(config: Config, *, hosted: bool = True) -> list[_Problem]:
    """Return (path, reason) for everything that no gateway supports, or that only the `hosted` one does."""
    if config.slug is not None:
        return []
    only_hosted = [] if hosted else _in_nodes(config, _only_hosted)
    ignored = [fault for target in config.targets() for fault in _ignored_slugs(target)]
    return [*_in_nodes(config, _unknown_to_gateways), *only_hosted, *ignored]


def check_direct_config(config: Config) -> None:
    """Raise `ConfigurationError` naming everything that direct mode does not support, unknown keys included."""
    if unknown := unknown_keys(config):
        raise ConfigurationError(_joined(unknown))
    if problems := direct_problems(config):
        raise ConfigurationError(
            f"This config needs a Portkey gateway: {_joined(problems)}. Set portkey_api_key= or "
            "gateway_url=, or remove these keys."
        )


def check_gateway_config(config: Config, *, hosted: bool = True) -> None:
    """Raise `ConfigurationError` naming everything that a gateway would ignore or reject.

    An unknown key only causes an `UnknownConfigKeyWarning`, and is sent unchanged.
    """
    for path, advice in unknown_keys(config):
        warnings.warn(
            f"{path}: {advice} It is sent to the gateway as it is.",
            UnknownConfigKeyWarning,
            stacklevel=user_stacklevel(),
        )
    if problems := gateway_problems(config, hosted=hosted):
        raise ConfigurationError(
            f"This config does not work through a gateway: {_joined(problems)}. Remove these keys, or use "
            "direct mode: leave out the gateway settings (arguments and PORTKEY_* variables)."
        )


def _joined(problems: list[_Problem]) -> str:
    return "; ".join(f"{path}: {reason}" for path, reason in problems)


def _in_nodes(
    config: Config, find: Callable[[Mapping[str, Any]], Iterator[_Problem]]
) -> Iterator[_Problem]:
    for path, node in _nodes(config.document, "config"):
        for key, reason in find(node):
            yield f"{path}.{key}", reason


def _nodes(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, node
    for index, target in enumerate(node.get("targets", ())):
        yield from _nodes(target, f"{path}.targets[{index}]")


def _needs_gateway(node: Mapping[str, Any]) -> Iterator[_Problem]:
    for key, value in node.items():
        if (reason := _NEEDS_GATEWAY.get(key)) and value:
            yield key, reason
        elif is_cloud_key(key):
            yield key, "cloud providers are supported by the gateway only"
    if node.get("is_open"):
        yield "is_open", "Portkey sets it; in direct mode 'cb_config' has its own circuit breaker"
    if node.get("cache", {}).get("mode") == "semantic":
        yield "cache.mode", "the semantic cache is Portkey's; direct mode has 'simple'"
    for index, condition in enumerate(node.get("strategy", {}).get("conditions", ())):
        for path, reason in _unsupported_patterns(condition["query"]):
            yield f"strategy.conditions[{index}].query.{path}", reason


def _unsupported_patterns(query: Mapping[str, Any]) -> Iterator[_Problem]:
    """Yield each pattern that direct mode cannot compile, and that would never match there."""
    for key, expected in query.items():
        if key in COMBINERS:
            for index, alternative in enumerate(expected):
                for path, reason in _unsupported_patterns(alternative):
                    yield f"{key}[{index}].{path}", reason
        elif isinstance(expected, Mapping) and "$regex" in expected:
            try:
                matcher(from_javascript(expected["$regex"]))
            except UnsupportedPatternError as error:
                yield f"{key}.$regex", f"direct mode matches patterns in linear time: {error}"


def _unsupported_provider(target: Target) -> Iterator[_Problem]:
    """Yield the reasons why the provider of a target cannot be called directly."""
    provider = target.provider
    model = target.override_params.get("model")
    if target.passthrough:
        return
    if is_slug(model):
        yield f"{target.path}.override_params.model", "only Portkey resolves a slug '@...'"
    if is_slug(provider):
        yield f"{target.path}.provider", "only Portkey resolves a slug '@...'"
    elif provider not in DIRECT_PROVIDERS and target.custom_host is None:
        hint = did_you_mean(provider, DIRECT_PROVIDERS)
        yield f"{target.path}.provider", _UNSUPPORTED_PROVIDER + (f" ({hint})" if hint else "")


def _ignored_slugs(target: Target) -> Iterator[_Problem]:
    """Yield the slugs of a target that name another provider than the one that Portkey uses.

    Its order is provider, virtual key, model (read in the gateway's branch 2.0.0). The model would be sent as it is.
    """
    named = {
        "provider": slug_of(target.provider),
        "virtual_key": secret_value(target.virtual_key),
        "override_params.model": slug_of(target.override_params.get("model")),
    }
    used, *others = [key for key, name in named.items() if name] or [""]
    for other in others:
        if named[other] != named[used]:
            yield (
                f"{target.path}.{other}",
                f"it names another provider than '{used}', which Portkey uses",
            )


def _only_hosted(node: Mapping[str, Any]) -> Iterator[_Problem]:
    """Yield what hosted Portkey supports, but the open-source gateway (1.15.2) silently ignores or rejects.

    `default_params` and `drop_params` are not among them: their result for a request is sent as `override_params`.
    """
    strategy = node.get("strategy", {})
    yield from ((key, reason) for key, reason in _ONLY_HOSTED.items() if node.get(key))
    if strategy.get("cb_config"):
        yield "strategy.cb_config", _ONLY_HOSTED["cb_config"]
    if strategy.get("sticky", {}).get("enabled"):
        yield (
            "strategy.sticky",
            "the open-source gateway draws a target for each request; hosted Portkey and direct mode keep it",
        )
    for key, is_only_hosted, reason in _ONLY_HOSTED_ITEMS:
        for index, item in enumerate(node.get(key, ())):
            if is_only_hosted(item):
                yield f"{key}[{index}]", reason


def _is_stored_guardrail(guardrail: Any) -> bool:
    match guardrail:
        case str():
            return True
        case {"id": str(name)}:
            return name.startswith("pg-") and not any("." in key for key in guardrail)
        case _:
            return False


def _unknown_to_gateways(node: Mapping[str, Any]) -> Iterator[_Problem]:
    strategy = node.get("strategy", {})
    for key in ("failover", "skip"):
        if strategy.get(key):
            yield f"strategy.{key}", "no gateway supports it"
    for path, parent in (("cb_config", node), ("strategy.cb_config", strategy)):
        rules = parent.get("cb_config", {})
        if rules.get("cooldown_interval", _SHORTEST_COOLDOWN_MS) < _SHORTEST_COOLDOWN_MS:
            yield f"{path}.cooldown_interval", f"Portkey's minimum is {_SHORTEST_COOLDOWN_MS} ms"
    if is_sandbox(node.get("custom_host")):
        yield "custom_host", _SANDBOX_UNREACHABLE


_STORED_GUARDRAIL = "it is stored at Portkey; the open-source gateway would let everything pass"
_ONLY_HOSTED_ITEMS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    (
        "forward_headers",
        lambda header: isinstance(header, Mapping),
        "the open-source gateway cannot rename a header; send it under the name that the target expects",
    ),
    ("input_guardrails", _is_stored_guardrail, _STORED_GUARDRAIL),
    ("output_guardrails", _is_stored_guardrail, _STORED_GUARDRAIL),
)
