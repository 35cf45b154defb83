"""Portkey's own errors, in every shape and with every code: which exception, and what to do."""

import pickle

import pytest

from portkey_mistral._wire.errors import status_error
from portkey_mistral._wire.portkey_errors import GatewayRequest
from portkey_mistral.exceptions import (
    APIStatusError,
    AuthenticationError,
    GatewayError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)

TARGET = {"x-portkey-last-used-option-index": "config.targets[0]"}


def account(text, code):
    """The key or the workspace is refused."""
    message = f"Portkey Error: {text}. Error Code: {code}"
    return {
        "status": "failure",
        "message": message,
        "error": {"message": message, "code": code},
    }


def mapping(message):
    """A name resolves to nothing."""
    return {"status": "failure", "message": message}


def policy(kind, text, code=None):
    """The policy of a target refuses."""
    return {"error": {"message": text, "type": kind, "param": None, "code": code}}


def control_plane(code, text="You may not do this"):
    return {"success": False, "data": {"message": text, "errorCode": code}}


def saved_only(code, field):
    error = {"code": code, "message": "Use what is saved", "field": field}
    return {"status": "failure", "error": error, "message": "Use what is saved"}


def raised(status, body, *, headers=None, gateway=None):
    return status_error(status, headers or {}, body, gateway=gateway or GatewayRequest())


ERRORS = [
    (401, account("Invalid API Key", "03"), AuthenticationError, "03", "the Portkey key, not Mistral's: check PORTKEY_API_KEY"),
    (401, account("Unable to validate key", "033"), AuthenticationError, "033", "no organisation"),
    (401, account("Portkey API Key Expired", "01"), AuthenticationError, "01", "Renew it in Portkey's app"),
    (401, account("Portkey Workspace Expired", "01"), AuthenticationError, "01", "Portkey Workspace Expired"),
    (403, account("Forbidden!", "033"), PermissionDeniedError, "033", "completions.write"),
    (412, account("Portkey API Key Usage Limit Exceeded", "04"), PermissionDeniedError, "04", "budget of the Portkey key or workspace is used up"),
    (412, account("Portkey Workspace Usage Limit Exceeded", "04"), PermissionDeniedError, "04", "does not help"),
    (429, account("apikey ab********xyz rate limit exceded", "05"), RateLimitError, "05", "not Mistral's"),
    (400, account("Something new", "99"), GatewayError, "99", "Something new"),
    (401, policy("virtual_key_expired_error", "Expired", "01"), AuthenticationError, "01", "kept by Portkey, not Mistral's key"),
    (401, policy("workspace_expired_error", "Expired", "01"), AuthenticationError, "01", "Portkey's app"),
    (412, policy("integration_exhaust_error", "Exhausted", "04"), PermissionDeniedError, "04", "budget that Portkey keeps for this provider"),
    (412, policy("virtual_key_exhaust_error", "Exhausted", "04"), PermissionDeniedError, "04", "budget that Portkey keeps for this provider"),
    (412, policy("workspace_exhaust_error", "Exhausted", "04"), PermissionDeniedError, "04", "fallback inside Portkey moves on"),
    (412, policy("usage_limits_policy_exhaust_error", "Exhausted", "06"), PermissionDeniedError, "06", "does not help"),
    (412, policy("model_not_allowed_error", "Model mistral-large-latest is not allowed for this integration"), PermissionDeniedError, None, "Allow the model for this provider"),
    (412, policy("of_next_year", "No."), PermissionDeniedError, None, "budget or policy at Portkey"),
    (429, policy("api_key_rate_limit_error", "Slow down"), RateLimitError, None, "limit that Portkey keeps"),
    (429, policy("workspace_rate_limit_error", "Slow down"), RateLimitError, None, "limit that Portkey keeps"),
    (429, policy("virtual_key_rate_limit_error", "Portkey Virtual Key mi********rod Rate Limit Exceeded"), RateLimitError, None, "limit that Portkey keeps"),
    (429, policy("integration_rate_limit_error", "Slow down"), RateLimitError, None, "no Retry-After"),
    (429, policy("rate_limits_policy_exhaust_error", "Slow down"), RateLimitError, None, "limit that Portkey keeps"),
    (400, control_plane("AB01"), GatewayError, "AB01", "You may not do this"),
    (404, control_plane("AB02"), NotFoundError, "AB02", "workspace of this Portkey key"),
    (403, control_plane("AB03"), PermissionDeniedError, "AB03", "completions.write"),
    (500, control_plane("AB04"), GatewayError, "AB04", "Portkey itself failed"),
    (401, control_plane("AB05"), AuthenticationError, "AB05", "the Portkey key, not Mistral's"),
    (429, control_plane("AB06"), RateLimitError, "AB06", "a limit of Portkey's"),
    (409, control_plane("AB07"), GatewayError, "AB07", "contradicts"),
    (404, control_plane("AB08"), NotFoundError, "AB08", "workspace of this Portkey key"),
    (402, control_plane("AB09"), PermissionDeniedError, "AB09", "subscription"),
    (403, control_plane("AB77"), PermissionDeniedError, "AB77", "You may not do this"),
    (400, saved_only("inline_config_blocked", "x-portkey-config"), GatewayError, "inline_config_blocked", "portkey_config='pc-...'"),
    (400, saved_only("inline_provider_blocked", "x-portkey-provider"), GatewayError, "inline_provider_blocked", "model='@slug/...', provider='@slug' or virtual_key="),
    (400, saved_only("inline_custom_host_blocked", "x-portkey-custom-host"), GatewayError, "inline_custom_host_blocked", "leave out base_url="),
    (400, saved_only("inline_provider_url_blocked", "x-portkey-azure-resource-name"), GatewayError, "inline_provider_url_blocked", "provider URL"),
    (400, saved_only("inline_forward_headers_blocked", "x-portkey-forward-headers"), GatewayError, "inline_forward_headers_blocked", "forward_headers="),
    (400, saved_only("inline_news_blocked", "x-portkey-news"), GatewayError, "inline_news_blocked", "only what is saved at Portkey"),
    (400, mapping("Following keys are not valid: mistral-prd, gone"), GatewayError, None, "not valid: mistral-prd, gone. No provider of the model catalog"),
    (400, mapping("Invalid config id passed"), GatewayError, None, "No saved config has this slug"),
    (400, mapping("Following guardrails are not valid: pg-x"), GatewayError, None, "No guardrail has this slug"),
    (400, mapping("Following default guardrails are not valid: pg-x"), GatewayError, None, "organisation or workspace"),
    (400, mapping("Following prompt_id are not valid: pp-x"), GatewayError, None, "prompt route"),
    (400, mapping("You cannot pass config with prompt id in /v1/prompts route"), GatewayError, None, "prompt route"),
    (400, mapping("Cannot override default config set for this API key."), GatewayError, None, "leave out portkey_config="),
    (400, mapping("Either x-portkey-config or x-portkey-provider header is required"), GatewayError, None, "name one: model='@slug/...'"),
    (400, mapping("Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid config with provider details in it."), GatewayError, None, "The config names no provider"),
    (400, mapping("Invalid config passed. You need to pass a valid json"), GatewayError, None, "knows no saved configs"),
    (400, mapping("Invalid provider passed"), GatewayError, None, "knows no slugs"),
    (400, mapping("Invalid custom host"), GatewayError, None, "TRUSTED_CUSTOM_HOSTS"),
    (404, mapping("Invalid prompt id"), NotFoundError, None, "Invalid prompt id"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "cls", "code", "advice"), ERRORS)
