from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from portkey_mistral.config import (
    Breaker,
    Cache,
    Conditional,
    Config,
    Fallback,
    LoadBalance,
    Retry,
    Single,
    Target,
)
from portkey_mistral.exceptions import ConfigurationError

KEY = "sk-very-secret-0123456789"


def only(config: dict[str, Any]) -> Target:
    (target,) = Config.parse(config).targets()
    return target


def under(parent: dict[str, Any], child: dict[str, Any]) -> Target:
    return only({"strategy": {"mode": "single"}, "targets": [child], **parent})


# ---- the forms it comes in ------------------------------------------------------------------------

SMALL = {"provider": "openai", "api_key": KEY}


def test_every_form_is_read_alike(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(SMALL), encoding="utf-8-sig")
    parsed = Config.parse(SMALL)
    for form in (json.dumps(SMALL), f"\n {json.dumps(SMALL)} ", file, str(file), parsed):
        assert Config.parse(form) == parsed


def test_a_slug_is_kept_as_it_is() -> None:
    config = Config.parse(" pc-fallback-12_ab ")
    assert config.slug == "pc-fallback-12_ab"
    assert config.root is None
    assert config.targets() == ()
    with pytest.raises(ConfigurationError, match="kept by Portkey"):
        config.to_dict()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            None,
            "must be a mapping, JSON text, the path of a file, a Config or a slug .*got NoneType",
        ),
        (3, "got int"),
        ([SMALL], "got list"),
        (KEY, f"text of {len(KEY)} characters that is neither JSON"),
        ("", "text of 0 characters"),
        ("x" * 5000, "text of 5000 characters"),
        ("no\0path", "neither JSON"),
        ("[1]", "a config is a JSON object"),
        ('"pc-1"', "a config is a JSON object"),
        ('{"provider": ', "fault in the config's JSON text: EOF .* at line 1"),
        ('{"weight": NaN}', "fault in the config's JSON text"),
        (Path("/no/such/file.json"), "'/no/such/file.json' cannot be read: No such file"),
    ],
)
def test_what_is_no_config(value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Config.parse(value)
    assert KEY not in str(caught.value)


def test_a_file_with_a_fault_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"api_key": "' + KEY + '",,}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"broken\.json.* line 1 column 41") as caught:
        Config.parse(file)
    assert KEY not in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "picture.json"
    file.write_bytes(b"\x89\xff\x00")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        Config.parse(file)


def test_the_callers_objects_are_neither_changed_nor_shared() -> None:
    raw: dict[str, Any] = {"overrideParams": {"stop": ["a"]}, "retry": {"attempts": 1}}
    before = copy.deepcopy(raw)
    config = Config.parse(raw)
    raw["overrideParams"]["stop"].append("b")
    assert config.targets()[0].override_params == before["overrideParams"]
    config.to_dict()["override_params"]["stop"].append("c")
    assert config.to_dict() == Config.parse(before).to_dict()


# ---- values ---------------------------------------------------------------------------------------


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
    )


def test_an_empty_config_is_mistral() -> None:
    assert only({}) == Target(path="config", provider="mistral-ai")


def test_none_counts_as_not_given() -> None:
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


# ---- both spellings -------------------------------------------------------------------------------

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


def test_camel_case_means_the_same() -> None:
    assert camel(SNAKE)["targets"][0]["strictOpenAiCompliance"] is True
    assert Config.parse(camel(SNAKE)) == Config.parse(SNAKE)


def test_both_spellings_of_one_key() -> None:
    with pytest.raises(ConfigurationError, match=r"config\.api_key: is given twice"):
        Config.parse({"api_key": KEY, "apiKey": KEY})


def test_the_documented_plural() -> None:
    target = only({"retry": {"attempts": 1, "use_retry_after_headers": True}})
    assert target.retry == Retry(1, use_retry_after_header=True)


# ---- inheritance -----------------------------------------------------------------


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
def test_what_is_not_inherited_is_refused_above_targets(key: str) -> None:
    value = True if key.startswith("mistral") else KEY
    with pytest.raises(
        ConfigurationError, match=r"config\.\w+: is not inherited by targets"
    ) as caught:
        Config.parse({key: value, "strategy": {"mode": "single"}, "targets": [{}]})
    assert KEY not in str(caught.value)


