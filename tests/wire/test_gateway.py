import json

import pytest

from portkey_mistral._wire.gateway import gateway_request, lost_at
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral.config import Config
from portkey_mistral.exceptions import ConfigurationError, ParameterLossError

URL = "http://localhost:8787/v1"
HI = [{"role": "user", "content": "hi"}]
CHAT = {"model": "mistral-small-latest", "messages": HI}
JSON_MODE = {"response_format": {"type": "json_object"}}
FIM = {"model": "codestral-latest", "prompt": "p"}

A = {"provider": "mistral-ai", "api_key": "key-a"}
B = {"provider": "mistral-ai", "api_key": "key-b", "custom_host": "http://localhost:9/v1"}
GPT = {"provider": "openai", "api_key": "key-o", "override_params": {"model": "gpt-4o-mini"}}


def fallback(*targets, **more):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets), **more}


def send(body=CHAT, operation="chat", *, stream=False, config=None, **options):
    parsed = None if config is None else Config.parse(config)
    request, lane = gateway_request(
        body, operation, stream=stream, options=GatewayOptions(url=URL, config=parsed, **options)
    )
    return request, lane


def body_of(request):
    return json.loads(request.body)


def header(request):
    return json.loads(request.headers["x-portkey-config"])


def test_a_plain_request():
    request, lane = send(api_key="sk", stream=True)
    assert (lane, request.method, request.url) == ("unified", "POST", f"{URL}/chat/completions")
    assert body_of(request) == CHAT
    assert request.headers == {
        "accept": "text/event-stream",
        "content-type": "application/json",
        "x-portkey-provider": "mistral-ai",
        "authorization": "Bearer sk",
        "x-portkey-strict-open-ai-compliance": "false",
    }


def test_all_headers():
    request, _ = send(
        portkey_api_key="pk",
        api_key="sk",
        custom_host="https://api.eu.mistral.ai/v1",
        trace_id="t",
        metadata={"_user": "Zoë"},
        cache_namespace="n",
        cache_force_refresh=True,
        forward_headers=("X-One", "X-Two"),
        request_timeout=2.5,
        headers={"X-One": "1"},
    )
    assert request.headers == {
        "accept": "application/json",
        "content-type": "application/json",
        "x-one": "1",
        "x-portkey-api-key": "pk",
        "x-portkey-provider": "mistral-ai",
        "authorization": "Bearer sk",
        "x-portkey-custom-host": "https://api.eu.mistral.ai/v1",
        "x-portkey-trace-id": "t",
        "x-portkey-metadata": '{"_user":"Zo\\u00eb"}',
        "x-portkey-cache-namespace": "n",
        "x-portkey-cache-force-refresh": "true",
        "x-portkey-forward-headers": "X-One,X-Two",
        "x-portkey-request-timeout": "2500",
        "x-portkey-strict-open-ai-compliance": "false",
    }


def test_no_refresh_sends_no_header():
    request, _ = send(api_key="sk", cache_force_refresh=False)
    assert "x-portkey-cache-force-refresh" not in request.headers


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"virtual_key": "vk"}, {"x-portkey-virtual-key": "vk"}),
        ({"provider": "@team-mistral"}, {"x-portkey-provider": "@team-mistral"}),
        ({"config": "pc-abc123"}, {"x-portkey-config": "pc-abc123"}),
    ],
)
def test_what_is_stored_at_portkey_is_named_and_stays_on_the_unified_lane(options, expected):
    request, lane = send(portkey_api_key="pk", **options)
    assert lane == "unified"
    assert expected.items() <= request.headers.items()
    assert "authorization" not in request.headers
    json_mode = {**CHAT, **JSON_MODE}
    for body, requested, expected_lane in (
        (json_mode, "auto", "unified"),
        ({**json_mode, "stop": "x"}, "proxy", "proxy"),
    ):
        request, lane = send(body, portkey_api_key="pk", lane=requested, **options)
        assert lane == expected_lane
        assert expected.items() <= request.headers.items()
        assert body_of(request) == body


STORED = [
    {"config": "pc-a"},
    {"virtual_key": "vk"},
    {"provider": "@team"},
    {"body": {**CHAT, "model": "@team/mistral-small-latest"}},
    {"config": {"provider": "@team"}},
    {"config": fallback(A, {"override_params": {"model": "@team/m"}})},
]


