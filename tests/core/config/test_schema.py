"""Keys in both spellings, and errors with path and advice."""

from __future__ import annotations

from typing import Any

import pytest

from portkey_configs import KEY, SNAKE, balanced, camel, conditional, query, sticky
from portkey_mistral.config import (
    Config,
    Retry,
    Target,
    UnknownConfigKeyWarning,
    check_direct_config,
    check_gateway_config,
    unknown_keys,
)
from portkey_mistral.exceptions import ConfigurationError


def only(config: dict[str, Any]) -> Target:
    (target,) = Config.parse(config).targets()
    return target


# --- both spellings ----------------------------------------------------------------------------


def test_camel_case_means_the_same() -> None:
    assert camel(SNAKE)["targets"][0]["strictOpenAiCompliance"] is True
    assert Config.parse(camel(SNAKE)) == Config.parse(SNAKE)


def test_both_spellings_of_one_key() -> None:
    with pytest.raises(ConfigurationError, match=r"config\.api_key: is given twice"):
        Config.parse({"api_key": KEY, "apiKey": KEY})


def test_the_documented_plural() -> None:
    target = only({"retry": {"attempts": 1, "use_retry_after_headers": True}})
    assert target.retry == Retry(1, use_retry_after_header=True)


# --- what is refused ---------------------------------------------------------------------------


