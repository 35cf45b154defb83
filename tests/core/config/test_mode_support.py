"""The parts of a valid config that each mode rejects."""

from __future__ import annotations

from typing import Any

import pytest

from portkey_mistral.config import (
    Config,
    check_direct_config,
    check_gateway_config,
    direct_problems,
    gateway_problems,
)
from portkey_mistral.exceptions import ConfigurationError


def nested(target: dict[str, Any], **strategy: Any) -> Config:
    rules = {"mode": "fallback", **strategy}
    return Config.parse({"strategy": rules, "targets": [{}, target]})


NEEDS_GATEWAY: list[tuple[dict[str, Any], str, str]] = [
    ({"virtual_key": "vk"}, "virtual_key", "stored at Portkey"),
    ({"provider": "@team/mistral"}, "provider", "slug '@...'"),
    ({"override_params": {"model": "@team/m"}}, "override_params.model", "slug '@...'"),
    ({"provider": "anthropic"}, "provider", "direct mode supports mistral-ai and openai"),
    ({"provider": "mistrl-ai"}, "provider", "did you mean 'mistral-ai'?"),
    ({"prompt_id": "pp-1"}, "prompt_id", "stored at Portkey"),
    ({"input_guardrails": ["g"]}, "input_guardrails", "run by the gateway"),
    ({"outputGuardrails": ["g"]}, "output_guardrails", "run by the gateway"),
    ({"before_request_hooks": [{"id": "h"}]}, "before_request_hooks", "run by the gateway"),
    ({"after_request_hooks": [{"id": "h"}]}, "after_request_hooks", "run by the gateway"),
    ({"input_mutators": [{}]}, "input_mutators", "run by the gateway"),
    ({"metadata": {"a": 1}}, "metadata", "portkey_metadata="),
    ({"aws_region": "eu-1"}, "aws_region", "cloud providers"),
    ({"is_open": True}, "is_open", "cb_config"),
    ({"passthrough": True}, "passthrough", "takes the provider from the request"),
    ({"fetch_integrated_models": True}, "fetch_integrated_models", "model catalog"),
    ({"deployments": [{"alias": "a"}]}, "deployments", "stored at Portkey"),
    ({"resource_name": "r"}, "resource_name", "cloud providers"),
    ({"databricks_workspace": "w"}, "databricks_workspace", "cloud providers"),
    ({"cache": {"mode": "semantic"}}, "cache.mode", "direct mode has 'simple'"),
]


@pytest.mark.parametrize(("target", "key", "reason"), NEEDS_GATEWAY)
def test_needs_a_gateway(target: dict[str, Any], key: str, reason: str) -> None:
    config = nested(target)
    ((path, problem),) = direct_problems(config)
    assert path == f"config.targets[1].{key}"
    assert reason in problem
    assert gateway_problems(config) == []
    check_gateway_config(config)
    with pytest.raises(
        ConfigurationError, match="needs a Portkey gateway: .*gateway_url="
    ) as caught:
        check_direct_config(config)
    assert path in str(caught.value)


BEYOND_GATEWAY: list[tuple[Config, str]] = [
    (nested({}, skip=["context"]), "config.strategy.skip"),
    (
        nested({"strategy": {"mode": "loadbalance", "failover": True}, "targets": [{}]}),
        "config.targets[1].strategy.failover",
    ),
    (
        nested({"cb_config": {"failure_threshold": 1, "cooldown_interval": 100}}),
        "config.targets[1].cb_config.cooldown_interval",
    ),
    (
        nested({}, cb_config={"failure_threshold": 1, "cooldown_interval": 100}),
        "config.strategy.cb_config.cooldown_interval",
    ),
    (nested({"custom_host": "sandbox:b"}), "config.targets[1].custom_host"),
]


@pytest.mark.parametrize(("config", "path"), BEYOND_GATEWAY, ids=lambda value: str(value)[-30:])
def test_unsupported_by_gateways(config: Config, path: str) -> None:
    assert [place for place, _ in gateway_problems(config)] == [path]
    assert direct_problems(config) == []
    check_direct_config(config)
    with pytest.raises(ConfigurationError, match="does not work through a gateway") as caught:
        check_gateway_config(config)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ({"provider": "@a", "override_params": {"model": "@b/m"}}, "override_params.model"),
        ({"virtual_key": "a", "override_params": {"model": "@b/m"}}, "override_params.model"),
        ({"provider": "@a", "virtual_key": "b"}, "virtual_key"),
    ],
)
def test_a_target_names_one_provider_to_portkey(target: dict[str, Any], key: str) -> None:
    ((path, reason),) = gateway_problems(nested(target))
    assert path == f"config.targets[1].{key}"
    assert "names another provider" in reason


