"""Which keys a config may have and what stands under them. Gives back the config in one spelling.

Portkey writes its keys in snake_case and in camelCase, and its gateway understands each in other places.
Both are accepted everywhere here, and everything behind this module sees snake_case. What belongs to the
caller is left as it is: the inside of `override_params`, conditions, `metadata`, guardrails and hooks. A
key of which the value is None counts as not given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral.config.checks import (
    Check,
    amount,
    count,
    fault,
    flag,
    header_names,
    host,
    items,
    kind,
    nearest,
    one_of,
    provider,
    secret,
    statuses,
    text,
)
from portkey_mistral.config.queries import check_query
from portkey_mistral.config.secrets import conceal

__all__ = ["is_cloud_key", "normalise"]

# Each level costs a few frames of the interpreter, here and while a plan runs.
_DEEPEST = 64

_OTHER_SPELLINGS = {"use_retry_after_headers": "use_retry_after_header"}
_CLOUD_KEYS = re.compile(
    r"(aws|amzn|azure|vertex|openai|anthropic|huggingface|fireworks|snowflake|oracle|workers_ai)_\w+"
)
_NOT_INHERITED = ("provider", "api_key", "virtual_key", "mistral_fim_completion")
_GATEWAY_PROVIDES = ("provider", "virtual_key", "prompt_id", "deployments")

# Keys that people write in the wrong place, and where they belong.
_ADVICE = {
    "options": "is Portkey's legacy form. Move its entries into 'targets' beside a 'strategy'.",
    "on_status_codes": "is read by nobody here. Write it into 'strategy' (when to fall back) or into "
    "'retry' (what to send again).",
    "mode": "belongs in 'strategy' (or in 'cache').",
    "conditions": "belongs in 'strategy'.",
    "default": "belongs in 'strategy'.",
    "attempts": "belongs in 'retry'.",
    "max_retries": "is written as 'retry': {'attempts': 2}.",
    "max_age": "belongs in 'cache'.",
    "timeout": "is called 'request_timeout' and is in milliseconds.",
    "base_url": "is called 'custom_host'.",
    "model": "belongs in 'override_params'.",
    "temperature": "belongs in 'override_params'.",
    "max_tokens": "belongs in 'override_params'.",
    "failover": "belongs in 'strategy'.",
    "skip": "belongs in 'strategy'.",
}


def normalise(raw: Mapping[str, Any], path: str = "config") -> dict[str, Any]:
    """Check a config node with all below it and copy it into snake_case; secrets become `SecretStr`.

    Raises:
        ConfigurationError: with the path and what would be right there.
    """
    node = _NODE(raw, path)
    (_check_inner if "targets" in node or "strategy" in node else _check_leaf)(node, path)
    return node


def _targets(value: Any, path: str) -> list[dict[str, Any]]:
    if path.count(".targets") > _DEEPEST:
        raise fault(path, f"is nested more than {_DEEPEST} levels deep.")
    targets: list[dict[str, Any]] = items(normalise, "targets")(value, path)
    if not targets:
        raise fault(path, "is empty; give at least one target.")
    return [_with_provider(target) for target in targets]


def _with_provider(target: dict[str, Any]) -> dict[str, Any]:
    """Name the provider of a bare target: the gateway would find none, and nothing inherits one."""
    model = target.get("override_params", {}).get("model")
    is_slug = isinstance(model, str) and model.startswith("@")
    if "targets" in target or is_slug or any(key in target for key in _GATEWAY_PROVIDES):
        return target
    return {"provider": "mistral-ai", **target}


def _check_inner(node: Mapping[str, Any], path: str) -> None:
    if "targets" not in node:
        raise fault(f"{path}.strategy", "has no 'targets' beside it to choose from.")
    if "strategy" not in node:
        raise fault(
            f"{path}.targets", "needs a 'strategy' beside it, for example {'mode': 'fallback'}."
        )
    for key in _NOT_INHERITED:
        if key in node:
            raise fault(f"{path}.{key}", "is not inherited by targets; write it into each of them.")


def _check_leaf(node: Mapping[str, Any], path: str) -> None:
    provider(node.get("provider", ""), f"{path}.provider")


@dataclass(frozen=True, slots=True)
class _Object:
    """A check for an object with these keys. `others` may know more of them, `advice` names misplaced ones."""

    keys: Mapping[str, Check]
    required: tuple[str, ...] = ()
    example: str = ""
    others: Callable[[str], Check | None] = lambda _: None
    advice: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            hint = f" such as {self.example}" if self.example else ""
            raise fault(path, f"must be an object{hint}, got {kind(value)}.")
        document: dict[str, Any] = {}
        for key, item in value.items():
            name = _snake(key, path)
            check = self._check_of(name, f"{path}.{key}")
            if name in document:
                raise fault(f"{path}.{name}", "is given twice, in two spellings.")
            if item is not None:
                document[name] = check(item, f"{path}.{name}")
        for name in self.required:
            if name not in document:
                raise fault(f"{path}.{name}", "is required.")
        return document

    def _check_of(self, name: str, path: str) -> Check:
        if check := self.keys.get(name) or self.others(name):
            return check
        if name in self.advice:
            raise fault(path, self.advice[name])
        near = nearest(name, self.keys)
        known = f"valid keys here: {', '.join(sorted(self.keys))}."
        raise fault(
            path, "is no key of Portkey's; " + (f"did you mean {near!r}?" if near else known)
        )


def _snake(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise fault(path, f"has a key that is not text but {kind(key)}.")
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()
    return _OTHER_SPELLINGS.get(name, name)


def is_cloud_key(name: str) -> bool:
    """Whether a key sets up a cloud provider, which only the gateway speaks to."""
    return _CLOUD_KEYS.fullmatch(name) is not None


def _cloud_key(name: str) -> Check | None:
    if not is_cloud_key(name):
        return None
    return lambda value, path: conceal({name: _json(value, path)})[name]


def _json(value: Any, path: str) -> Any:
    """Copy a value that belongs to the caller, if it can be sent as JSON."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [_json(item, f"{path}[{index}]") for index, item in enumerate(value)]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _json(item, f"{path}.{key}") for key, item in value.items()}
        case _:
            raise fault(path, f"cannot be sent as JSON: it is {kind(value)}.")


