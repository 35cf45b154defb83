"""The provider, config or prompt that a request names: every form, precedence, and unknown names."""

from __future__ import annotations

import json

import pytest

from hosted_portkey import body_of, chat, config_of, forwarded, refused, send, stand_in


def slugs(answer):
    return [target.slug for target in forwarded(answer).resolution.targets]


def models(answer):
    return [target.body["model"] for target in forwarded(answer).resolution.targets]


def inline(**config):
    return json.dumps(config)


def failure(text):
    return {"status": "failure", "message": text}


# --- outside a config -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        {"body": chat("@mistral-eu/mistral-small-latest")},
        {"x_portkey_provider": "@mistral-eu"},
        {"x_portkey_provider": "@mistral-eu/cut-off"},
        {"x_portkey_virtual_key": "mistral-eu"},
    ],
    ids=["model", "header", "header with a slash", "virtual key"],
)
def test_a_slug_becomes_the_stored_provider_and_key(sent):
    call = forwarded(send(stand_in(), **sent))
    assert call.headers["x-portkey-provider"] == "mistral-ai"
    assert call.headers["authorization"] == "Bearer sk-eu"
    assert "x-portkey-virtual-key" not in call.headers
    assert body_of(call)["model"] == "mistral-small-latest"


def test_the_model_of_a_slug_may_hold_slashes():
    assert body_of(send(stand_in(), chat("@mistral-eu/team/model")))["model"] == "team/model"


@pytest.mark.parametrize("model", ["@cf/meta/llama", "@hf/thebloke/x"])
def test_cloudflares_model_names_are_no_slugs(model):
    call = forwarded(send(stand_in(), chat(model), x_portkey_provider="workers-ai"))
    assert body_of(call)["model"] == model
    assert call.headers["x-portkey-provider"] == "workers-ai"


@pytest.mark.parametrize(
    ("sent", "winner"),
    [
        ({"x_portkey_provider": "@mistral-prod", "x_portkey_virtual_key": "openai-prod"}, "mistral-prod"),
        ({"x_portkey_virtual_key": "openai-prod"}, "openai-prod"),
        ({"x_portkey_provider": "mistral-ai"}, "mistral-eu"),
    ],
    ids=["header before virtual key", "virtual key before model", "model beside a raw provider"],
)  # fmt: skip
def test_which_of_several_wins(sent, winner):
    call = send(stand_in(), chat("@mistral-eu/mistral-small-latest"), **sent)
    assert slugs(call) == [winner]
    assert body_of(call)["model"] == "mistral-small-latest"


@pytest.mark.parametrize(
    "sent",
    [
        {"body": chat("@absent/m")},
        {"x_portkey_provider": "@absent"},
        {"x_portkey_virtual_key": "absent"},
        {"x_portkey_config": "pc-eu-1a", "x_portkey_provider": "@absent"},
        {"x_portkey_config": "pc-eu-1a", "body": chat("@absent/m")},
    ],
)
def test_an_unknown_slug_is_refused_even_beside_a_config_that_names_its_own(sent):
    expected = (400, failure("Following keys are not valid: absent"))
    assert refused(send(stand_in(), **sent)) == expected


# --- which config ---------------------------------------------------------------------------------------

DEFAULT = {"keys": {"pk": {"defaults": {"config_id": "pc-eu-1a"}}}}
FIXED = {"keys": {"pk": {"defaults": {"config_id": "pc-eu-1a", "allow_config_override": False}}}}
OF_THE_WORKSPACE = {"workspace": {"defaults": {"config_id": "pc-eu-1a"}}}


@pytest.mark.parametrize("sections", [DEFAULT, FIXED, OF_THE_WORKSPACE])
def test_a_default_config_holds_where_none_is_sent(sections):
    assert slugs(send(stand_in(**sections), chat("x"))) == ["mistral-prod", "openai-prod"]


@pytest.mark.parametrize("config", ["pc-retry", inline(retry={"attempts": 2})])
@pytest.mark.parametrize("sections", [DEFAULT, OF_THE_WORKSPACE])
def test_a_config_of_the_request_replaces_the_default_one(sections, config):
    call = send(stand_in(**sections), x_portkey_config=config, x_portkey_provider="@mistral-prod")
    assert slugs(call) == ["mistral-prod"]
    assert config_of(call)["retry"] == {"attempts": 2}
    assert "input_guardrails" not in config_of(call)


def test_the_keys_default_comes_before_the_workspaces():
    both = {"keys": {"pk": {"defaults": {"config_id": "pc-retry"}}}, **OF_THE_WORKSPACE}
    call = send(stand_in(**both), x_portkey_provider="@mistral-prod")
    assert slugs(call) == ["mistral-prod"]


