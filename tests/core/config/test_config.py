"""`Config` as a value: keys, dumps, fingerprints, reprs, pydantic fields."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from portkey_configs import KEY, SNAKE, camel, conditional, query
from portkey_mistral.config import (
    Config,
    Target,
)
from portkey_mistral.exceptions import ConfigurationError


def only(config: dict[str, Any]) -> Target:
    (target,) = Config.parse(config).targets()
    return target


# --- no key in any text ------------------------------------------------------------------------


HOLDERS: list[dict[str, Any]] = [
    {"api_key": KEY},
    {"virtual_key": KEY},
    {"input_guardrails": [{"acme.check": {"credentials": {"apiKey": KEY, "url": "http://x"}}}]},
    {"before_request_hooks": [{"headers": {"Authorization": KEY}}]},
    {"output_guardrails": [{"acme.check": {"credentials": {"user": KEY, "more": [KEY]}}}]},
    {"aws_secret_access_key": KEY},
    {"vertex_service_account_json": {"private_key": KEY, "type": "service"}},
]


@pytest.mark.parametrize("config", HOLDERS, ids=lambda config: next(iter(config)))
def test_keys_are_pickled_but_never_printed(config: dict[str, Any]) -> None:
    parsed = Config.parse({"strategy": {"mode": "single"}, "targets": [config]})
    shown = [repr(parsed), str(parsed.to_dict()), parsed.explain(), parsed.to_mermaid()]
    shown += [repr(parsed.root), repr(parsed.document), parsed.fingerprint, str(parsed.targets())]
    assert not any(KEY in text for text in shown)
    travelled = pickle.loads(pickle.dumps(copy.deepcopy(parsed)))
    assert KEY in str(travelled.to_dict(secrets=True))
    assert travelled == parsed


NAMES = [
    "strategy",
    "targets",
    "mode",
    "retry",
    "api_key",
    "apikey",
    "cache",
    "provider",
    "custom_host",
    "weight",
    "conditions",
    "query",
    "override_params",
    "name",
    "x",
]


@given(
    st.recursive(
        st.just(KEY),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_no_error_contains_a_misplaced_api_key(config: Any) -> None:
    message = ""
    try:
        Config.parse(config)
    except ConfigurationError as error:
        message = str(error)
    assert KEY not in message


# --- Config as a value -------------------------------------------------------------------------


def test_a_dump_without_keys_can_be_read_again() -> None:
    config = Config.parse(SNAKE)
    again = Config.parse(config.to_dict())
    assert [target.path for target in again.targets()] == [t.path for t in config.targets()]
    assert again.targets()[0].api_key is None
    assert Config.parse(config.to_dict(secrets=True)) == config


def test_fingerprints() -> None:
    config = Config.parse(SNAKE)
    assert config.fingerprint == Config.parse(camel(SNAKE)).fingerprint
    assert config.fingerprint == Config.parse(dict(reversed(SNAKE.items()))).fingerprint
    other_key = copy.deepcopy(SNAKE)
    other_key["targets"][0]["api_key"] = "another"  # type: ignore[index]
    assert config.fingerprint != Config.parse(other_key).fingerprint
    assert Config.parse("pc-a").fingerprint != Config.parse("pc-b").fingerprint
    assert {config: 1}[Config.parse(SNAKE)] == 1


def test_the_fingerprint_is_stable_across_processes() -> None:
    assert Config.parse({"provider": "openai"}).fingerprint == "4e5176da028c3ef8a9ae45847bc5fac7"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"virtual_key": "v"},
        {**query({"metadata.a": {"$in": [1]}}), "name": "n", "weight": 2},
        conditional([{"query": {"params.a": 1}, "then": "small"}], default="large"),
        {
            "strategy": {"mode": "single"},
            "targets": [{"weight": 0, "mistral_fim_completion": True}],
        },
        {
            "strategy": {"mode": "fallback", "on_status_codes": [], "skip": ["context"]},
            "retry": {"attempts": 0, "on_status_codes": []},
            "cb_config": {
                "failure_threshold": 2,
                "failure_status_codes": [],
                "minimum_requests": 3,
            },
            "targets": [{"api_key": KEY, "cache": {"mode": "simple", "max_age": 3}}, {}],
        },
        {
            "strategy": {"mode": "loadbalance", "failover": True, "on_status_codes": [429]},
            "custom_host": "http://h",
            "request_timeout": 250,
            "forward_headers": ["a", {"from": "b", "to": "c"}],
            "override_params": {"model": "m"},
            "default_params": {"max_tokens": 64},
            "drop_params": ["tools[*].function.strict"],
            "targets": [{"provider": "openai", "weight": 3}, {"passthrough": True}],
        },
        {
            "strategy": {
                "mode": "loadbalance",
                "sticky": {"enabled": True, "hash_fields": ["metadata.a"], "ttl": 9},
            },
            "input_guardrails": ["pg-a", {"default.contains": {"words": ["x"]}, "deny": True}],
            "targets": [
                {"prompt_id": "pp-1"},
                {"aws_region": "eu", "aws_secret_access_key": KEY, "is_open": True},
            ],
        },
    ],
)
def test_a_config_made_of_values_has_its_document(config: dict[str, Any]) -> None:
    root = Config.parse(config).root
    written = Config(root=root).to_dict(secrets=True)
    assert Config.parse(written).root == root


def test_a_config_is_a_root_or_a_slug() -> None:
    for fields in ({}, {"root": Target(), "slug": "pc-a"}):
        with pytest.raises(ConfigurationError, match="either a root or a slug"):
            Config(**fields)  # type: ignore[arg-type]


class Holder(BaseModel):
    config: Config | None = None


def test_as_a_field_of_a_pydantic_model() -> None:
    holder = Holder(config={"api_key": KEY, "retry": {"attempts": 1}})
    assert isinstance(holder.config, Config)
    assert KEY not in repr(holder)
    assert KEY not in holder.model_dump_json()
    assert Holder.model_validate_json(holder.model_dump_json()).config is not None
    assert Holder(config="pc-a").model_dump() == {"config": "pc-a"}
    assert Holder.model_json_schema()["properties"]["config"]
    assert Holder.model_json_schema(mode="serialization")["properties"]["config"]
    assert Holder(config=holder.config).config is holder.config


def test_repr_shows_the_shape() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"override_params": {"model": "mistral-large-latest"}}, {"provider": "openai"}],
    }
    assert repr(Config.parse(config)) == "Config(fallback(mistral-ai mistral-large-latest, openai))"
    assert repr(Config.parse("pc-a")) == "Config(pc-a)"


OVERRIDDEN = {"override_params": {"model": "m"}}


@pytest.mark.parametrize(
    ("config", "models"),
    [
        ({"provider": "mistral-ai"}, ("own",)),
        (OVERRIDDEN, ("m",)),
        ({"strategy": {"mode": "single"}, "targets": [{}, OVERRIDDEN]}, ("own",)),
        ({"strategy": {"mode": "fallback"}, "targets": [{}, OVERRIDDEN, {}]}, ("own", "m")),
        (
            {"strategy": {"mode": "fallback"}, "targets": [OVERRIDDEN], **OVERRIDDEN},
            ("m",),
        ),
        (
            {
                "strategy": {"mode": "loadbalance"},
                "targets": [{**OVERRIDDEN, "weight": 0}, {"weight": 1}],
            },
            ("own",),
        ),
        (
            {
                "strategy": {
                    "mode": "conditional",
                    "conditions": [{"query": {"metadata.a": 1}, "then": "a"}],
                    "default": "b",
                },
                "targets": [{"name": "a", **OVERRIDDEN}, {"name": "b"}],
            },
            ("m", "own"),
        ),
        (
            {
                "strategy": {"mode": "fallback"},
                "targets": [{}, {"mistral_fim_completion": "true", **OVERRIDDEN}],
            },
            ("own",),
        ),
        ("pc-somewhere", ("own",)),
    ],
)
def test_the_models_that_chats_reach(config: Any, models: tuple[str, ...]) -> None:
    assert Config.parse(config).chat_models("own") == models
