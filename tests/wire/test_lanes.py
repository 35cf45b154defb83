import pytest

from portkey_mistral._wire.lanes import Leaf, Route, choose_lane, keys_of_query
from portkey_mistral.exceptions import ConfigurationError, ParameterLossError

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
MISTRAL = Leaf("config", "mistral-ai", {})
OPENAI = Leaf("config", "openai", {})


def chat(**fields):
    return {"model": "m", "messages": HI, **fields}


def lane(body, *leaves, operation="chat", asked="auto", **route):
    return choose_lane(body, operation, Route(leaves or (MISTRAL,), **route), asked)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"temperature": 1},
        {"temperature": 0.0, "top_p": 0.9, "max_tokens": 1},
        {"random_seed": 0, "safe_prompt": True},
        {"tools": [TOOL], "tool_choice": "any", "parallel_tool_calls": False},
        {"stream": True},
        # Dropped on the way, and without effect if they were not.
        {"n": 1, "presence_penalty": 0.0, "response_format": {"type": "text"}},
        {"service_tier": "standard_only", "logprobs": False, "guardrails": []},
    ],
)
def test_unified_where_nothing_is_lost(fields):
    assert lane(chat(**fields)) == "unified"
    assert lane(chat(**fields), hidden="it is hidden") == "unified"
    assert lane(chat(**fields), guarded=True) == "unified"


LOSSES = [
    {"temperature": 1.2},
    {"max_tokens": 0},
    {"stop": ["x"]},
    {"n": 2},
    {"presence_penalty": 0.5},
    {"frequency_penalty": 0.5},
    {"response_format": {"type": "json_object"}},
    {"reasoning_effort": "high"},
    {"prompt_mode": "reasoning"},
    {"prediction": {"type": "content", "content": "x"}},
    {"metadata": {"a": 1}},
    {"min_tokens": 3},
    {"service_tier": "auto"},
    {"logprobs": True},
    {"guardrails": [{}]},
    {"prompt_cache_key": "k"},
    {"something_new": 1},
]


@pytest.mark.parametrize("fields", LOSSES)
def test_proxy_where_something_would_be_lost(fields):
    assert lane(chat(**fields)) == "proxy"
    assert lane(chat(), Leaf("config", "mistral-ai", fields)) == "proxy"
    assert lane(chat(**fields), MISTRAL, OPENAI) == "proxy"
    # OpenAI's own mapping in the gateway is no allow-list of a few names.
    assert lane(chat(**fields), OPENAI) == "unified"


@pytest.mark.parametrize("fields", LOSSES)
@pytest.mark.parametrize(
    ("route", "asked", "told"),
    [
        ({"guarded": True}, "auto", "skip the guardrails"),
        ({"hidden": "the config 'pc-x' is kept by Portkey"}, "auto", "'pc-x'"),
        ({}, "unified", "gateway_lane='unified'"),
    ],
)
def test_an_error_where_the_proxy_lane_may_not_be_taken(fields, route, asked, told):
    (name,) = fields
    with pytest.raises(ParameterLossError, match=name) as raised:
        lane(chat(**fields), asked=asked, **route)
    assert raised.value.parameters == (name,)
    assert told in str(raised.value)
    assert "gateway_lane='proxy'" in str(raised.value)


def test_other_providers_cannot_be_told_on_the_proxy_lane():
    foreign = Leaf("config.targets[1]", "anthropic", {})
    assert lane(chat(), MISTRAL, foreign) == "unified"
    with pytest.raises(ParameterLossError, match="does not translate for anthropic"):
        lane(chat(stop="x"), MISTRAL, foreign)


@pytest.mark.parametrize("asked", ["proxy", "passthrough"])
def test_a_lossless_lane_that_was_asked_for_is_taken(asked):
    route = {"guarded": True, "hidden": "it is hidden"}
    assert lane(chat(stop="x"), asked=asked, **route) == asked


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "unified"),
        ({"encoding_format": "float", "output_dtype": "float"}, "unified"),
        ({"output_dimension": 8}, "proxy"),
        ({"output_dtype": "int8"}, "proxy"),
        ({"encoding_format": "base64"}, "proxy"),
        ({"metadata": {}}, "proxy"),
    ],
)
def test_embeddings(fields, expected):
    assert lane({"model": "m", "input": ["a"], **fields}, operation="embed") == expected


@pytest.mark.parametrize("operation", ["fim", "moderate", "models"])
def test_operations_with_a_single_lane(operation):
    assert lane({"model": "m"}, operation=operation, hidden="it is hidden") == "proxy"
    with pytest.raises(ConfigurationError, match="unified lane has no"):
        lane({"model": "m"}, operation=operation, asked="unified")


def test_guardrails_are_not_skipped_for_fim_without_a_word():
    with pytest.raises(ConfigurationError, match="guardrails do not run"):
        lane({"model": "m", "prompt": "p"}, operation="fim", guarded=True)
    assert lane({"model": "m"}, operation="fim", guarded=True, asked="proxy") == "proxy"
    assert lane({"model": "m"}, operation="moderate", guarded=True) == "proxy"


@pytest.mark.parametrize(
    ("tested", "fields", "expected"),
    [
        ("params.model", {}, "unified"),
        ("params.model", {"stop": "x"}, "proxy"),
        ("metadata.tier", {"stop": "x"}, "proxy"),
        ("params.seed", {"random_seed": 1}, "unified"),
        ("params.random_seed", {"random_seed": 1}, "proxy"),
        # A key that the request does not set is absent on every lane.
        ("params.seed", {"stop": "x"}, "proxy"),
        ("params.random_seed", {}, "unified"),
        ("url.pathname", {}, "unified"),
    ],
)
def test_conditions_go_to_a_lane_that_sends_the_key(tested, fields, expected):
    assert lane(chat(**fields), tested=frozenset({tested})) == expected


@pytest.mark.parametrize(
    ("tested", "fields"),
    [("params.seed", {"random_seed": 1, "stop": "x"}), ("url.pathname", {"stop": "x"})],
)
def test_conditions_that_no_lossless_lane_meets(tested, fields):
    with pytest.raises(ParameterLossError, match=f"tests {tested}"):
        lane(chat(**fields), tested=frozenset({tested}))


def test_conditions_that_no_lane_meets_at_all():
    with pytest.raises(ConfigurationError, match="guardrails"):
        lane(chat(random_seed=1), tested=frozenset({"params.random_seed"}), guarded=True)


def test_conditions_on_a_key_that_mixed_targets_spell_differently():
    with pytest.raises(ConfigurationError, match=r"params\.random_seed"):
        lane(chat(random_seed=1), MISTRAL, OPENAI, tested=frozenset({"params.random_seed"}))


def test_keys_of_a_query():
    query = {
        "$or": [{"params.seed": 1}, {"$and": [{"metadata.a": {"$gt": 1}}]}],
        "url.pathname": "/v1/x",
    }
    assert set(keys_of_query(query)) == {"params.seed", "metadata.a", "url.pathname"}