@pytest.mark.parametrize("options", [{"portkey_api_key": "pk"}, {"portkey_api_key": "pk", "api_key": "sk"}, *STORED])  # fmt: skip
def test_what_only_portkey_resolves_is_hosted_by_portkey(options):
    """A Portkey key, or a name that the open-source gateway does not know."""
    body = options.get("body", CHAT)
    options = {name: value for name, value in options.items() if name != "body"}
    with pytest.raises(ParameterLossError, match="does not document that its unified route carries stop"):  # fmt: skip
        send({**body, "stop": "x"}, **options)
    request, lane = send({**body, **JSON_MODE}, **options)
    assert (lane, body_of(request)) == ("unified", {**body, **JSON_MODE})
    assert send({**body, "stop": "x"}, lane="proxy", **options)[1] == "proxy"


def test_the_seed_travels_as_seed_on_the_unified_lane():
    assert body_of(send({**CHAT, "random_seed": 7}, api_key="sk")[0]) == {**CHAT, "seed": 7}


def test_a_required_tool_call_has_openais_name_on_the_unified_lane():
    body = {**CHAT, "tools": [{"type": "function"}], "tool_choice": "any"}
    assert body_of(send(body, api_key="sk")[0])["tool_choice"] == "required"
    assert body_of(send({**body, "stop": "x"}, api_key="sk")[0])["tool_choice"] == "any"


LOSSY = {**CHAT, **JSON_MODE, "random_seed": 7, "temperature": 1.3}


def test_proxy_lane_the_body_goes_as_it_is():
    request, lane = send(LOSSY, config=fallback(A, B))
    assert (lane, request.url) == ("proxy", f"{URL}/proxy/chat/completions")
    assert body_of(request) == LOSSY
    assert header(request) == fallback(A, B)


def test_proxy_lane_no_authorization_goes_along():
    # It would replace the key of every target.
    for options in ({"config": A}, {"config": fallback(A, B)}, {}):
        request, _ = send(LOSSY, api_key="sk", **options)
        assert "authorization" not in request.headers
    with pytest.raises(ConfigurationError, match="Authorization"):
        send(LOSSY, api_key="sk", headers={"Authorization": "Bearer x"})


def test_proxy_lane_without_a_config_the_key_travels_in_a_small_one():
    request, _ = send(LOSSY, api_key="sk", custom_host="http://localhost:9/v1")
    assert header(request) == {
        "provider": "mistral-ai",
        "api_key": "sk",
        "custom_host": "http://localhost:9/v1",
    }
    assert "x-portkey-provider" not in request.headers


def test_proxy_lane_embeddings():
    body = {"model": "codestral-embed", "input": ["a"], "output_dimension": 8}
    request, lane = send(body, "embed", config=A)
    assert (lane, request.url, body_of(request)) == ("proxy", f"{URL}/proxy/embeddings", body)


@pytest.mark.parametrize(
    ("operation", "body", "path"),
    [
        ("fim", FIM, "/fim/completions"),
        ("moderate", {"model": "m", "input": ["a"]}, "/moderations"),
        ("moderate", {"model": "m", "input": HI}, "/chat/moderations"),
        ("classify", {"model": "m", "input": ["a"]}, "/classifications"),
        ("classify", {"model": "m", "input": {"messages": HI}}, "/chat/classifications"),
        ("ocr", {"model": "m", "document": {"type": "file", "file_id": "f"}}, "/ocr"),
    ],
)
def test_proxy_lane_paths_of_their_own(operation, body, path):
    request, lane = send(body, operation, config=A)
    assert (lane, request.url, body_of(request)) == ("proxy", URL + path, body)


def test_proxy_lane_the_list_of_models():
    request, _ = send({}, "models", api_key="sk")
    assert (request.method, request.url, request.body) == ("GET", f"{URL}/models", None)


def test_targets_without_a_key_or_a_host_get_the_callers():
    config = fallback({"provider": "mistral-ai", "weight": 1}, B, GPT, {"provider": "ollama"})
    request, _ = send(config=config, api_key="sk", custom_host="https://api.eu.mistral.ai/v1")
    first, second, third, fourth = header(request)["targets"]
    assert (first["api_key"], first["custom_host"]) == ("sk", "https://api.eu.mistral.ai/v1")
    assert (second["api_key"], second["custom_host"]) == ("key-b", "http://localhost:9/v1")
    assert (third["api_key"], "custom_host" in third) == ("key-o", False)
    assert "api_key" not in fourth


def test_an_inherited_host_overrides_the_callers():
    config = fallback(A, custom_host="http://localhost:7/v1")
    request, _ = send(config=config, custom_host="http://localhost:8/v1")
    assert header(request) == config