@pytest.mark.parametrize(
    "target",
    [
        {"provider": "@a", "virtual_key": "a", "override_params": {"model": "@a/m"}},
        {"provider": "mistral-ai", "override_params": {"model": "@b/m"}},
        {"passthrough": True, "override_params": {"model": "@b/m"}},
    ],
)
def test_a_target_may_name_its_provider_twice(target: dict[str, Any]) -> None:
    assert gateway_problems(nested(target)) == []


@pytest.mark.parametrize(
    "target",
    [
        {},
        {"provider": "openai"},
        {"provider": "together-ai", "custom_host": "http://localhost:8000/v1"},
        {"cb_config": {"failure_threshold": 1}},
        {"cache": {"mode": "simple"}, "id": "x", "is_open": False, "input_guardrails": []},
        {"mistral_fim_completion": "true", "strict_open_ai_compliance": False},
        {"default_params": {"max_tokens": 1}, "drop_params": ["logprobs"]},
        {"forward_headers": ["x-a", {"from": "x-a", "to": "x-b"}]},
        {
            "strategy": {"mode": "loadbalance", "sticky": {"enabled": True}},
            "targets": [{}, {}],
        },
        {"passthrough": False, "fetch_integrated_models": False},
    ],
)
def test_supported_in_both_modes(target: dict[str, Any]) -> None:
    assert direct_problems(nested(target)) == []
    assert gateway_problems(nested(target)) == []


def test_a_host_that_is_inherited_counts() -> None:
    config = {
        "custom_host": "http://localhost/v1",
        "strategy": {"mode": "single"},
        "targets": [{"provider": "ollama"}],
    }
    assert direct_problems(Config.parse(config)) == []


def test_a_slug_is_for_the_gateway() -> None:
    assert direct_problems(Config.parse("pc-a")) == [
        ("config", "the config 'pc-a' is stored at Portkey")
    ]
    assert gateway_problems(Config.parse("pc-a")) == []


def test_a_pattern_that_only_javascript_reads() -> None:
    config = Config.parse(
        {
            "strategy": {
                "mode": "conditional",
                "conditions": [
                    {"query": {"metadata.a": {"$regex": "(?<year>\\d+)"}}, "then": "a"},
                    {"query": {"$or": [{"metadata.a": {"$regex": "(?<=a+)b"}}]}, "then": "a"},
                ],
            },
            "targets": [{"name": "a"}],
        }
    )
    ((path, reason),) = direct_problems(config)
    assert path == "config.strategy.conditions[1].query.$or[0].metadata.a.$regex"
    assert reason == (
        "direct mode matches patterns in linear time: lookbehind and flags of groups are not supported"
    )


def test_all_problems_are_in_one_message() -> None:
    config = nested({"virtual_key": "v", "input_guardrails": ["g"], "cache": {"mode": "semantic"}})
    with pytest.raises(ConfigurationError) as caught:
        check_direct_config(config)
    assert str(caught.value).count("config.targets[1].") == 3


ONLY_HOSTED: list[tuple[dict[str, Any], str, str]] = [
    ({"cb_config": {"failure_threshold": 1}}, "cb_config", "no circuit breaker"),
    ({"passthrough": True}, "passthrough", "needs a provider in each target"),
    ({"fetch_integrated_models": True}, "fetch_integrated_models", "no model catalog"),
    ({"forward_headers": ["x", {"from": "a", "to": "b"}]}, "forward_headers[1]", "rename a header"),
    ({"input_guardrails": ["pg-1"]}, "input_guardrails[0]", "let everything pass"),
    ({"output_guardrails": [{"id": "pg-1", "deny": True}]}, "output_guardrails[0]", "let everything"),
    (
        {
            "strategy": {"mode": "loadbalance", "sticky": {"enabled": True}},
            "targets": [{}, {}],
        },
        "strategy.sticky",
        "hosted Portkey and direct mode keep it",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "key", "reason"), ONLY_HOSTED, ids=lambda value: str(value)[:40]
)
def test_what_the_open_source_gateway_would_ignore_is_refused_by_name(
    target: dict[str, Any], key: str, reason: str
) -> None:
    config = nested(target)
    assert gateway_problems(config) == []
    ((path, problem),) = gateway_problems(config, hosted=False)
    assert path == f"config.targets[1].{key}"
    assert reason in problem
    with pytest.raises(ConfigurationError, match="does not work through a gateway") as caught:
        check_gateway_config(config, hosted=False)
    assert f"{path}: {problem}" in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        {"default_params": {"max_tokens": 1}, "drop_params": ["logprobs"]},
        {"forward_headers": ["x"]},
        {"input_guardrails": [{"default.contains": {"words": ["a"]}, "deny": True, "id": "mine"}]},
        {
            "strategy": {"mode": "loadbalance", "sticky": {"enabled": False}},
            "targets": [{}, {}],
        },
    ],
)
def test_what_the_open_source_gateway_supports(target: dict[str, Any]) -> None:
    assert gateway_problems(nested(target), hosted=False) == []
