"""The tree of values: strategies, targets, and what targets inherit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from portkey_configs import KEY, sticky
from portkey_mistral.config import (
    Breaker,
    Cache,
    Conditional,
    Config,
    Fallback,
    LoadBalance,
    RenamedHeader,
    Retry,
    Single,
    Sticky,
    Target,
)
from portkey_mistral.exceptions import ConfigurationError


def only(config: dict[str, Any]) -> Target:
    (target,) = Config.parse(config).targets()
    return target


def under(parent: dict[str, Any], child: dict[str, Any]) -> Target:
    return only({"strategy": {"mode": "single"}, "targets": [child], **parent})


# --- values ------------------------------------------------------------------------------------


def test_a_leaf_with_everything() -> None:
    target = only(
        {
            "name": "mine",
            "provider": "openai",
            "api_key": KEY,
            "custom_host": "http://localhost:8000/v1/",
            "weight": 0.5,
            "override_params": {"model": "gpt-4o", "maxTokens": 1, "x": None},
            "retry": {"attempts": 2, "on_status_codes": [418]},
            "cache": {"mode": "simple", "max_age": 60},
            "cb_config": {"failure_threshold": 3, "cooldown_interval": 60000},
            "request_timeout": 2500,
            "forward_headers": ["x-tenant"],
            "mistral_fim_completion": "true",
            "strict_open_ai_compliance": False,
        }
    )
    assert target == Target(
        path="config",
        name="mine",
        provider="openai",
        api_key=SecretStr(KEY),
        custom_host="http://localhost:8000/v1",
        weight=0.5,
        override_params={"model": "gpt-4o", "maxTokens": 1, "x": None},
        retry=Retry(2, (418,)),
        cache=Cache("simple", 60),
        breaker=Breaker(failure_threshold=3, cooldown_interval=60.0),
        request_timeout=2.5,
        forward_headers=("x-tenant",),
        mistral_fim_completion=True,
        gateway_keys={"strict_open_ai_compliance": False},
    )


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        ({"enabled": True}, Sticky((), 3600.0)),
        (
            {"enabled": True, "hash_fields": ["metadata.user_id", "headers.x-a"], "ttl": 900},
            Sticky(("metadata.user_id", "headers.x-a"), 900),
        ),
        ({"enabled": False, "hash_fields": ["metadata.user_id"]}, None),
    ],
)
def test_sticky(rules: dict[str, Any], value: Sticky | None) -> None:
    root = Config.parse(sticky(rules)).root
    assert isinstance(root, LoadBalance)
    assert root.sticky == value


@pytest.mark.parametrize(
    "leaf",
    [
        {"passthrough": True},
        {"virtual_key": "v"},
        {"prompt_id": "pp-1"},
        {"provider": "@team/mistral"},
        {"override_params": {"model": "@team/m"}},
    ],
)
def test_targets_that_only_portkey_resolves(leaf: dict[str, Any]) -> None:
    assert only(leaf).is_resolved_by_portkey
    assert not only(
        {"provider": "mistral-ai", "override_params": {"model": "m"}}
    ).is_resolved_by_portkey


def test_an_empty_config_is_mistral() -> None:
    assert only({}) == Target(path="config", provider="mistral-ai")


def test_none_counts_as_absent() -> None:
    assert only({"provider": None, "api_key": None, "retry": None}) == Target()


def test_strategies() -> None:
    config = Config.parse(
        {
            "strategy": {"mode": "fallback", "on_status_codes": [429]},
            "targets": [
                {"strategy": {"mode": "single"}, "targets": [{}]},
                {"strategy": {"mode": "loadbalance", "failover": True}, "targets": [{}, {}]},
                {
                    "strategy": {
                        "mode": "conditional",
                        "conditions": [{"query": {"metadata.a": 1}, "then": "x"}],
                        "default": "y",
                    },
                    "targets": [{"name": "x"}, {"name": "y"}],
                },
            ],
        }
    )
    root = config.root
    assert isinstance(root, Fallback)
    assert root.on_status_codes == (429,)
    assert [type(target) for target in root.targets] == [Single, LoadBalance, Conditional]
    assert [target.path for target in config.targets()] == [
        "config.targets[0].targets[0]",
        "config.targets[1].targets[0]",
        "config.targets[1].targets[1]",
        "config.targets[2].targets[0]",
        "config.targets[2].targets[1]",
    ]


@pytest.mark.parametrize(
    ("written", "flag"), [(True, True), ("true", True), (False, False), ("false", False)]
)
def test_the_flag_for_fim_in_both_forms(written: object, flag: bool) -> None:
    config = Config.parse({"mistral_fim_completion": written})
    assert config.targets()[0].mistral_fim_completion is flag
    # The gateway heeds the text only.
    assert config.to_dict()["mistral_fim_completion"] == str(flag).lower()


# --- inheritance -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "child", "field", "value"),
    [
        (
            {"override_params": {"a": 1, "b": {"x": 1}}},
            {"override_params": {"b": {"y": 2}, "c": 3}},
            "override_params",
            {"a": 1, "b": {"y": 2}, "c": 3},
        ),
        ({"retry": {"attempts": 3}}, {}, "retry", Retry(3)),
        (
            {"retry": {"attempts": 3, "on_status_codes": [1 + 417]}},
            {"retry": {"attempts": 0}},
            "retry",
            Retry(0),
        ),
        ({"cache": {"mode": "simple", "max_age": 9}}, {}, "cache", Cache("simple", 9)),
        (
            {"cache": {"mode": "simple", "max_age": 9}},
            {"cache": {"mode": "simple"}},
            "cache",
            Cache("simple"),
        ),
        ({"request_timeout": 3000}, {}, "request_timeout", 3.0),
        ({"request_timeout": 3000}, {"request_timeout": 0}, "request_timeout", 3.0),
        ({"request_timeout": 3000}, {"request_timeout": 100}, "request_timeout", 0.1),
        ({}, {"request_timeout": 0}, "request_timeout", None),
        ({"custom_host": "http://a"}, {}, "custom_host", "http://a"),
        ({"custom_host": "http://a"}, {"custom_host": ""}, "custom_host", "http://a"),
        ({"custom_host": "http://a"}, {"custom_host": "http://b"}, "custom_host", "http://b"),
        ({"forward_headers": ["x"]}, {}, "forward_headers", ("x",)),
        ({"forward_headers": ["x"]}, {"forward_headers": []}, "forward_headers", ()),
        (
            {"forward_headers": ["x", {"from": "a", "to": "b"}]},
            {},
            "forward_headers",
            ("x", RenamedHeader("a", "b")),
        ),
        (
            {"default_params": {"a": 1, "b": {"x": 1}}},
            {"default_params": {"b": {"y": 2}}},
            "default_params",
            {"a": 1, "b": {"y": 2}},
        ),
        ({"drop_params": ["a", "b"]}, {"drop_params": ["b", "c"]}, "drop_params", ("a", "b", "c")),
        ({"drop_params": ["a"]}, {}, "drop_params", ("a",)),
        ({"drop_params": ["a"]}, {"drop_params": []}, "drop_params", ("a",)),
        (
            {"input_guardrails": ["pg-a"], "metadata": {"a": 1}},
            {"output_guardrails": ["pg-b"]},
            "gateway_keys",
            {"input_guardrails": ["pg-a"], "output_guardrails": ["pg-b"]},
        ),
        (
            {"input_guardrails": ["pg-a"]},
            {"input_guardrails": []},
            "gateway_keys",
            {"input_guardrails": ["pg-a"]},
        ),
        ({"name": "p", "weight": 3}, {}, "name", None),
        ({"name": "p", "weight": 3}, {}, "weight", 1.0),
        ({"cb_config": {"failure_threshold": 1}}, {}, "breaker", Breaker(1)),
        (
            {"strategy": {"mode": "single", "cb_config": {"failure_threshold": 1}}},
            {},
            "breaker",
            Breaker(1),
        ),
        (
            {"cb_config": {"failure_threshold": 1, "minimum_requests": 7}},
            {"cb_config": {"failure_threshold_percentage": 5}},
            "breaker",
            Breaker(failure_threshold_percentage=5),
        ),
    ],
)
def test_inheritance(
    parent: dict[str, Any], child: dict[str, Any], field: str, value: object
) -> None:
    assert getattr(under(parent, child), field) == value


def test_inheritance_goes_down_every_level() -> None:
    config = {
        "override_params": {"a": 1, "b": 1, "c": 1},
        "strategy": {"mode": "single"},
        "targets": [
            {
                "override_params": {"b": 2, "c": 2},
                "strategy": {"mode": "single"},
                "targets": [{"override_params": {"c": 3}}],
            }
        ],
    }
    assert only(config).override_params == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    "key", ["provider", "api_key", "apiKey", "virtual_key", "mistral_fim_completion"]
)
def test_keys_that_are_not_inherited_are_rejected_above_targets(key: str) -> None:
    value = True if key.startswith("mistral") else KEY
    with pytest.raises(ConfigurationError, match=r"config\.\w+: is not inherited") as caught:
        Config.parse({key: value, "strategy": {"mode": "single"}, "targets": [{}]})
    assert KEY not in str(caught.value)


def test_a_target_that_names_no_provider_is_kept_as_written() -> None:
    targets = [
        {},
        {"virtual_key": "v"},
        {"override_params": {"model": "@p/m"}},
        {"prompt_id": "x"},
        {"passthrough": True},
    ]
    config = Config.parse({"strategy": {"mode": "fallback"}, "targets": targets})
    assert config.to_dict(secrets=True)["targets"] == targets


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ("pc-saved", True),
        ({"provider": "mistral-ai"}, True),
        ({"virtual_key": "v"}, True),
        ({"override_params": {"model": "@p/m"}}, True),
        ({"strategy": {"mode": "single"}, "targets": [{}]}, True),
        ({"override_params": {"model": "m"}, "retry": {"attempts": 1}}, False),
        ({"override_params": {"model": "@cf/meta/llama"}}, False),
    ],
)
def test_a_config_may_leave_the_provider_to_the_request(config: Any, names: bool) -> None:
    assert Config.parse(config).names_provider is names