@pytest.mark.parametrize("name", ["seed", "random_seed"])
def test_overrides_are_spelled_for_the_lane(name):
    target = {**A, "override_params": {name: 7}}
    assert header(send(config=target)[0])["override_params"] == {"seed": 7}
    request, _ = send({**CHAT, **JSON_MODE}, config=target)
    assert header(request)["override_params"] == {"random_seed": 7}


def test_overrides_that_the_unified_route_would_drop_take_the_proxy_lane():
    target = {**A, "override_params": JSON_MODE}
    request, lane = send(config=target)
    assert lane == "proxy"
    assert header(request)["override_params"] == JSON_MODE
    assert body_of(request) == CHAT


def test_overrides_that_need_no_translation_stay_where_they_are():
    own = {**B, "override_params": {"temperature": 0.1}}
    config = fallback(A, own, override_params={"temperature": 0.5, "seed": 1})
    assert header(send(config=config)[0]) == config


def test_overrides_of_a_parent_are_written_to_the_leaves_where_one_is_translated():
    own = {**B, "override_params": {"temperature": 0.1}}
    config = fallback(A, own, override_params={"temperature": 0.5, "random_seed": 1})
    tree = header(send(config=config)[0])
    assert "override_params" not in tree
    assert [target["override_params"] for target in tree["targets"]] == [
        {"temperature": 0.5, "seed": 1},
        {"temperature": 0.1, "seed": 1},
    ]


def test_overrides_conditions_see_the_callers_values_and_not_the_overrides():
    target = {**A, "override_params": {"model": "other"}}
    request, _ = send(config=target)
    assert body_of(request)["model"] == CHAT["model"]
    assert header(request)["override_params"] == {"model": "other"}


def test_overrides_that_take_a_field_away():
    target = {**A, "override_params": {"temperature": None, "stop": "x"}}
    request, _ = send({**CHAT, "temperature": 0.5}, config=target)
    # A null in override_params would reach the target as null.
    assert header(request)["override_params"] == {"stop": "x"}
    assert "temperature" not in body_of(request)


def test_overrides_that_take_a_field_away_from_one_target_only():
    target = {**A, "override_params": {"temperature": None}}
    request, _ = send({**CHAT, "temperature": 0.5}, config=fallback(target, A))
    first, second = header(request)["targets"]
    assert "temperature" not in body_of(request)
    assert "override_params" not in first
    assert second["override_params"] == {"temperature": 0.5}


def test_overrides_that_take_a_tested_field_away_leave_it_to_the_condition():
    config = conditional("params.temperature")
    config["targets"][0]["override_params"] = {"temperature": None}
    request, _ = send({**CHAT, "temperature": 0.5}, config=config)
    assert body_of(request)["temperature"] == 0.5
    assert header(request)["targets"][0]["override_params"] == {"temperature": None}


MIXED = {**CHAT, **JSON_MODE, "random_seed": 7, "safe_prompt": True, "stream": True}


def test_mixed_targets_each_gets_its_own_dialect():
    request, lane = send(MIXED, config=fallback(A, GPT), stream=True)
    assert lane == "proxy"
    assert body_of(request) == {**CHAT, **JSON_MODE, "stream": True}
    mistral, openai = header(request)["targets"]
    assert mistral["override_params"] == {"random_seed": 7, "safe_prompt": True}
    assert openai["override_params"] == {
        "model": "gpt-4o-mini",
        "seed": 7,
        "stream_options": {"include_usage": True},
    }


def test_mixed_targets_openai_gets_its_newer_names():
    body = {**CHAT, "max_tokens": 5, "metadata": {"a": "b"}, "stop": "x"}
    own_server = {**GPT, "custom_host": "http://localhost:8000/v1"}
    request, _ = send(body, config=fallback(A, GPT, own_server))
    assert body_of(request) == {**CHAT, "stop": "x"}
    mistral, openai, compatible = header(request)["targets"]
    assert mistral["override_params"] == {"max_tokens": 5, "metadata": {"a": "b"}}
    assert openai["override_params"] == {"model": "gpt-4o-mini", "max_completion_tokens": 5}
    assert compatible["override_params"] == {"model": "gpt-4o-mini", **mistral["override_params"]}


def test_mixed_targets_a_tested_name_is_sent_to_all():
    config = conditional("params.max_tokens")
    config["targets"][1] = {**GPT, "name": "b"}
    request, lane = send({**CHAT, "max_tokens": 5}, config=config)
    assert (lane, body_of(request)["max_tokens"]) == ("unified", 5)


