import pytest

from portkey_mistral._wire.gateway_lane import choose_lane, keys_of_query
from portkey_mistral._wire.gateway_route import Leaf, Route
from portkey_mistral.exceptions import ConfigurationError, ParameterLossError

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
MISTRAL = Leaf("config", "mistral-ai", {})
OPENAI = Leaf("config", "openai", {})


def chat(**fields):
    return {"model": "m", "messages": HI, **fields}


def lane(body, *leaves, operation="chat", requested="auto", **route):
    return choose_lane(body, operation, Route(leaves or (MISTRAL,), **route), requested)


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
    assert lane(chat(**fields), hosted=True) == "unified"
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
    ("route", "requested", "message"),
    [
        ({"guarded": True}, "auto", "skip the guardrails of the config"),
        ({}, "unified", "gateway_lane='unified'"),
    ],
)
def test_an_error_where_the_proxy_lane_may_not_be_taken(fields, route, requested, message):
    (name,) = fields
    with pytest.raises(ParameterLossError, match=f"would drop {name}") as raised:
        lane(chat(**fields), requested=requested, **route)
    assert raised.value.parameters == (name,)
    assert message in str(raised.value)
    assert "gateway_lane='proxy'" in str(raised.value)


# --- hosted Portkey and enterprise gateways -------------------------------------------------------------

SCHEMA = {"type": "json_schema", "json_schema": {"name": "A", "schema": {}, "strict": True}}
CARRIED_BY_HOSTED = [
    {"response_format": {"type": "json_object"}},
    {"response_format": SCHEMA},
    {"response_format": SCHEMA, "temperature": 0.2, "tools": [TOOL], "random_seed": 1},
]
UNKNOWN_AT_HOSTED = [fields for fields in LOSSES if "response_format" not in fields]
SLUG = Leaf("config", "@mistral-prod", {})
ROUTES = {
    "mistral": ((MISTRAL,), {}),
    "slug": ((SLUG,), {}),
    "mixed": ((SLUG, MISTRAL, OPENAI), {}),
    "guarded": ((MISTRAL,), {"guarded": True}),
}


@pytest.mark.parametrize("requested", ["auto", "unified"])
@pytest.mark.parametrize("fields", CARRIED_BY_HOSTED)
@pytest.mark.parametrize(("leaves", "route"), ROUTES.values(), ids=ROUTES)
def test_hosted_carries_response_format(fields, leaves, route, requested):
    assert lane(chat(**fields), *leaves, requested=requested, hosted=True, **route) == "unified"
    (mistral,) = [Leaf("config", "mistral-ai", fields)]
    assert lane(chat(), mistral, requested=requested, hosted=True) == "unified"


@pytest.mark.parametrize("requested", ["auto", "unified"])
@pytest.mark.parametrize("fields", UNKNOWN_AT_HOSTED)
@pytest.mark.parametrize(("leaves", "route"), ROUTES.values(), ids=ROUTES)
def test_an_error_where_the_fate_at_hosted_is_unknown(fields, leaves, route, requested):
    (name,) = fields
    with pytest.raises(ParameterLossError, match=f"does not document .* carries {name}") as raised:
        lane(chat(**fields), *leaves, requested=requested, hosted=True, **route)
    assert raised.value.parameters == (name,)
    for way_out in (
        "gateway_lane='proxy' (which skips guardrails)",
        "directly",
        f"leave out {name}",
    ):
        assert way_out in str(raised.value)
    assert lane(chat(**fields), *leaves, requested="proxy", hosted=True, **route) == "proxy"


def test_an_openai_target_at_hosted_loses_nothing():
    assert lane(chat(stop="x", n=2), OPENAI, hosted=True) == "unified"


@pytest.mark.parametrize(
    "fields", [{"output_dimension": 8}, {"output_dtype": "int8"}, {"encoding_format": "base64"}]
)
def test_an_error_where_the_fate_of_an_embedding_parameter_is_unknown(fields):
    body = {"model": "m", "input": ["a"], **fields}
    with pytest.raises(ParameterLossError, match="does not document"):
        lane(body, operation="embed", hosted=True)
    assert lane({"model": "m", "input": ["a"]}, operation="embed", hosted=True) == "unified"


