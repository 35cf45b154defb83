"""Authentication and authorisation: Portkey keys, budgets and rates, scopes, and saved-only mode."""

from __future__ import annotations

import json

import pytest

from hosted_portkey import chat, forwarded, refused, send, stand_in

SPENT = {"usage_limits": {"type": "tokens", "credit_limit": 0}}
NO_REQUESTS = {"rate_limits": [{"type": "requests", "unit": "rpm", "value": 0}]}
MODEL = chat("@mistral-prod/mistral-small-latest")


def gateway_error(text, code):
    message = f"Portkey Error: {text}. Error Code: {code}"
    return {"status": "failure", "message": message, "error": {"message": message, "code": code}}


# --- authentication: "x-portkey-api-key, else Authorization without Bearer" --------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"x_portkey_api_key": "pk"},
        {"x_portkey_api_key": "", "authorization": "Bearer pk"},
        {"x_portkey_api_key": "", "authorization": "pk"},
    ],
)
def test_a_key_in_its_header_or_in_authorization(headers):
    assert forwarded(send(stand_in(), MODEL, **headers)).caller.name == "pk"


@pytest.mark.parametrize(
    "headers",
    [
        {"x_portkey_api_key": "other"},
        {"x_portkey_api_key": ""},
        {"x_portkey_api_key": "", "authorization": "Bearer sk-mistral"},
        {"x_portkey_api_key": "", "x_api_key": "pk"},
    ],
    ids=["unknown", "none", "the provider's key", "x-api-key is never a Portkey key"],
)
def test_an_unknown_or_missing_key_is_refused(headers):
    status, body = refused(send(stand_in(), **headers))
    assert (status, body) == (401, gateway_error("Invalid API Key", "03"))


@pytest.mark.parametrize("headers", [{"authorization": "Bearer pk"}, {}])
def test_the_portkey_key_reaches_no_provider(headers):
    sent = {"x_portkey_provider": "mistral-ai", **headers}
    call = forwarded(send(stand_in(), **sent))
    assert not {"authorization", "x-portkey-api-key"} & set(call.headers)


def test_another_authorization_is_the_key_of_the_provider():
    call = forwarded(
        send(stand_in(), x_portkey_provider="mistral-ai", authorization="Bearer sk-mistral")
    )
    assert call.headers["authorization"] == "Bearer sk-mistral"
    assert call.headers["x-portkey-provider"] == "mistral-ai"


# --- budgets, expiry, rates of a key and of the workspace ---------------------------------------------


@pytest.mark.parametrize(
    ("sections", "owner"),
    [
        ({"keys": {"pk": SPENT}}, "API Key"),
        ({"workspace": SPENT}, "Workspace"),
    ],
    ids=["key", "workspace"],
)
def test_a_spent_budget(sections, owner):
    expected = gateway_error(f"Portkey {owner} Usage Limit Exceeded", "04")
    assert refused(send(stand_in(**sections), MODEL)) == (412, expected)


@pytest.mark.parametrize(
    "sections", [{"keys": {"pk": {"expired": True}}}, {"workspace": {"expired": True}}]
)
def test_an_expired_key_or_workspace(sections):
    status, body = refused(send(stand_in(**sections), MODEL))
    assert (status, body["error"]["code"]) == (401, "01")


@pytest.mark.parametrize("sections", [{"keys": {"pk": NO_REQUESTS}}, {"workspace": NO_REQUESTS}])
def test_a_rate_limit_has_no_retry_after(sections):
    answer = send(stand_in(**sections), MODEL)
    assert not {name for name in answer.headers if name.lower() == "retry-after"}
    status, body = refused(answer)
    assert (status, body["error"]["code"]) == (429, "05")


def test_the_budget_comes_before_the_expiry():
    status, _ = refused(send(stand_in(keys={"pk": {"expired": True, **SPENT}}), MODEL))
    assert status == 412


@pytest.mark.parametrize("path", ["/v1/batches/b1", "/v1/files", "/v1/fine_tuning/jobs"])
def test_a_spent_budget_still_reads_batches_and_files(path):
    sandbox = stand_in(keys={"pk": SPENT})
    call = send(sandbox, method="GET", path=path, x_portkey_provider="@mistral-prod")
    assert forwarded(call).path == path


# --- scopes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v1/chat/completions", "completions.write"),
        ("/v1/prompts/pp-plan-1a2b/completions", "completions.write"),
        ("/v1/prompts/pp-plan-1a2b/render", "prompts.render"),
        ("/v1/feedback", "logs.write"),
    ],
)
def test_a_missing_scope(path, scope):
    others = {"completions.write", "prompts.render", "logs.write", "models.list"} - {scope}
    status, body = refused(
        send(stand_in(keys={"pk": {"scopes": sorted(others)}}), MODEL, path=path)
    )
    assert (status, body["success"], body["data"]["errorCode"]) == (403, False, "AB03")


def test_a_missing_scope_as_the_source_of_the_gateway_answers_it():
    sandbox = stand_in(
        keys={"pk": {"scopes": ["models.list"]}}, organisation={"permission_error": "033"}
    )
    assert refused(send(sandbox, MODEL)) == (403, gateway_error("Forbidden!", "033"))


@pytest.mark.parametrize("scope", ["models.list", "completions.write"])
def test_models_are_listed_with_either_scope(scope):
    sandbox = stand_in(keys={"pk": {"scopes": [scope]}})
    assert refused(send(sandbox, method="GET", path="/v1/models"))[0] == 200


# --- saved-only mode ----------------------------------------------------------------------------------

SAVED_ONLY = {"organisation": {"block_inline_config": True}}
INLINE = json.dumps({"retry": {"attempts": 1}})


@pytest.mark.parametrize(
    ("code", "header", "value"),
    [
        ("inline_config_blocked", "x-portkey-config", INLINE),
        ("inline_provider_blocked", "x-portkey-provider", "mistral-ai"),
        ("inline_custom_host_blocked", "x-portkey-custom-host", "https://codestral.mistral.ai/v1"),
        ("inline_forward_headers_blocked", "x-portkey-forward-headers", "x-tenant"),
    ],
)
def test_saved_only_mode_refuses_what_is_sent_inline(code, header, value):
    status, body = refused(send(stand_in(**SAVED_ONLY), MODEL, **{header.replace("-", "_"): value}))
    assert status == 400
    assert (body["error"]["code"], body["error"]["field"]) == (code, header)
    assert body["message"] == body["error"]["message"]


def test_the_first_violation_wins():
    sent = {"x_portkey_config": INLINE, "x_portkey_provider": "mistral-ai"}
    _, body = refused(send(stand_in(**SAVED_ONLY), MODEL, **sent))
    assert body["error"]["code"] == "inline_config_blocked"


@pytest.mark.parametrize(
    "sent",
    [
        {"x_portkey_config": "pc-eu-1a"},
        {"x_portkey_provider": "@mistral-prod"},
        {"x_portkey_virtual_key": "mistral-prod"},
        {"body": MODEL},
        {"authorization": "Bearer sk-mistral", "body": MODEL},
    ],
    ids=["saved config", "slug", "virtual key", "slug in the model", "bare Authorization"],
)
def test_saved_only_mode_allows_what_is_saved(sent):
    forwarded(send(stand_in(**SAVED_ONLY), **sent))


def test_a_raw_provider_is_refused_even_beside_a_slug():
    _, body = refused(send(stand_in(**SAVED_ONLY), MODEL, x_portkey_provider="mistral-ai"))
    assert body["error"]["code"] == "inline_provider_blocked"