def test_a_bare_target_gets_mistral_written_down_for_the_gateway() -> None:
    targets = [{}, {"virtual_key": "v"}, {"override_params": {"model": "@p/m"}}, {"prompt_id": "x"}]
    config = Config.parse({"strategy": {"mode": "fallback"}, "targets": targets})
    written = config.to_dict(secrets=True)["targets"]
    assert [target.get("provider") for target in written] == ["mistral-ai", None, None, None]
    assert "provider" not in Config.parse({"retry": {"attempts": 1}}).to_dict()


# ---- what is refused ------------------------------------------------------------------------------


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


REFUSED = [
    ({"retrry": {}}, "config.retrry: is no key of Portkey's; did you mean 'retry'?"),
    ({"apikey": KEY}, "config.apikey: is no key of Portkey's; did you mean 'api_key'?"),
    ({"zzzzzz": 1}, "config.zzzzzz: is no key of Portkey's; valid keys here: after_request_hooks,"),
    ({"strategy": {"mode": "single"}, "targets": [{}, {"retrys": 1}]}, "config.targets[1].retrys"),
    ({"retry": {"attempt": 1}}, "config.retry.attempt: is no key of Portkey's; did you mean 'attempts'?"),
    ({"retry": {}}, "config.retry.attempts: is required"),
    ({"retry": 3}, 'config.retry: must be an object such as {"attempts": 3}, got a number'),
    ({"retry": {"attempts": "3"}}, "config.retry.attempts: must be a number, got text"),
    ({"retry": {"attempts": True}}, "config.retry.attempts: must be a number, got true or false"),
    ({"retry": {"attempts": 1.5}}, "config.retry.attempts: must be a whole number, got 1.5"),
    ({"retry": {"attempts": -1}}, "config.retry.attempts: must be 0 or more, got -1"),
    (
        {"retry": {"attempts": 1, "on_status_codes": 500}},
        "config.retry.on_status_codes: must be a list of HTTP statuses, for example [429, 503], got a number",
    ),
    (
        {"retry": {"attempts": 1, "on_status_codes": [429, "500"]}},
        "config.retry.on_status_codes[1]: must be a number, got text",
    ),
    (
        {"retry": {"attempts": 1, "on_status_codes": [42]}},
        "config.retry.on_status_codes[0]: must be an HTTP status from 100 to 599, got 42",
    ),
    ({"cache": "simple"}, 'config.cache: must be an object such as {"mode": "simple"}, got text'),
    ({"cache": {"mode": "smple"}}, "config.cache.mode: must be one of 'simple', 'semantic'"),
    ({"cache": {"mode": "smple"}}, "Did you mean 'simple'?"),
    ({"options": []}, "config.options: is Portkey's legacy form. Move its entries into 'targets'"),
    ({"on_status_codes": [1]}, "config.on_status_codes: is read by nobody here. Write it into 'strategy'"),
    ({"timeout": 5}, "config.timeout: is called 'request_timeout' and is in milliseconds"),
    ({"model": "x"}, "config.model: belongs in 'override_params'"),
    ({"mode": "fallback"}, "config.mode: belongs in 'strategy'"),
    ({"provider": "mistral"}, "config.provider: is no provider of Portkey's; did you mean 'mistral-ai'?"),
    ({"provider": ""}, "config.provider: must be text that is not empty, got an empty text"),
    ({"provider": 5}, "config.provider: must be text that is not empty, got a number"),
    ({"api_key": 5}, "config.api_key: must be a key as text, got a number"),
    ({"api_key": ""}, "config.api_key: must be a key as text, got an empty text"),
    ({"api_key": KEY + "\n"}, "config.api_key: holds a character that cannot stand in a header"),
    ({"weight": "1"}, "config.weight: must be a number, got text"),
    ({"weight": -1}, "config.weight: must be 0 or more, got -1"),
    ({"weight": float("nan")}, "config.weight: must be 0 or more, got nan"),
    ({"request_timeout": -5}, "config.request_timeout: must be 0 or more"),
    ({"custom_host": "localhost:8000"}, "config.custom_host: must begin with http:// or https://"),
    ({"custom_host": "http://u:p@host"}, "config.custom_host: must not hold a user name or key"),
    ({"custom_host": f"http://host/v1?key={KEY}"}, "config.custom_host: must end where the endpoint begins"),
    ({"forward_headers": "x-a,x-b"}, "config.forward_headers: must be a list of header names"),
    ({"forward_headers": ["x a"]}, "config.forward_headers[0]: must be the name of a header"),
    ({"override_params": {"stream": True}}, "config.override_params.stream: cannot be overridden"),
    ({"override_params": {"api_key": KEY}}, "config.override_params.api_key: does not belong into the body"),
    ({"override_params": {"f": {"g": [object()]}}}, "config.override_params.f.g[0]: cannot be sent as JSON"),
    ({"override_params": {"t": float("inf")}}, "config.override_params.t: cannot be sent as JSON"),
    ({"override_params": [1]}, "config.override_params: must be an object, got a list"),
    ({"strategy": {"mode": "single"}}, "config.strategy: has no 'targets' beside it"),
    ({"targets": [{}]}, "config.targets: needs a 'strategy' beside it"),
    ({"strategy": {"mode": "single"}, "targets": []}, "config.targets: is empty"),
    ({"strategy": {"mode": "single"}, "targets": {}}, "config.targets: must be a list of targets, got an object"),
    ({"strategy": {"mode": "single"}, "targets": [3]}, "config.targets[0]: must be an object, got a number"),
    ({"strategy": {}, "targets": [{}]}, "config.strategy.mode: is required"),
    ({"strategy": "fallback", "targets": [{}]}, 'config.strategy: must be an object such as {"mode": "fallback"}'),
    ({"strategy": {"mode": "falback"}, "targets": [{}]}, "Did you mean 'fallback'?"),
    (balanced(0, 0), "config.targets: all have weight 0, so none could ever be chosen"),
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
        "config.strategy.conditions[0].query.metadata.a.$exists: is not an operator. Valid here: $eq",
    ),
    (query({"metadata.a": {"$ge": 1}}), "$ge: is not an operator. Did you mean '$gte'?"),
    (query({"$not": [{}]}), "query.$not: is not an operator. Valid here: $and, $or"),
    (query({"$or": {"a": 1}}), "query.$or: must be a list of queries, got an object"),
    (query({"$or": [{"metadata.a": {"$x": 1}}]}), "query.$or[0].metadata.a.$x: is not an operator"),
    (query({"metadata.a": {"$and": []}}), "metadata.a.$and: is not an operator"),
    (query({"metadata.a": ["x"]}), 'metadata.a: must be a value or operators; for one of several write {"$in"'),
    (query({"metadata.a": {"$in": "x"}}), "metadata.a.$in: must be a list, got text"),
    (query({"metadata.a": {"$regex": 1}}), "metadata.a.$regex: must be a pattern as text, got a number"),
    (query({"metdata.a": 1}), "query.metdata.a: a condition looks at 'metadata.<name>'"),
    (query({"metdata.a": 1}), "Did you mean 'metadata'?"),
    (query({"params": 1}), "query.params: a condition looks at"),
    (query("x"), "conditions[0].query: must be an object such as"),
    ({3: 1}, "config: has a key that is not text but a number"),
    ({"mistral_fim_completion": 1}, 'config.mistral_fim_completion: must be "true" or "false", got a number'),
    ({"input_guardrails": "x"}, "config.input_guardrails: must be a list, got text"),
]  # fmt: skip


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


# ---- no key in any text ---------------------------------------------------------------------------

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
def test_keys_are_in_no_text_but_travel(config: dict[str, Any]) -> None:
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
def test_a_key_in_any_place_is_in_no_error(config: Any) -> None:
    told = ""
    try:
        Config.parse(config)
    except ConfigurationError as error:
        told = str(error)
    assert KEY not in told


# ---- Config as a value ----------------------------------------------------------------------------


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


def test_it_is_stable_from_process_to_process() -> None:
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
            "forward_headers": ["a"],
            "override_params": {"model": "m"},
            "targets": [{"provider": "openai", "weight": 3}, {}],
        },
    ],
)
def test_a_config_made_of_values_writes_itself(config: dict[str, Any]) -> None:
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