def test_hosted_gets_no_proxy_lane_for_a_condition_either():
    tested = frozenset({"params.random_seed"})
    with pytest.raises(
        ConfigurationError, match=r"tests params\.random_seed.*gateway_lane='proxy'"
    ):
        lane(chat(random_seed=1), condition_keys=tested, hosted=True)


def test_no_way_out_is_named_that_is_none():
    own = {"hosted": True, "unforwarded": ("x-tenant",)}
    with pytest.raises(ParameterLossError, match="forward_headers=") as raised:
        lane(chat(stop="x"), **own)
    assert "gateway_lane='proxy'" not in str(raised.value)
    with pytest.raises(ParameterLossError, match=r"tests params\.seed") as raised:
        lane(chat(stop="x", random_seed=1), condition_keys=frozenset({"params.seed"}))
    assert "gateway_lane='proxy'" not in str(raised.value)


# --- every gateway --------------------------------------------------------------------------------------


def test_the_proxy_lane_does_not_translate_for_other_providers():
    foreign = Leaf("config.targets[1]", "anthropic", {})
    assert lane(chat(), MISTRAL, foreign) == "unified"
    with pytest.raises(ParameterLossError, match="does not translate for anthropic"):
        lane(chat(stop="x"), MISTRAL, foreign)


@pytest.mark.parametrize("requested", ["proxy", "passthrough"])
def test_a_requested_lossless_lane_is_taken(requested):
    route = {"guarded": True, "hosted": True}
    assert lane(chat(stop="x"), requested=requested, **route) == requested


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


@pytest.mark.parametrize("operation", ["fim", "moderate", "classify", "ocr", "models"])
def test_operations_with_a_single_lane(operation):
    assert lane({"model": "m"}, operation=operation, hosted=True) == "proxy"
    with pytest.raises(ConfigurationError, match="unified lane has no"):
        lane({"model": "m"}, operation=operation, requested="unified")


def test_ocr_on_the_unified_lane_of_hosted_portkey():
    body = {"model": "m", "document": {}}
    assert lane(body, operation="ocr", hosted=True, requested="unified") == "unified"


def test_guardrails_are_not_skipped_silently_for_ocr():
    with pytest.raises(ConfigurationError, match="do not run for OCR"):
        lane({"model": "m"}, operation="ocr", guarded=True)
    assert lane({"model": "m"}, operation="ocr", guarded=True, requested="proxy") == "proxy"


def test_guardrails_are_not_skipped_silently_for_fim():
    with pytest.raises(ConfigurationError, match="guardrails do not run"):
        lane({"model": "m", "prompt": "p"}, operation="fim", guarded=True)
    assert lane({"model": "m"}, operation="fim", guarded=True, requested="proxy") == "proxy"
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
    assert lane(chat(**fields), condition_keys=frozenset({tested})) == expected


@pytest.mark.parametrize(
    ("tested", "fields"),
    [("params.seed", {"random_seed": 1, "stop": "x"}), ("url.pathname", {"stop": "x"})],
)
def test_conditions_that_no_lossless_lane_satisfies(tested, fields):
    with pytest.raises(ParameterLossError, match=f"tests {tested}"):
        lane(chat(**fields), condition_keys=frozenset({tested}))


def test_conditions_that_no_lane_satisfies():
    with pytest.raises(ConfigurationError, match="guardrails"):
        lane(chat(random_seed=1), condition_keys=frozenset({"params.random_seed"}), guarded=True)


def test_conditions_on_a_key_that_mixed_targets_spell_differently():
    with pytest.raises(ConfigurationError, match=r"params\.random_seed"):
        lane(chat(random_seed=1), MISTRAL, OPENAI, condition_keys=frozenset({"params.random_seed"}))


def test_keys_of_a_query():
    query = {
        "$or": [{"params.seed": 1}, {"$and": [{"metadata.a": {"$gt": 1}}]}],
        "url.pathname": "/v1/x",
    }
    assert set(keys_of_query(query)) == {"params.seed", "metadata.a", "url.pathname"}
