"""What each way refuses of a config that is right in itself."""

from __future__ import annotations

from typing import Any

import pytest

from portkey_mistral.config import (
    Config,
    check_direct_config,
    check_gateway_config,
    direct_faults,
    gateway_faults,
)
from portkey_mistral.exceptions import ConfigurationError


def nested(target: dict[str, Any], **strategy: Any) -> Config:
    rules = {"mode": "fallback", **strategy}
    return Config.parse({"strategy": rules, "targets": [{}, target]})


NEEDS_GATEWAY: list[tuple[dict[str, Any], str, str]] = [
    ({"virtual_key": "vk"}, "virtual_key", "kept by Portkey"),
    ({"provider": "@team/mistral"}, "provider", "slug '@...'"),
    ({"override_params": {"model": "@team/m"}}, "override_params.model", "slug '@...'"),
    ({"provider": "anthropic"}, "provider", "only mistral-ai and openai are spoken to from here"),
    ({"provider": "mistrl-ai"}, "provider", "did you mean 'mistral-ai'?"),
    ({"prompt_id": "pp-1"}, "prompt_id", "kept by Portkey"),
    ({"input_guardrails": ["g"]}, "input_guardrails", "run by the gateway"),
    ({"outputGuardrails": ["g"]}, "output_guardrails", "run by the gateway"),
    ({"before_request_hooks": [{"id": "h"}]}, "before_request_hooks", "run by the gateway"),
    ({"after_request_hooks": [{"id": "h"}]}, "after_request_hooks", "run by the gateway"),
    ({"input_mutators": [{}]}, "input_mutators", "run by the gateway"),
    ({"metadata": {"a": 1}}, "metadata", "portkey_metadata="),
    ({"aws_region": "eu-1"}, "aws_region", "cloud providers"),
    ({"is_open": True}, "is_open", "cb_config"),
    ({"cache": {"mode": "semantic"}}, "cache.mode", "'simple' works here"),
]


@pytest.mark.parametrize(("target", "key", "reason"), NEEDS_GATEWAY)
def test_needs_a_gateway(target: dict[str, Any], key: str, reason: str) -> None:
    config = nested(target)
    ((path, told),) = direct_faults(config)
    assert path == f"config.targets[1].{key}"
    assert reason in told
    assert gateway_faults(config) == []
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
def test_beyond_a_gateway(config: Config, path: str) -> None:
    assert [place for place, _ in gateway_faults(config)] == [path]
    assert direct_faults(config) == []
    check_direct_config(config)
    with pytest.raises(ConfigurationError, match="does not work through a gateway") as caught:
        check_gateway_config(config)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        {},
        {"provider": "openai"},
        {"provider": "together-ai", "custom_host": "http://localhost:8000/v1"},
        {"cb_config": {"failure_threshold": 1}},
        {"cache": {"mode": "simple"}, "id": "x", "is_open": False, "input_guardrails": []},
        {"mistral_fim_completion": "true", "strict_open_ai_compliance": False},
    ],
)
def test_works_both_ways(target: dict[str, Any]) -> None:
    assert direct_faults(nested(target)) == []
    assert gateway_faults(nested(target)) == []


def test_a_host_that_is_inherited_counts() -> None:
    config = {
        "custom_host": "http://localhost/v1",
        "strategy": {"mode": "single"},
        "targets": [{"provider": "ollama"}],
    }
    assert direct_faults(Config.parse(config)) == []


def test_a_slug_is_for_the_gateway() -> None:
    assert direct_faults(Config.parse("pc-a")) == [
        ("config", "the config 'pc-a' is kept by Portkey")
    ]
    assert gateway_faults(Config.parse("pc-a")) == []


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
    ((path, reason),) = direct_faults(config)
    assert path == "config.strategy.conditions[1].query.$or[0].metadata.a.$regex"
    assert reason == "Python cannot read this pattern"


def test_all_faults_are_told_at_once() -> None:
    config = nested({"virtual_key": "v", "input_guardrails": ["g"], "cache": {"mode": "semantic"}})
    with pytest.raises(ConfigurationError) as caught:
        check_direct_config(config)
    assert str(caught.value).count("config.targets[1].") == 3


def test_a_breaker_is_refused_by_name_for_a_gateway_that_keeps_none() -> None:
    config = nested({"cb_config": {"failure_threshold": 1}})
    assert gateway_faults(config) == []
    with pytest.raises(
        ConfigurationError, match=r"targets\[1\]\.cb_config: the open-source gateway"
    ):
        check_gateway_config(config, hosted=False)