REFUSED = [
    ({"retry": {}}, "config.retry.attempts: is required"),
    ({"retry": 3}, 'config.retry: must be an object such as {"attempts": 3}, got a number'),
    ({"retry": {"attempts": "3"}}, "config.retry.attempts: must be a number, got a string"),
    ({"retry": {"attempts": True}}, "config.retry.attempts: must be a number, got a boolean"),
    ({"retry": {"attempts": 1.5}}, "config.retry.attempts: must be a whole number, got 1.5"),
    ({"retry": {"attempts": -1}}, "config.retry.attempts: must be 0 or more, got -1"),
    (
        {"retry": {"attempts": 1, "on_status_codes": 500}},
        "config.retry.on_status_codes: must be a list of HTTP statuses, for example [429, 503], got a number",
    ),
    (
        {"retry": {"attempts": 1, "on_status_codes": [429, "500"]}},
        "config.retry.on_status_codes[1]: must be a number, got a string",
    ),
    (
        {"retry": {"attempts": 1, "on_status_codes": [42]}},
        "config.retry.on_status_codes[0]: must be an HTTP status from 100 to 599, got 42",
    ),
    ({"cache": "simple"}, 'config.cache: must be an object such as {"mode": "simple"}, got a string'),
    ({"cache": {"mode": "smple"}}, "config.cache.mode: must be one of 'simple', 'semantic'"),
    ({"cache": {"mode": "smple"}}, "did you mean 'simple'?"),
    ({"options": []}, "config.options: is Portkey's legacy form. Move its entries into 'targets'"),
    ({"provider": "mistral"}, "config.provider: unknown provider; did you mean 'mistral-ai'?"),
    ({"provider": ""}, "config.provider: must be a non-empty string, got an empty string"),
    ({"provider": 5}, "config.provider: must be a non-empty string, got a number"),
    ({"api_key": 5}, "config.api_key: must be a key as a string, got a number"),
    ({"api_key": ""}, "config.api_key: must be a key as a string, got an empty string"),
    ({"api_key": KEY + "\n"}, "config.api_key: contains a character that is not allowed in a header"),
    ({"weight": "1"}, "config.weight: must be a number, got a string"),
    ({"weight": -1}, "config.weight: must be 0 or more, got -1"),
    ({"weight": float("nan")}, "config.weight: must be 0 or more, got nan"),
    ({"request_timeout": -5}, "config.request_timeout: must be 0 or more"),
    ({"custom_host": "localhost:8000"}, "config.custom_host: must begin with http:// or https://"),
    ({"custom_host": "http://u:p@host"}, "config.custom_host: must not contain a user name or key"),
    ({"custom_host": f"http://host/v1?key={KEY}"}, "config.custom_host: must not contain"),
    ({"forward_headers": "x-a,x-b"}, "config.forward_headers: must be a list of header names"),
    ({"forward_headers": ["x a"]}, "config.forward_headers[0]: must be the name of a header"),
    ({"override_params": {"stream": True}}, "config.override_params.stream: cannot be set here"),
    ({"override_params": {"api_key": KEY}}, "config.override_params.api_key: does not belong in the request body"),
    ({"override_params": {"f": {"g": [object()]}}}, "config.override_params.f.g[0]: cannot be sent as JSON"),
    ({"override_params": {"t": float("inf")}}, "config.override_params.t: cannot be sent as JSON"),
    ({"override_params": [1]}, "config.override_params: must be an object, got a list"),
    ({"default_params": {"stream": True}}, "config.default_params.stream: cannot be set here"),
    ({"default_params": {"apiKey": KEY}}, "does not belong in the request body; move it next to default_params"),
    ({"drop_params": "logprobs"}, "config.drop_params: must be a list of paths of parameters"),
    ({"drop_params": ["a..b"]}, "config.drop_params[0]: must be the path of a parameter, for example 'logprobs'"),
    ({"drop_params": ["[0]"]}, "config.drop_params[0]: must be the path of a parameter"),
    ({"drop_params": ["tools[-1]"]}, "config.drop_params[0]: must be the path of a parameter"),
    ({"drop_params": ["tools[x]"]}, "config.drop_params[0]: must be the path of a parameter"),
    ({"drop_params": [3]}, "config.drop_params[0]: must be the path of a parameter, for example 'logprobs'"),
    ({"drop_params": ["stream"]}, "config.drop_params[0]: 'stream' cannot be dropped"),
    ({"passthrough": "yes"}, "config.passthrough: must be true or false, got a string"),
    ({"passthrough": True, "strategy": {"mode": "single"}, "targets": [{}]}, "config.passthrough: is not inherited"),
    ({"forward_headers": [{"from": "x-a"}]}, "config.forward_headers[0].to: is required"),
    ({"forward_headers": [{"from": "x a", "to": "b"}]}, "config.forward_headers[0].from: must be the name of a header"),
    (sticky({"hash_fields": []}), "config.strategy.sticky.enabled: is required"),
    (sticky({"enabled": 1}), "config.strategy.sticky.enabled: must be true or false, got a number"),
    (sticky({"enabled": True, "ttl": -1}), "config.strategy.sticky.ttl: must be 0 or more"),
    (
        sticky({"enabled": True, "hash_fields": ["metdata.user"]}),
        "config.strategy.sticky.hash_fields[0]: must be 'metadata.<name>'",
    ),
    (sticky({"enabled": True, "hash_fields": ["metdata.user"]}), "did you mean 'metadata'?"),
    (sticky({"enabled": True, "hash_fields": ["params"]}), "config.strategy.sticky.hash_fields[0]: must be"),
    (
        {"strategy": {"mode": "fallback", "sticky": {"enabled": True}}, "targets": [{}]},
        "config.strategy.sticky: works with loadbalance, not with fallback",
    ),
    ({"strategy": {"mode": "single"}}, "config.strategy: requires 'targets' as well"),
    ({"targets": [{}]}, "config.targets: requires a 'strategy' as well"),
    ({"strategy": {"mode": "single"}, "targets": []}, "config.targets: is empty"),
    ({"strategy": {"mode": "single"}, "targets": {}}, "config.targets: must be a list of targets, got an object"),
    ({"strategy": {"mode": "single"}, "targets": [3]}, "config.targets[0]: must be an object, got a number"),
    ({"strategy": {}, "targets": [{}]}, "config.strategy.mode: is required"),
    ({"strategy": "fallback", "targets": [{}]}, 'config.strategy: must be an object such as {"mode": "fallback"}'),
    ({"strategy": {"mode": "falback"}, "targets": [{}]}, "did you mean 'fallback'?"),
    (balanced(0, 0), "config.targets: all have weight 0, so none can be chosen"),
    (
        {"strategy": {"mode": "fallback", "failover": True}, "targets": [{}]},
        "config.strategy.failover: works with loadbalance, not with fallback",
    ),
    (
        {"strategy": {"mode": "single", "skip": ["context"]}, "targets": [{}]},
        "config.strategy.skip: works with fallback and loadbalance, not with single",
    ),
    (
        {"strategy": {"mode": "fallback", "skip": ["price"]}, "targets": [{}]},
        "config.strategy.skip[0]: must be one of 'capability', 'context'",
    ),
    ({"cb_config": {}}, "config.cb_config: needs 'failure_threshold' or 'failure_threshold_percentage'"),
    (
        {"strategy": {"mode": "single", "cb_config": {"cooldown_interval": 1}}, "targets": [{}]},
        "config.strategy.cb_config: needs 'failure_threshold'",
    ),
    (conditional([]), "config.strategy.conditions: is required for conditional"),
    (conditional(None), "config.strategy.conditions: is required for conditional"),
    (conditional([{"query": {}}]), "config.strategy.conditions[0].then: is required"),
    (
        conditional([{"query": {}, "then": "smal"}]),
        "config.strategy.conditions[0].then: is not the name of a target; did you mean 'small'?",
    ),
    (
        conditional([{"query": {}, "then": "small"}], default="xyz"),
        "config.strategy.default: is not the name of a target; names here: 'small', 'large'",
    ),
    (
        {**query({}), "targets": [{"name": "small"}, {"name": "small"}]},
        "config.targets: 2 targets are named 'small'; names must differ",
    ),
    (
        query({"metadata.a": {"$exists": True}}),
        "config.strategy.conditions[0].query.metadata.a.$exists: unknown operator; valid operators here: $eq",
    ),
    (query({"metadata.a": {"$ge": 1}}), "$ge: unknown operator; did you mean '$gte'?"),
    (query({"$not": [{}]}), "query.$not: unknown operator; valid operators here: $and, $or"),
    (query({"$or": {"a": 1}}), "query.$or: must be a list of queries, got an object"),
    (query({"$or": [{"metadata.a": {"$x": 1}}]}), "query.$or[0].metadata.a.$x: unknown operator"),
    (query({"metadata.a": {"$and": []}}), "metadata.a.$and: unknown operator"),
    (query({"metadata.a": ["x"]}), 'metadata.a: must be a value or operators; for one of several write {"$in"'),
    (query({"metadata.a": {"$in": "x"}}), "metadata.a.$in: must be a list, got a string"),
    (query({"metadata.a": {"$regex": 1}}), "metadata.a.$regex: must be a pattern as a string, got a number"),
    (query({"metdata.a": 1}), "query.metdata.a: a condition tests 'metadata.<name>'"),
    (query({"metdata.a": 1}), "did you mean 'metadata'?"),
    (query({"params": 1}), "query.params: a condition tests"),
    (query("x"), "conditions[0].query: must be an object such as"),
    ({3: 1}, "config: keys must be strings, got a number"),
    ({"mistral_fim_completion": 1}, 'config.mistral_fim_completion: must be "true" or "false", got a number'),
    ({"input_guardrails": "x"}, "config.input_guardrails: must be a list, got a string"),
]  # fmt: skip


