"""The schema of a config: its keys, and their values. Validation returns the config with keys in snake_case.

Content defined by users is not changed: parameters, conditions, `metadata`, guardrails and hooks. The keys are those of
Portkey's documentation ("Config object", "Gateway configs") as of August 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portkey_mistral._redaction import wrap_secrets
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.config.gateway_keys import is_cloud_key
from portkey_mistral.config.objects import ObjectOf, json_object, json_value, snake_case
from portkey_mistral.config.parameter_rules import is_path
from portkey_mistral.config.queries import validate_query
from portkey_mistral.config.validators import (
    ListOf,
    Validator,
    boolean,
    error_at,
    header_name,
    host_url,
    integer,
    json_type,
    number,
    one_of,
    provider,
    secret,
    statuses,
    string,
    with_hint,
)

__all__ = ["normalise", "unknown_keys"]

# Every level takes a few stack frames, here and while a plan runs.
_MAX_DEPTH = 64

_NOT_INHERITED = ("provider", "api_key", "virtual_key", "passthrough", "mistral_fim_completion")
_HASHED = ("metadata", "params", "headers")

# Keys that are often misplaced.
_MISPLACED = {
    "on_status_codes": "has no effect here. Move it into 'strategy' (when to fall back) or into "
    "'retry' (when to send again).",
    "mode": "belongs in 'strategy' (or in 'cache').",
    "conditions": "belongs in 'strategy'.",
    "default": "belongs in 'strategy'.",
    "attempts": "belongs in 'retry'.",
    "max_retries": "is written as 'retry': {'attempts': 2}.",
    "max_age": "belongs in 'cache'.",
    "timeout": "is called 'request_timeout', in milliseconds.",
    "base_url": "is called 'custom_host'.",
    "model": "belongs in 'override_params'.",
    "temperature": "belongs in 'override_params'.",
    "max_tokens": "belongs in 'override_params'.",
    "failover": "belongs in 'strategy'.",
    "skip": "belongs in 'strategy'.",
    "sticky": "belongs in 'strategy'.",
}


def normalise(raw: Mapping[str, Any], path: str = "config") -> dict[str, Any]:
    """Validate a node and all below it, and copy it with keys in snake_case; secrets become `SecretStr`.

    Raises:
        ConfigurationError: the message has the path, and what is valid there.
    """
    node: dict[str, Any] = _NODE(raw, path)
    (_validate_inner if "targets" in node or "strategy" in node else _validate_leaf)(node, path)
    return node


def unknown_keys(node: object, path: str = "config") -> Iterator[tuple[str, str]]:
    """Yield (path, advice) for every unknown key of a config, which need not be valid."""
    yield from _NODE.unknown_keys(node, path)
    targets = node.get("targets") if isinstance(node, Mapping) else None
    for index, target in enumerate(targets if isinstance(targets, list | tuple) else ()):
        if path.count(".targets") <= _MAX_DEPTH:
            yield from unknown_keys(target, f"{path}.targets[{index}]")


def _targets(value: Any, path: str) -> list[dict[str, Any]]:
    if path.count(".targets") > _MAX_DEPTH:
        raise error_at(path, f"is nested more than {_MAX_DEPTH} levels deep.")
    targets: list[dict[str, Any]] = ListOf(normalise, "targets")(value, path)
    if not targets:
        raise error_at(path, "is empty; give at least one target.")
    return targets


def _validate_inner(node: Mapping[str, Any], path: str) -> None:
    if "targets" not in node:
        raise error_at(f"{path}.strategy", "requires 'targets' as well.")
    if "strategy" not in node:
        raise error_at(
            f"{path}.targets", "requires a 'strategy' as well, for example {'mode': 'fallback'}."
        )
    for key in _NOT_INHERITED:
        if key in node:
            raise error_at(f"{path}.{key}", "is not inherited; write it into each target.")


def _validate_leaf(node: Mapping[str, Any], path: str) -> None:
    provider(node.get("provider", ""), f"{path}.provider")


def _cloud_key(name: str) -> Validator | None:
    if not is_cloud_key(name):
        return None
    return lambda value, path: wrap_secrets({name: json_value(value, path)})[name]


def _params(value: Any, path: str) -> dict[str, Any]:
    params = json_object(value, path)
    for key in params:
        name = snake_case(key, path)
        if name == "stream":
            raise error_at(
                f"{path}.{key}", "cannot be set here: the method that is called decides."
            )
        if name in ("api_key", "apikey", "authorization"):
            raise error_at(
                f"{path}.{key}",
                f"does not belong in the request body; move it next to {path.rpartition('.')[2]}.",
            )
    return params


def _drop_path(value: Any, path: str) -> str:
    if not isinstance(value, str) or not is_path(value):
        raise error_at(
            path,
            "must be the path of a parameter, for example 'logprobs', 'tools[0].function.strict' or "
            f"'messages[*].content[*].cache_control', got {_kind(value)}.",
        )
    if value == "stream":
        raise error_at(path, "'stream' cannot be dropped: the method that is called decides.")
    return value


def _hash_field(value: Any, path: str) -> str:
    subject, dot, name = value.partition(".") if isinstance(value, str) else ("", "", "")
    if subject in _HASHED and dot and name:
        return str(value)
    hint = did_you_mean(subject, _HASHED) if subject and subject not in _HASHED else ""
    problem = "must be 'metadata.<name>', 'params.<field of the request>' or 'headers.<name>'"
    raise error_at(path, with_hint(problem, hint))


def _legacy_options(_: Any, path: str) -> Any:
    # The gateway answers 400 to it, even if it is empty.
    raise error_at(
        path, "is Portkey's legacy form. Move its entries into 'targets' and add a 'strategy'."
    )


def _kind(value: Any) -> str:
    return "another string" if isinstance(value, str) else json_type(value)


def _guardrails(value: Any, path: str) -> Any:
    """A list of guardrail names, or of objects that describe checks and hooks."""
    if not isinstance(value, list | tuple):
        raise error_at(path, f"must be a list, got {json_type(value)}.")
    return wrap_secrets(json_value(value, path))


def _fim(value: Any, path: str) -> str:
    # The gateway only accepts the string "true", and ignores the boolean.
    if value is True or value == "true":
        return "true"
    if value is False or value == "false":
        return "false"
    raise error_at(path, f'must be "true" or "false", got {json_type(value)}.')


def _query(value: Any, path: str) -> dict[str, Any]:
    validate_query(value, path)
    return json_object(value, path)


_conditions = ListOf(
    ObjectOf({"query": _query, "then": string}, required=("query", "then")), "conditions"
)

_breaker = ObjectOf(
    {
        "failure_threshold": integer,
        "failure_threshold_percentage": number,
        "minimum_requests": integer,
        "cooldown_interval": number,
        "failure_status_codes": statuses,
    },
    example='{"failure_threshold": 5, "cooldown_interval": 60000}',
)

_forwarded_header = ObjectOf(
    {"from": header_name, "to": header_name}, required=("from", "to"), otherwise=header_name
)

_sticky = ObjectOf(
    {
        "enabled": boolean,
        "hash_fields": ListOf(_hash_field, "fields, for example ['metadata.user_id']"),
        "ttl": number,
    },
    required=("enabled",),
    example='{"enabled": true, "hash_fields": ["metadata.user_id"], "ttl": 900}',
)

_strategy = ObjectOf(
    {
        "mode": one_of("single", "fallback", "loadbalance", "conditional"),
        "on_status_codes": statuses,
        "conditions": _conditions,
        "default": string,
        "cb_config": _breaker,
        "sticky": _sticky,
        "failover": boolean,
        "skip": ListOf(one_of("capability", "context"), '"capability" and "context"'),
    },
    required=("mode",),
    example='{"mode": "fallback"}',
)

_NODE = ObjectOf(
    {
        "strategy": _strategy,
        "targets": _targets,
        "name": string,
        "provider": string,
        "api_key": secret,
        "virtual_key": secret,
        "passthrough": boolean,
        "weight": number,
        "default_params": _params,
        "override_params": _params,
        "drop_params": ListOf(_drop_path, "paths of parameters, for example ['logprobs']"),
        "custom_host": host_url,
        "forward_headers": ListOf(_forwarded_header, "header names, for example ['x-tenant']"),
        "request_timeout": number,
        "retry": ObjectOf(
            {"attempts": integer, "on_status_codes": statuses, "use_retry_after_header": boolean},
            required=("attempts",),
            example='{"attempts": 3}',
        ),
        "cache": ObjectOf(
            {"mode": one_of("simple", "semantic"), "max_age": number},
            required=("mode",),
            example='{"mode": "simple"}',
        ),
        "cb_config": _breaker,
        "strict_open_ai_compliance": boolean,
        "mistral_fim_completion": _fim,
        "input_guardrails": _guardrails,
        "output_guardrails": _guardrails,
        "default_input_guardrails": _guardrails,
        "default_output_guardrails": _guardrails,
        "before_request_hooks": _guardrails,
        "after_request_hooks": _guardrails,
        "input_mutators": _guardrails,
        "output_mutators": _guardrails,
        "metadata": json_object,
        "prompt_id": string,
        "deployments": _guardrails,
        "fetch_integrated_models": boolean,
        "allow_subdomain": json_value,
        "options": _legacy_options,
        "id": string,
        "is_open": boolean,
    },
    pattern_keys=_cloud_key,
    misplaced=_MISPLACED,
)