def test_every_error_of_portkeys(status, body, cls, code, advice):
    error = raised(status, body)
    assert type(error) is cls
    assert (error.status_code, error.code, error.body) == (status, code, body)
    assert advice in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("gateway", "names"),
    [
        (GatewayRequest(model="@mistral-prd/m"), "The request named model='@mistral-prd/m'."),
        (
            GatewayRequest(model="m", headers={"x-portkey-provider": "@mistral-prd"}),
            "provider='@mistral-prd'.",
        ),
        (GatewayRequest(headers={"x-portkey-virtual-key": "vk-secret"}), "virtual_key='...'."),
    ],
)
def test_a_gateway_that_prints_null_for_a_name_does_not_hide_it(gateway, names):
    error = raised(400, mapping("Following keys are not valid: null"), gateway=gateway)
    assert names in str(error)
    assert "vk-secret" not in str(error)


def test_an_unknown_saved_config_is_named():
    request = GatewayRequest(model="m", headers={"x-portkey-config": "pc-gone"})
    assert "config='pc-gone'" in str(
        raised(400, mapping("Invalid config id passed"), gateway=request)
    )


def test_an_inline_config_may_hold_keys_and_is_not_repeated():
    request = GatewayRequest(headers={"x-portkey-config": '{"api_key": "sk-secret"}'})
    error = raised(400, mapping("Following keys are not valid: a"), gateway=request)
    assert "sk-secret" not in str(error)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"error": {"message": "mistral-ai error: Unauthorized"}, "provider": "mistral-ai"}, {}),
        ({"message": "Unauthorized", "request_id": "r"}, TARGET),  # the proxy route
    ],
)
def test_a_rejected_provider_key_is_distinguished_from_portkeys(body, headers):
    error = raised(401, body, headers=headers)
    assert type(error) is AuthenticationError
    assert "The provider refused its own key, not the Portkey key" in str(error)
    assert "PORTKEY_API_KEY" not in str(error)


def test_a_refusal_of_no_known_shape_names_both_keys():
    assert "the Portkey key and the Mistral key" in str(raised(401, {"message": "Unauthorized"}))


def test_without_a_gateway_no_error_is_portkeys():
    error = status_error(412, {}, policy("model_not_allowed_error", "No."), gateway=None)
    assert type(error) is APIStatusError
    assert "Portkey" not in str(error)