def _json_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise fault(path, f"must be an object, got {kind(value)}.")
    copied: dict[str, Any] = _json(value, path)
    return copied


def _override_params(value: Any, path: str) -> dict[str, Any]:
    params = _json_object(value, path)
    for key in params:
        name = _snake(key, path)
        if name == "stream":
            raise fault(f"{path}.{key}", "cannot be overridden: the caller decides how to read.")
        if name in ("api_key", "apikey", "authorization"):
            raise fault(
                f"{path}.{key}", "does not belong into the body; write it beside override_params."
            )
    return params


def _guardrails(value: Any, path: str) -> Any:
    """Names of guardrails, or objects that describe checks and hooks."""
    if not isinstance(value, list | tuple):
        raise fault(path, f"must be a list, got {kind(value)}.")
    return conceal(_json(value, path))


def _fim(value: Any, path: str) -> str:
    # The gateway heeds the text "true" only, and ignores the boolean.
    if value is True or value == "true":
        return "true"
    if value is False or value == "false":
        return "false"
    raise fault(path, f'must be "true" or "false", got {kind(value)}.')


def _query(value: Any, path: str) -> dict[str, Any]:
    check_query(value, path)
    return _json_object(value, path)


_conditions = items(
    _Object({"query": _query, "then": text}, required=("query", "then")), "conditions"
)

_breaker = _Object(
    {
        "failure_threshold": count,
        "failure_threshold_percentage": amount,
        "minimum_requests": count,
        "cooldown_interval": amount,
        "failure_status_codes": statuses,
    },
    example='{"failure_threshold": 5, "cooldown_interval": 60000}',
)

_strategy = _Object(
    {
        "mode": one_of("single", "fallback", "loadbalance", "conditional"),
        "on_status_codes": statuses,
        "conditions": _conditions,
        "default": text,
        "cb_config": _breaker,
        "failover": flag,
        "skip": items(one_of("capability", "context"), '"capability" and "context"'),
    },
    required=("mode",),
    example='{"mode": "fallback"}',
)

_NODE = _Object(
    {
        "strategy": _strategy,
        "targets": _targets,
        "name": text,
        "provider": text,
        "api_key": secret,
        "virtual_key": secret,
        "weight": amount,
        "override_params": _override_params,
        "custom_host": host,
        "forward_headers": header_names,
        "request_timeout": amount,
        "retry": _Object(
            {"attempts": count, "on_status_codes": statuses, "use_retry_after_header": flag},
            required=("attempts",),
            example='{"attempts": 3}',
        ),
        "cache": _Object(
            {"mode": one_of("simple", "semantic"), "max_age": amount},
            required=("mode",),
            example='{"mode": "simple"}',
        ),
        "cb_config": _breaker,
        "strict_open_ai_compliance": flag,
        "mistral_fim_completion": _fim,
        "input_guardrails": _guardrails,
        "output_guardrails": _guardrails,
        "default_input_guardrails": _guardrails,
        "default_output_guardrails": _guardrails,
        "before_request_hooks": _guardrails,
        "after_request_hooks": _guardrails,
        "input_mutators": _guardrails,
        "output_mutators": _guardrails,
        "metadata": _json_object,
        "prompt_id": text,
        "deployments": _guardrails,
        "id": text,
        "is_open": flag,
    },
    others=_cloud_key,
    advice=_ADVICE,
)