def test_mixed_targets_the_users_own_override_wins():
    own = {**GPT, "override_params": {"model": "gpt-4o-mini", "seed": 1}}
    request, _ = send(MIXED, config=fallback(A, own))
    assert header(request)["targets"][1]["override_params"]["seed"] == 1


def test_mixed_targets_on_the_unified_lane_too():
    body = {**CHAT, "random_seed": 7, "safe_prompt": True}
    request, lane = send(body, config=fallback(A, GPT))
    assert lane == "unified"
    assert body_of(request) == {**CHAT, "seed": 7}
    mistral, openai = header(request)["targets"]
    assert mistral["override_params"] == {"safe_prompt": True}
    assert openai["override_params"] == {"model": "gpt-4o-mini"}


def test_mixed_targets_messages_that_openai_cannot_read_are_spelled_for_it():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    text = {"type": "text", "text": "a"}
    messages = [*HI, {"role": "assistant", "content": [thought, text]}, *HI]
    request, _ = send({**CHAT, "messages": messages}, config=fallback(A, GPT))
    assert body_of(request)["messages"] == messages
    assert header(request)["targets"][1]["override_params"]["messages"] == [
        *HI,
        {"role": "assistant", "content": [text]},
        *HI,
    ]


def test_mixed_targets_what_is_lost_depends_on_who_answered():
    config = Config.parse(fallback(A, GPT))
    options = GatewayOptions(url=URL, config=config)
    assert gateway_request(MIXED, "chat", stream=True, options=options)[0].lost == ()
    for path, lost in (("targets[0]", ()), ("targets[1]", ("safe_prompt",)), ("elsewhere", ())):
        headers = {"x-portkey-last-used-option-index": f"config.{path}"}
        assert lost_at(headers, MIXED, "chat", "proxy", options) == lost


@pytest.mark.parametrize(
    ("trace_id", "lost"), [("", ("response_format",)), ("t-1", ()), (None, ())]
)
def test_an_open_source_gateway_behind_a_portkey_key_is_recognised(trace_id, lost):
    headers = {"x-portkey-last-used-option-index": "config"}
    headers |= {} if trace_id is None else {"x-portkey-trace-id": trace_id}
    options = GatewayOptions(url=URL, portkey_api_key="pk", config=Config.parse(A))
    body = {**CHAT, **JSON_MODE}
    assert lost_at(headers, body, "chat", "unified", options) == lost
    assert lost_at(headers, body, "chat", "proxy", options) == ()


def test_mixed_targets_parameters_of_no_target_are_lost():
    assert send(MIXED, config=GPT)[0].lost == ("safe_prompt",)


@pytest.mark.parametrize(
    "guard",
    ["input_guardrails", "output_guardrails", "before_request_hooks", "after_request_hooks"],
)
def test_guardrails_are_never_skipped_without_being_asked(guard):
    checks = [{"default.contains": {"words": ["x"]}, "deny": True}]
    for config in ({**A, guard: checks}, fallback(A, {**B, guard: checks})):
        assert send(config=config)[1] == "unified"
        with pytest.raises(ParameterLossError, match="guardrails"):
            send({**CHAT, "stop": "x"}, config=config)
        assert send({**CHAT, "stop": "x"}, config=config, lane="proxy")[1] == "proxy"


def test_guardrails_travel_with_the_config():
    checks = [{"default.contains": {"words": ["x"]}, "deny": True}]
    request, _ = send(config={**A, "input_guardrails": checks})
    assert header(request)["input_guardrails"] == checks


def conditional(key):
    return {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {"$and": [{key: {"$gt": 1}}]}, "then": "a"}],
            "default": "b",
        },
        "targets": [{**A, "name": "a"}, {**B, "name": "b"}],
    }


@pytest.mark.parametrize(
    ("key", "lane"), [("params.seed", "unified"), ("params.random_seed", "proxy")]
)
def test_conditions_choose_the_lane_that_sends_their_key(key, lane):
    request, taken = send({**CHAT, "random_seed": 7}, config=conditional(key))
    assert taken == lane
    assert key.removeprefix("params.") in body_of(request)


