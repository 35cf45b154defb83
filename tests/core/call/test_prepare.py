"""A prepared call holds values only: the route, the facts, the builder of requests and the limits."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from portkey_mistral import (
    CallOptions,
    ChatRequest,
    ConnectionSettings,
    EmbeddingRequest,
    Message,
    ModerationRequest,
    ResponseFormat,
)
from portkey_mistral._call.prepare import (
    deadline_of,
    lost_parameters,
    missing_keys,
    prepare_call,
)
from portkey_mistral._routing.outcomes import Attempt
from portkey_mistral._transport.call import Call
from portkey_mistral.config import Fallback, Target
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError, ResidencyError

GATEWAY = {"gateway_url": "http://gateway.test/v1"}
TWO_TARGETS = {
    "strategy": {"mode": "fallback"},
    "targets": [{"api_key": "t-1"}, {"provider": "openai", "api_key": "t-2"}],
}
CHAT = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])


def prepare(
    request: Any = CHAT,
    options: CallOptions | None = None,
    *,
    operation: Any = "chat",
    **fields: Any,
) -> Call[Any]:
    settings = ConnectionSettings(**{"api_key": "k", **fields})
    return prepare_call(settings, request, options, operation=operation, decode=lambda body: body)


def test_without_a_config_the_route_is_one_target_with_two_retries() -> None:
    call = prepare()
    assert (call.mode, call.root, call.max_retries) == ("direct", Target(), 2)


def test_a_config_is_the_route_and_decides_about_retries() -> None:
    call = prepare(portkey_config=TWO_TARGETS)
    assert isinstance(call.root, Fallback)
    assert call.max_retries == 0
    assert {"t-1", "t-2"} <= call.secrets


def test_only_failures_to_reach_the_gateway_are_retried() -> None:
    call = prepare(**GATEWAY, portkey_config=TWO_TARGETS)
    assert isinstance(call.root, Target)
    assert call.root.retry is not None
    assert (call.root.retry.attempts, call.root.retry.on_status_codes) == (2, ())
    assert call.breaker_keys == {}


def test_max_retries_overrides_both_defaults() -> None:
    assert prepare(max_retries=0).max_retries == 0
    assert prepare(max_retries=5, portkey_config=TWO_TARGETS).max_retries == 5


def test_only_calls_with_breaker_cache_or_rate_use_the_state_store() -> None:
    state = "memory:apart"
    own = prepare(requests_per_minute=60, state=state).state
    breaker = {"provider": "mistral-ai", "cb_config": {"failure_threshold": 1}}
    assert prepare(portkey_config=breaker, state=state).state is own
    assert prepare(portkey_config={"cache": {"mode": "simple"}}, state=state).state is own
    assert prepare(state=state).state is prepare().state
    assert prepare().state is not own


@pytest.mark.parametrize(
    ("operation", "request_", "pathname"),
    [
        ("chat", CHAT, "/v1/chat/completions"),
        ("embed", EmbeddingRequest(model="mistral-embed", inputs=["a"]), "/v1/embeddings"),
        ("moderate", ModerationRequest(model="m", inputs=["a"]), "/v1/moderations"),
        (
            "moderate",
            ModerationRequest(model="m", messages=[Message.user("a")]),
            "/v1/chat/moderations",
        ),
    ],
)
def test_conditions_see_the_path_of_the_operation(
    operation: str, request_: Any, pathname: str
) -> None:
    assert prepare(request_, operation=operation).facts.pathname == pathname


def test_options_of_the_call_override_the_settings() -> None:
    settings = {"trace_id": "own", "portkey_metadata": {"a": "own"}, "cache_force_refresh": True}
    options = CallOptions(trace_id="call", cache_force_refresh=False)
    call = prepare(CHAT, options, **settings)
    assert (call.trace_id, call.refresh_cache) == ("call", False)
    assert call.facts.metadata == {"a": "own"}


def test_the_deadline_begins_when_the_call_is_prepared() -> None:
    before = time.monotonic()
    deadline = deadline_of(ConnectionSettings(api_key="k", deadline=30.0))
    assert deadline is not None
    assert before + 30 <= deadline <= time.monotonic() + 30
    assert deadline_of(ConnectionSettings(api_key="k")) is None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (CallOptions(trace_id=3), InvalidRequestError),  # type: ignore[arg-type]
        (CallOptions(portkey_config={"virtual_key": "v"}), ConfigurationError),
    ],
)
def test_invalid_options_are_refused(options: CallOptions, error: type[Exception]) -> None:
    with pytest.raises(error):
        prepare(CHAT, options)


def test_the_route_is_checked_against_the_region_at_each_call() -> None:
    outside = CallOptions(portkey_config={"provider": "openai", "api_key": "k"})
    with pytest.raises(ResidencyError, match="config leads to 'api.openai.com'"):
        prepare(CHAT, outside, data_residency="eu")


def test_a_call_shows_no_key_in_its_repr() -> None:
    call = prepare(api_key="sk-hidden", portkey_config=TWO_TARGETS, default_headers={"x": "sk-too"})
    for text in ("sk-hidden", "sk-too", "t-1", "t-2"):
        assert text not in repr(call)


# --- questions about a call that is not made ------------------------------------------------------


def test_parameters_that_a_gateway_would_drop_are_listed() -> None:
    request = ChatRequest(
        model="m", messages=[Message.user("Hi")], response_format=ResponseFormat("json_object")
    )
    guarded = {
        **GATEWAY,
        "portkey_config": {
            "provider": "mistral-ai",
            "input_guardrails": [{"default.contains": {"words": ["x"]}}],
        },
    }
    assert lost_parameters(ConnectionSettings(**guarded), request, None) == ("response_format",)
    assert lost_parameters(ConnectionSettings(**guarded), CHAT, None) == ()
    assert lost_parameters(ConnectionSettings(api_key="k"), request, None) == ()


def test_each_target_without_a_key_is_reported() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{}, {"provider": "openai"}, {}]}
    errors = list(missing_keys(ConnectionSettings(portkey_config=config)))
    assert [error.message.partition(":")[0].partition(".")[0] for error in errors] == [
        "No API key for api",
        "No API key for api",
        "No API key for api",
    ]
    assert ["config.targets[0]" in errors[0].message, "MISTRAL_API_KEY" in errors[0].message] == [
        True,
        True,
    ]
    assert "config.targets[1]" in errors[1].message
    assert list(missing_keys(ConnectionSettings(base_url="sandbox:"))) == []


def test_the_builder_writes_the_same_request_each_time() -> None:
    call = prepare(portkey_config=TWO_TARGETS)
    assert isinstance(call.root, Fallback)
    attempts = [Attempt(target.path, target) for target in call.root.targets]  # type: ignore[arg-type]
    for attempt in attempts:
        first, again = (call.builder.build(attempt, "").request for _ in range(2))
        assert first == again
        assert json.loads(first.body or b"")["model"] == "mistral-small-latest"
