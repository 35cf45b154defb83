"""Policies of a provider: expiry, budget, allow-list and rates, "answers of a target"."""

from __future__ import annotations

import pytest

from portkey_mistral.sandbox.portkey.definition import Key, Provider
from portkey_mistral.sandbox.portkey.limits import Meter

SMALL = "mistral-small-latest"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def meter(clock):
    return Meter(clock)


def provider(**policy):
    return Provider.model_validate({"provider": "mistral-ai", **policy})


def error(meter, policy, model=SMALL):
    refusal = meter.target_refusal("p", "mistral-prod", policy, model)
    return None if refusal is None else (refusal.status, refusal.body["error"])


def tokens(limit):
    return {"usage_limits": {"type": "tokens", "credit_limit": limit}}


def requests(value, unit="rpm"):
    return {"rate_limits": [{"type": "requests", "unit": unit, "value": value}]}


def test_without_a_policy_nothing_is_refused(meter):
    assert error(meter, provider()) is None


def test_a_model_outside_the_allow_list_is_no_budget_and_no_403(meter):
    text = "Model mistral-large-latest is not allowed for this integration"
    shape = {"message": text, "type": "model_not_allowed_error", "param": None, "code": None}
    assert error(meter, provider(models=[SMALL]), "mistral-large-latest") == (412, shape)
    assert error(meter, provider(models=[SMALL])) is None
    assert error(meter, provider(models=[]))[0] == 412


@pytest.mark.parametrize(
    ("policy", "status", "kind", "code"),
    [
        ({"expired": True}, 401, "virtual_key_expired_error", "01"),
        (tokens(0), 412, "virtual_key_exhaust_error", "04"),
        (requests(0), 429, "virtual_key_rate_limit_error", None),
    ],
)
def test_refusals_of_a_target(meter, policy, status, kind, code):
    came, shape = error(meter, provider(**policy))
    assert (came, shape["type"], shape["code"], shape["param"]) == (status, kind, code, None)
    assert "mi********rod" in shape["message"]


def test_budget_then_allow_list_then_rate(meter):
    policy = {**tokens(0), "models": [SMALL], **requests(0)}
    kinds = []
    for name in ("usage_limits", "models", "rate_limits"):
        kinds.append(error(meter, provider(**policy), "other")[1]["type"])
        del policy[name]
    assert kinds == [
        "virtual_key_exhaust_error",
        "model_not_allowed_error",
        "virtual_key_rate_limit_error",
    ]


def test_a_budget_is_spent_by_the_tokens_of_answers(meter):
    policy = provider(**tokens(10))
    meter.add_tokens(9, "p", "key:pk")
    assert error(meter, policy) is None
    meter.add_tokens(1, "p")
    assert error(meter, policy)[0] == 412
    assert meter.caller_refusal("key:pk", Key.model_validate(tokens(10)), "API Key") is None
    meter.reset()
    assert error(meter, policy) is None


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [("rps", 1), ("rpm", 60), ("rph", 3600), ("rpd", 86_400), ("rpw", 604_800)],
)
def test_windows_are_fixed(meter, clock, unit, seconds):
    policy = provider(**requests(2, unit))
    clock.now = seconds * 10.5
    for _ in range(2):
        assert error(meter, policy) is None
        meter.add_request("p", policy)
    assert error(meter, policy)[0] == 429
    clock.now = seconds * 10.99
    assert error(meter, policy)[0] == 429
    clock.now = seconds * 11
    assert error(meter, policy) is None


def test_one_providers_requests_are_not_anothers(meter):
    policy = provider(**requests(1))
    meter.add_request("other", policy)
    assert error(meter, policy) is None