def test_passthrough_hands_everything_on():
    request, lane = send(
        {**CHAT, **JSON_MODE}, portkey_api_key="pk", api_key="sk", lane="passthrough"
    )
    assert (lane, request.url) == ("passthrough", f"{URL}/chat/completions")
    assert body_of(request) == {**CHAT, **JSON_MODE}
    expected = {
        "x-portkey-provider": "passthrough",
        "x-portkey-custom-host": "https://api.mistral.ai/v1",
        "authorization": "Bearer sk",
    }
    assert expected.items() <= request.headers.items()


def test_passthrough_takes_no_config():
    with pytest.raises(ConfigurationError, match="takes no config"):
        send(config=A, lane="passthrough")


def test_the_config_is_ascii_json():
    request, _ = send(config={**A, "override_params": {"metadata": {"team": "Zürich"}}})
    assert request.headers["x-portkey-config"].isascii()
    assert header(request)["override_params"]["metadata"] == {"team": "Zürich"}


def test_a_config_that_is_too_large_says_how_large_it_is():
    config = fallback(*[{**A, "override_params": {"stop": ["x" * 500]}}] * 30)
    with pytest.raises(ConfigurationError, match=r"The config is 1\d{4} bytes"):
        send(config=config)


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "Zoë"])
def test_a_header_that_cannot_be_sent_is_refused(value):
    with pytest.raises(ConfigurationError, match="x-portkey-trace-id"):
        send(api_key="sk", trace_id=value)


def test_no_key_is_in_a_repr():
    options = GatewayOptions(url=URL, portkey_api_key="pk1", api_key="sk1", virtual_key="vk1")
    assert not any(key in repr(options) for key in ("pk1", "sk1", "vk1"))


@pytest.mark.parametrize("provider", ["@team", "@team/ignored"])
def test_one_slug_in_provider_and_model(provider):
    request, _ = send({**CHAT, "model": "@team/m"}, portkey_api_key="pk", provider=provider)
    assert request.headers["x-portkey-provider"] == provider
    assert body_of(request)["model"] == "@team/m"


@pytest.mark.parametrize(
    ("model", "options", "ignored"),
    [
        ("@other/m", {"provider": "@team"}, "model='@other/m'"),
        ("@other/m", {"virtual_key": "team"}, "model='@other/m'"),
        ("m", {"provider": "@team", "virtual_key": "other"}, "virtual_key="),
    ],
)
def test_two_providers_contradict_each_other(model, options, ignored):
    with pytest.raises(
        ConfigurationError, match=f"{ignored} name two providers.*PORTKEY_PROVIDER"
    ) as caught:
        send({**CHAT, "model": model}, portkey_api_key="pk", **options)
    assert options.get("virtual_key", "vk") not in str(caught.value).replace("virtual_key", "")


def targets_of(*targets):
    return Config.parse(
        {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@b"}, *targets]}
    )


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ({"provider": "@a"}, "provider"),
        ({"provider": "@a/ignored"}, "provider"),
        ({"virtual_key": "a"}, "virtual_key"),
        (
            {"strategy": {"mode": "single"}, "targets": [{"provider": "@a"}]},
            r"targets\[0\]\.provider",
        ),
    ],
)
def test_a_target_of_another_provider_than_the_model_names(target, key):
    """Portkey cuts the slug off, and sends the rest to the target: the provider that the caller named is ignored."""
    with pytest.raises(
        ConfigurationError, match=rf"'@b/m' .* config\.targets\[1\]\.{key} names another"
    ):
        send({**CHAT, "model": "@b/m"}, portkey_api_key="pk", config=targets_of(target))


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("@b/m", {"provider": "@b"}),
        ("@b/m", {"virtual_key": "b"}),
        ("m", {"provider": "@a"}),
        ("@b/m", {"provider": "@a", "override_params": {"model": "m"}}),
        ("@b/m", {"provider": "mistral-ai", "api_key": "k"}),
        ("@cf/m", {"provider": "@a"}),
    ],
)
def test_a_target_that_the_model_does_not_contradict(model, target):
    request, _ = send({**CHAT, "model": model}, portkey_api_key="pk", config=targets_of(target))
    assert body_of(request)["model"] == model


def test_an_override_for_all_targets_replaces_the_model_of_the_call():
    config = Config.parse(
        {
            "strategy": {"mode": "fallback"},
            "override_params": {"model": "m"},
            "targets": [{"provider": "@a"}, {"provider": "@b"}],
        }
    )
    request, _ = send({**CHAT, "model": "@c/m"}, portkey_api_key="pk", config=config)
    assert json.loads(request.headers["x-portkey-config"])["targets"][0]["provider"] == "@a"