UNKNOWN = [
    ({"retrry": {}}, "config.retrry: unknown key; did you mean 'retry'?"),
    ({"apikey": KEY}, "config.apikey: unknown key; did you mean 'api_key'?"),
    ({"zzzzzz": 1}, "config.zzzzzz: unknown key; known keys here: after_request_hooks,"),
    ({"strategy": {"mode": "single"}, "targets": [{}, {"retrys": 1}]}, "config.targets[1].retrys"),
    ({"retry": {"attempts": 1, "attempt": 1}}, "config.retry.attempt: unknown key; did you mean 'attempts'?"),
    ({"on_status_codes": [1]}, "config.on_status_codes: has no effect here. Move it into 'strategy'"),
    ({"timeout": 5}, "config.timeout: is called 'request_timeout', in milliseconds"),
    ({"model": "x"}, "config.model: belongs in 'override_params'"),
    ({"mode": "fallback"}, "config.mode: belongs in 'strategy'"),
    (
        {"strategy": {"mode": "single", "stiky": {}}, "targets": [{}]},
        "config.strategy.stiky: unknown key; did you mean 'sticky'?",
    ),
    ({"sticky": {"enabled": True}}, "config.sticky: belongs in 'strategy'"),
    ({"driftParams": {}}, "config.driftParams: unknown key; did you mean 'drop_params'?"),
    (
        {**conditional([{"query": {}, "then": "small", "els": 1}])},
        "config.strategy.conditions[0].els: unknown key;",
    ),
    ({"forward_headers": [{"from": "a", "to": "b", "mode": 1}]}, "config.forward_headers[0].mode: unknown key"),
    ({"cb_config": {"failure_threshold": 1, "cooldown": 5}}, "config.cb_config.cooldown: unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "message"), UNKNOWN, ids=[text[:60] for _, text in UNKNOWN])
def test_an_unknown_key_is_kept_and_named_with_the_nearest_one(
    config: dict[Any, Any], message: str
) -> None:
    parsed = Config.parse(config)
    ((path, advice),) = unknown_keys(parsed)
    assert f"{path}: {advice}".startswith(message)
    assert KEY not in advice
    assert config == parsed.to_dict(secrets=True)
    with pytest.raises(ConfigurationError) as caught:
        check_direct_config(parsed)
    assert message in str(caught.value)
    with pytest.warns(UnknownConfigKeyWarning) as warned:
        check_gateway_config(parsed)
    (text,) = [str(each.message) for each in warned]
    assert message in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        (
            {"retry": {"attempt": 1}},
            ["config.retry.attempts: is required.", "config.retry.attempt: unknown key; did you mean 'attempts'?"],
        ),
        (
            {"stratgy": {"mode": "single"}, "targets": [{"api_kye": KEY}]},
            ["requires a 'strategy' as well", "did you mean 'strategy'?", "config.targets[0].api_kye: unknown key;"],
        ),
        ({"cb_config": {"failure_treshold": 1}}, ["needs 'failure_threshold'", "did you mean 'failure_threshold'?"]),
        ({"retry": {"attempts": "x"}, "wieght": 1}, ["must be a number, got a string", "did you mean 'weight'?"]),
    ],
)  # fmt: skip
def test_a_fault_also_names_the_unknown_keys(config: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Config.parse(config)
    assert [part for part in messages if part not in str(caught.value)] == []
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", ["apikey", "api_kye", "virtualKey2", "some_token", "x_secret"])
def test_an_unknown_key_that_may_hold_a_credential_is_kept_out_of_sight(name: str) -> None:
    parsed = Config.parse({name: KEY})
    assert KEY not in f"{parsed!r} {parsed.to_dict()} {parsed.document} {parsed.explain()}"
    assert parsed.to_dict(secrets=True)[name] == KEY


@pytest.mark.parametrize(("config", "message"), REFUSED, ids=[text[:60] for _, text in REFUSED])
def test_refused_with_path_and_advice(config: dict[Any, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Config.parse(config)
    assert message in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_too_deep() -> None:
    config: dict[str, Any] = {}
    for _ in range(70):
        config = {"strategy": {"mode": "single"}, "targets": [config]}
    with pytest.raises(ConfigurationError, match="nested more than 64 levels deep"):
        Config.parse(config)