@pytest.mark.parametrize("config", ["pc-retry", inline(retry={"attempts": 2})])
def test_a_fixed_default_config_refuses_any_other(config):
    expected = failure("Cannot override default config set for this API key.")
    assert refused(send(stand_in(**FIXED), x_portkey_config=config)) == (400, expected)


def test_metadata_and_trace_id_leave_a_fixed_config_on():
    call = send(stand_in(**FIXED), x_portkey_metadata='{"a": "b"}', x_portkey_trace_id="t1")
    assert slugs(call) == ["mistral-prod", "openai-prod"]


def test_an_unknown_config():
    expected = (400, failure("Invalid config id passed"))
    assert refused(send(stand_in(), x_portkey_config="pc-absent")) == expected


@pytest.mark.parametrize("text", ["nonsense", "null", '"pc"', "[]"])
def test_text_that_is_no_config_is_left_to_the_gateways_validator(text):
    assert forwarded(send(stand_in(), x_portkey_config=text)).headers["x-portkey-config"] == text


# --- in a config ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "slug", "model"),
    [
        ({"provider": "@mistral-eu"}, "mistral-eu", "sent"),
        ({"virtual_key": "mistral-eu"}, "mistral-eu", "sent"),
        ({"override_params": {"model": "@mistral-eu/m"}}, "mistral-eu", "m"),
        ({"provider": "@mistral-eu", "virtual_key": "openai-prod"}, "mistral-eu", "sent"),
        ({"virtual_key": "mistral-eu", "override_params": {"model": "@openai-prod/m"}}, "mistral-eu", "@openai-prod/m"),
        ({"provider": "@mistral-eu", "override_params": {"model": "@openai-prod/m"}}, "mistral-eu", "@openai-prod/m"),
    ],
    ids=["provider", "virtual key", "model", "provider first", "virtual key first", "only a slug that is used is cut off"],
)  # fmt: skip
def test_what_a_leaf_names(leaf, slug, model):
    config = {"strategy": {"mode": "single"}, "targets": [leaf]}
    call = send(stand_in(), chat("sent"), x_portkey_config=json.dumps(config))
    assert slugs(call) == [slug]
    assert models(call) == [model]
    (node,) = config_of(call)["targets"]
    assert (node["provider"], node["api_key"]) == ("mistral-ai", "sk-eu")
    assert "virtual_key" not in node


def test_a_slug_overwrites_the_leafs_own_key():
    config = {"provider": "@mistral-eu", "api_key": "sk-other"}
    call = send(stand_in(), x_portkey_config=json.dumps(config))
    assert config_of(call)["api_key"] == "sk-eu"


