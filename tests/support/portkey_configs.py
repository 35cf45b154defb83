"""Portkey configs for tests, and one with every kind of key in both of Portkey's spellings."""

from __future__ import annotations

from typing import Any

KEY = "sk-very-secret-0123456789"

SNAKE = {
    "strategy": {
        "mode": "fallback",
        "on_status_codes": [429],
        "cb_config": {"failure_threshold": 1},
    },
    "request_timeout": 100,
    "targets": [
        {
            "api_key": KEY,
            "custom_host": "http://localhost",
            "override_params": {"max_tokens": 1, "maxTokens": 2, "response_format": {"a_b": 1}},
            "forward_headers": ["x-a"],
            "retry": {"attempts": 1, "on_status_codes": [500], "use_retry_after_header": True},
            "cache": {"mode": "simple", "max_age": 5},
            "mistral_fim_completion": "true",
            "strict_open_ai_compliance": True,
            "input_guardrails": [{"default.regexMatch": {"someRule": 1, "snake_rule": 2}}],
            "before_request_hooks": [{"hookId": 1, "hook_type": 2}],
        },
        {"virtual_key": "vk-1", "metadata": {"userId": 1, "user_id": 2}},
    ],
}
OPAQUE = {"override_params", "metadata", "input_guardrails", "before_request_hooks"}


def camel(value: Any) -> Any:
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_camel(key): item if key in OPAQUE else camel(item) for key, item in value.items()}


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(word.capitalize() for word in rest)


def conditional(conditions: Any, **rest: Any) -> dict[str, Any]:
    return {
        "strategy": {"mode": "conditional", "conditions": conditions, **rest},
        "targets": [{"name": "small"}, {"name": "large"}],
    }


def query(query: Any) -> dict[str, Any]:
    return conditional([{"query": query, "then": "small"}])


def balanced(*weights: float) -> dict[str, Any]:
    return {
        "strategy": {"mode": "loadbalance"},
        "targets": [{"weight": weight} for weight in weights],
    }


def sticky(rules: dict[str, Any]) -> dict[str, Any]:
    return {"strategy": {"mode": "loadbalance", "sticky": rules}, "targets": [{}, {}]}
