"""What goes to the open-source gateway: the worked example, hosts, headers, guardrails."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosted_portkey import (
    HELLO,
    account,
    body_of,
    chat,
    config_of,
    forwarded,
    refused,
    send,
    stand_in,
)
from portkey_mistral.sandbox.portkey.control_plane import GatewayCall

LENGTH = {
    "id": "pg-len-9c",
    "default.wordCount": {"minWords": 1, "maxWords": 50},
    "deny": True,
    "async": False,
}
SECRET = {
    "id": "pg-org-1",
    "default.contains": {"words": ["secret"], "operator": "none"},
    "deny": False,
    "async": False,
}
INPUT_DEFAULTS = "x-portkey-default-input-guardrails"
OUTPUT_DEFAULTS = "x-portkey-default-output-guardrails"


def test_the_worked_example():
    sandbox = stand_in(organisation={"input_guardrails": ["pg-org-1"]})
    metadata = '{"team": "a"}'
    call = forwarded(
        send(sandbox, {"model": "x", "messages": HELLO}, x_portkey_config="pc-eu-1a", x_portkey_metadata=metadata)
    )  # fmt: skip
    assert config_of(call) == {
        "strategy": {"mode": "fallback"},
        "input_guardrails": [LENGTH],
        "targets": [
            {
                "provider": "mistral-ai",
                "api_key": "sk-m",
                "override_params": {"max_tokens": 64, "model": "mistral-small-latest"},
            },
            {"provider": "openai", "api_key": "sk-o", "override_params": {"max_tokens": 64}},
        ],
    }
    assert body_of(call) == {"model": "x", "messages": HELLO}
    assert json.loads(call.headers[INPUT_DEFAULTS]) == [SECRET]
    assert json.loads(call.headers["x-portkey-metadata"]) == {"team": "a"}
    assert len(call.headers["x-portkey-trace-id"]) == 36
    assert not {"x-portkey-api-key", "x-portkey-virtual-key", OUTPUT_DEFAULTS} & set(call.headers)


def test_the_gateway_calls_every_target_at_an_address_of_its_own():
    call = forwarded(send(stand_in(), x_portkey_config="pc-eu-1a"))
    config = json.loads(call.headers["x-portkey-config"])
    hosts = [target["custom_host"] for target in config["targets"]]
    assert hosts == [f"http://targets/{call.id}/{number}" for number in range(2)]


@pytest.mark.parametrize("config", ["pc-eu-1a", '{"provider": "@mistral-prod"}', None])
def test_the_body_is_the_clients_own_where_it_is_no_json_object(config):
    sandbox = stand_in()
    headers = {"x-portkey-api-key": "pk", "x-portkey-provider": "@mistral-prod"}
    headers |= {"x-portkey-config": config} if config else {}
    for body in (b"", b"--boundary", b"[1]"):
        call = forwarded(sandbox.receive("POST", "/v1/files", headers, body)[1])
        assert call.content == body


def test_the_query_goes_along():
    path = "/v1/files?limit=3&after=%2Fa"
    call = send(stand_in(), method="GET", path=path, x_portkey_provider="@mistral-prod")
    assert forwarded(call).path == path
    assert not forwarded(call).unified


# --- hosts ------------------------------------------------------------------------------------------------

STORED = {"provider": "mistral-ai", "custom_host": "https://stored"}


def hosts(config=None, **headers):
    text = {} if config is None else {"x_portkey_config": json.dumps(config)}
    call = forwarded(send(stand_in(providers={"mistral-own": STORED}), **text, **headers))
    return [target.host for target in call.resolution.targets]


def test_the_host_of_a_header_overrides_the_configs_which_overrides_the_stored_one():
    targets = [
        {"provider": "@mistral-own"},
        {"provider": "@mistral-own", "custom_host": "https://leaf"},
        {"provider": "@mistral-prod"},
    ]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    assert hosts(config) == ["https://stored", "https://leaf", None]
    assert hosts({**config, "custom_host": "https://root"}) == [
        "https://root",
        "https://leaf",
        "https://root",
    ]
    assert hosts(config, x_portkey_custom_host="https://header") == ["https://header"] * 3
    assert hosts(x_portkey_provider="@mistral-own") == ["https://stored"]


@pytest.mark.parametrize(
    "sent", [{"x_portkey_config": "pc-eu-1a"}, {"x_portkey_provider": "@mistral-prod"}]
)
def test_a_host_that_is_no_url_is_left_to_the_gateways_validator(sent):
    call = forwarded(send(stand_in(), x_portkey_custom_host="not a host", **sent))
    assert call.headers["x-portkey-custom-host"] == "not a host"
    config = {"provider": "@mistral-prod", "custom_host": "not a host"}
    call = forwarded(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert json.loads(call.headers["x-portkey-config"])["custom_host"] == "not a host"


# --- headers ----------------------------------------------------------------------------------------------


def test_the_clients_own_headers_go_along():
    call = forwarded(
        send(
            stand_in(),
            x_portkey_config="pc-eu-1a",
            x_tenant="t",
            x_portkey_forward_headers="x-tenant",
            x_portkey_request_timeout="500",
        )
    )
    sent = {
        "x-tenant": "t",
        "x-portkey-forward-headers": "x-tenant",
        "x-portkey-request-timeout": "500",
    }
    assert call.headers.items() >= sent.items()


def test_default_guardrails_of_a_client_are_deleted():
    sent = {"x_portkey_default_input_guardrails": "[]", "x_portkey_default_output_guardrails": "[]"}
    call = forwarded(send(stand_in(), x_portkey_provider="@mistral-prod", **sent))
    assert not {INPUT_DEFAULTS, OUTPUT_DEFAULTS} & set(call.headers)


def test_the_header_for_fill_in_the_middle_is_not_read():
    call = forwarded(
        send(
            stand_in(), x_portkey_provider="@mistral-prod", x_portkey_mistral_fim_completion="true"
        )
    )
    assert "x-portkey-mistral-fim-completion" not in call.headers


# --- guardrails -------------------------------------------------------------------------------------------


def test_organisation_guardrails_come_before_the_workspaces_on_every_request():
    sandbox = stand_in(
        organisation={"output_guardrails": ["pg-org-1"]},
        workspace={"output_guardrails": ["pg-deny"]},
    )
    for sent in ({"x_portkey_provider": "@mistral-prod"}, {"x_portkey_config": "pc-eu-1a"}):
        hooks = json.loads(forwarded(send(sandbox, **sent)).headers[OUTPUT_DEFAULTS])
        assert [hook["id"] for hook in hooks] == ["pg-org-1", "pg-deny"]


def test_an_unknown_default_guardrail():
    sandbox = stand_in(organisation={"input_guardrails": ["pg-gone"]})
    text = "Following default guardrails are not valid: pg-gone"
    assert refused(send(sandbox)) == (400, {"status": "failure", "message": text})


def test_a_saved_guardrail_is_async_by_default():
    config = {"provider": "@mistral-prod", "input_guardrails": ["pg-logged"]}
    (hook,) = config_of(send(stand_in(), x_portkey_config=json.dumps(config)))["input_guardrails"]
    assert (hook["async"], hook["deny"]) == (True, False)


def test_an_object_beside_a_slug_overrides_its_actions():
    own = {"id": "pg-len-9c", "deny": False}
    config = {"provider": "@mistral-prod", "input_guardrails": [own]}
    (hook,) = config_of(send(stand_in(), x_portkey_config=json.dumps(config)))["input_guardrails"]
    assert hook == {**LENGTH, "deny": False}


def test_raw_checks_stay_as_they_are():
    raw = {"default.contains": {"words": ["a"], "operator": "none"}, "deny": True}
    config = {"provider": "@mistral-prod", "output_guardrails": [raw]}
    config = config_of(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert config["output_guardrails"] == [raw]


def test_an_unknown_guardrail_of_any_node():
    leaf = {"provider": "@mistral-prod", "output_guardrails": [{"id": "pg-b"}]}
    config = {
        "strategy": {"mode": "single"},
        "input_guardrails": ["pg-a", "pg-len-9c"],
        "targets": [leaf],
    }
    _, body = refused(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert body["message"] == "Following guardrails are not valid: pg-a, pg-b"


# --- a target that its policy refuses ---------------------------------------------------------------------


def test_a_refused_target_is_not_retried():
    config = {"provider": "@mistral-prod", "retry": {"attempts": 3}}
    call = send(stand_in(), chat("mistral-large-latest"), x_portkey_config=json.dumps(config))
    assert config_of(call)["retry"] == {"attempts": 0}
    (target,) = forwarded(call).resolution.targets
    assert target.refusal is not None
    assert target.refusal.status == 412


def test_the_allow_list_applies_to_the_model_after_overrides():
    leaf = {"provider": "@mistral-prod", "override_params": {"model": "mistral-small-latest"}}
    call = send(stand_in(), chat("mistral-large-latest"), x_portkey_config=json.dumps(leaf))
    assert forwarded(call).resolution.targets[0].refusal is None


def test_the_account_is_not_changed_by_requests():
    sandbox = stand_in()
    before = sandbox.account.model_dump_json()
    send(sandbox, x_portkey_config="pc-eu-1a")
    assert sandbox.account.model_dump_json() == before
    assert sandbox.account.configs["pc-eu-1a"].as_json() == account()["configs"]["pc-eu-1a"]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(["@mistral-prod", "pg-len-9c", "@a/b", "[", "http://["])
)
NODE_KEYS = st.sampled_from([
    "strategy", "targets", "provider", "virtual_key", "api_key", "prompt_id", "passthrough", "default_params",
    "override_params", "drop_params", "retry", "custom_host", "input_guardrails", "output_guardrails",
    "strict_open_ai_compliance", "model", "weight",
])  # fmt: skip
CONFIGS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NODE_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(CONFIGS, CONFIGS)
def test_any_config_is_forwarded_or_refused_in_a_shape_of_portkeys(config, model):
    answer = send(stand_in(), {"model": model}, x_portkey_config=json.dumps(config))
    if isinstance(answer, GatewayCall):
        assert answer.headers["x-portkey-config"]
    else:
        status, body = refused(answer)
        assert status in (400, 501)
        assert body["status"] == "failure"


@pytest.mark.parametrize(
    "config", [{"targets": "text"}, {"provider": 3}, {"weight": 1}, {"targets": ["text", None]}]
)
def test_what_is_wrong_in_a_config_is_left_to_the_gateways_validator(config):
    assert config_of(send(stand_in(), x_portkey_config=json.dumps(config))) == config