def test_the_provider_of_a_leaf_is_looked_up_whole():
    config = {"provider": "@mistral-eu/cut-off"}
    _, body = refused(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert body == failure("Following keys are not valid: mistral-eu/cut-off")


def test_all_names_of_a_config_are_looked_up_before_anything_is_sent():
    targets = [{"provider": "@mistral-prod"}, {"virtual_key": "gone"}, {"provider": "@gone-too"}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    _, body = refused(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert body == failure("Following keys are not valid: gone, gone-too")


@pytest.mark.parametrize(
    "config",
    [
        {"provider": "@mistral-eu"},
        {"strategy": {"mode": "single"}, "targets": [{"provider": "@mistral-eu"}]},
        {"provider": "mistral-ai", "api_key": "sk-own"},
    ],
)
def test_a_config_with_a_provider_leaves_header_and_virtual_key_out(config):
    sent = {"x_portkey_virtual_key": "openai-prod", "authorization": "Bearer sk-unused"}
    call = forwarded(send(stand_in(), x_portkey_config=json.dumps(config), **sent))
    assert slugs(call) == ["mistral-eu" if "api_key" not in config else None]
    assert "authorization" not in call.headers


@pytest.mark.parametrize(
    "sent",
    [
        {"x_portkey_virtual_key": "mistral-eu"},
        {"x_portkey_provider": "@mistral-eu"},
        {"body": chat("@mistral-eu/mistral-small-latest")},
    ],
)
@pytest.mark.parametrize("config", ["pc-retry", inline(retry={"attempts": 2}), "{}"])
def test_a_config_of_settings_takes_the_provider_from_outside(config, sent):
    call = send(stand_in(), x_portkey_config=config, **sent)
    assert (config_of(call)["provider"], config_of(call)["api_key"]) == ("mistral-ai", "sk-eu")


def test_a_config_of_settings_takes_a_raw_provider_and_its_key():
    sent = {"x_portkey_provider": "mistral-ai", "authorization": "Bearer sk-own"}
    call = forwarded(send(stand_in(), x_portkey_config="pc-retry", **sent))
    assert "provider" not in config_of(call)
    assert call.headers["x-portkey-provider"] == "mistral-ai"
    assert call.headers["authorization"] == "Bearer sk-own"


# --- passthrough ----------------------------------------------------------------------------------------

PASSTHROUGH = json.dumps(
    {
        "strategy": {"mode": "fallback"},
        "targets": [{"passthrough": True}, {"provider": "@openai-prod"}],
    }
)


@pytest.mark.parametrize(
    "sent",
    [
        {"x_portkey_provider": "@mistral-eu"},
        {"body": chat("@mistral-eu/mistral-small-latest")},
    ],
)
def test_a_passthrough_target_takes_the_provider_of_the_request(sent):
    call = send(stand_in(), x_portkey_config=PASSTHROUGH, **sent)
    assert slugs(call) == ["mistral-eu", "openai-prod"]
    assert body_of(call)["model"] == "mistral-small-latest"


@pytest.mark.parametrize("sent", [{}, {"x_portkey_provider": "mistral-ai"}])
def test_a_passthrough_target_without_one_fails_by_itself(sent):
    call = forwarded(send(stand_in(), x_portkey_config=PASSTHROUGH, **sent))
    refusals = [target.refusal for target in call.resolution.targets]
    assert refusals[0] is not None
    assert refusals[1] is None


def test_a_passthrough_target_with_an_unknown_slug():
    sent = {"body": chat("@absent/m"), "x_portkey_virtual_key": "mistral-prod"}
    expected = failure("Following keys are not valid: absent")
    assert refused(send(stand_in(), x_portkey_config=PASSTHROUGH, **sent)) == (400, expected)


# --- prompts --------------------------------------------------------------------------------------------

WITH_PROMPT = json.dumps(
    {"strategy": {"mode": "single"}, "targets": [{"prompt_id": "pp-plan-1a2b"}]}
)
PROMPT_PATH = "/v1/prompts/pp-plan-1a2b/completions"


def test_a_prompt_in_a_config_belongs_to_the_prompt_route():
    expected = failure("You cannot pass config with prompt id in /v1/prompts route")
    assert refused(send(stand_in(), x_portkey_config=WITH_PROMPT)) == (400, expected)


def test_an_unknown_prompt_of_a_config():
    config = {"prompt_id": "pp-absent"}
    answer = send(stand_in(), {}, path=PROMPT_PATH, x_portkey_config=json.dumps(config))
    assert refused(answer) == (400, failure("Following prompt_id are not valid: pp-absent"))


def test_prompts_are_looked_up_before_keys_and_keys_before_guardrails():
    config = {"prompt_id": "pp-absent", "virtual_key": "gone", "input_guardrails": ["pg-gone"]}
    text = json.dumps(config)
    _, first = refused(send(stand_in(), {}, path=PROMPT_PATH, x_portkey_config=text))
    assert "prompt_id" in first["message"]
    del config["prompt_id"]
    _, second = refused(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert "keys" in second["message"]
    del config["virtual_key"]
    _, third = refused(send(stand_in(), x_portkey_config=json.dumps(config)))
    assert third == failure("Following guardrails are not valid: pg-gone")


def test_the_prompt_of_the_url_is_rendered_into_a_chat():
    body = {"variables": {"what": 'a "trip"'}, "temperature": 0.9}
    call = forwarded(send(stand_in(), body, path=PROMPT_PATH))
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == "Bearer sk-m"
    assert body_of(call) == {
        "temperature": 0.9,
        "model": "mistral-small-latest",
        "messages": [{"role": "user", "content": 'Plan a "trip".'}],
    }


def test_a_leaf_with_a_prompt_takes_its_provider_and_parameters():
    leaf = {"prompt_id": "pp-plan-1a2b", "override_params": {"temperature": 0.5}}
    config = {"strategy": {"mode": "single"}, "targets": [leaf]}
    call = send(
        stand_in(),
        {"variables": {"what": "it"}},
        path=PROMPT_PATH,
        x_portkey_config=json.dumps(config),
    )
    assert slugs(call) == ["mistral-prod"]
    (target,) = forwarded(call).resolution.targets
    assert target.body["temperature"] == 0.5
    assert target.body["messages"][0]["content"] == "Plan it."


def test_a_leafs_virtual_key_comes_before_that_of_its_prompt():
    config = {"prompt_id": "pp-plan-1a2b", "virtual_key": "mistral-eu"}
    call = send(stand_in(), {}, path=PROMPT_PATH, x_portkey_config=json.dumps(config))
    assert slugs(call) == ["mistral-eu"]


@pytest.mark.parametrize("route", ["completions", "render"])
def test_an_unknown_prompt_of_the_url(route):
    answer = send(stand_in(), {}, path=f"/v1/prompts/pp-absent/{route}")
    assert refused(answer) == (404, failure("Invalid prompt id"))
