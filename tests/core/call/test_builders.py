"""The request of one attempt, direct and through the gateway; and which answers can be resumed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portkey_mistral import ChatRequest, ConnectionSettings, Message, Tool
from portkey_mistral._call.prepare import prepare_call
from portkey_mistral._routing.outcomes import Attempt
from portkey_mistral._transport.call import RequestBuilder, WireRequest
from portkey_mistral.config import Target
from portkey_mistral.exceptions import CapabilityError, ConfigurationError
from portkey_mistral.messages import ImagePart

GATEWAY = {"gateway_url": "http://gateway.test/v1", "api_key": "k"}


def builder(content: Any = "Hi", *, settings: dict[str, Any], **fields: Any) -> RequestBuilder:
    request = ChatRequest(
        model=fields.pop("model", "mistral-small-latest"),
        messages=[Message.user(content)],
        **fields,
    )
    made = ConnectionSettings(**settings)
    return prepare_call(made, request, None, operation="chat", decode=lambda body: body).builder


def build(target: Target | None = None, so_far: str = "", **fields: Any) -> WireRequest:
    settings = fields.pop("settings", {"api_key": "k"})
    made = builder(**fields, settings=settings)
    return made.build(Attempt("config", target or Target()), so_far)


def sent(wire_request: WireRequest) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(wire_request.request.body or b"")
    return body


# --- direct ------------------------------------------------------------------------------------------


def test_a_mistral_target_gets_the_default_host_and_key() -> None:
    wire = build()
    assert wire.request.url == "https://api.mistral.ai/v1/chat/completions"
    assert wire.request.headers["authorization"] == "Bearer k"
    assert (wire.provider, wire.model) == ("mistral-ai", "mistral-small-latest")


def test_the_default_key_goes_to_no_other_provider() -> None:
    wire = build(Target(provider="ollama", custom_host="http://localhost:11434/v1"))
    assert wire.request.url == "http://localhost:11434/v1/chat/completions"
    assert "authorization" not in wire.request.headers


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(), "No API key for api.mistral.ai. Set MISTRAL_API_KEY"),
        (
            Target(path="config.targets[1]"),
            r"No API key for api.mistral.ai \(config.targets\[1\]\)",
        ),
        (Target(provider="openai"), r"No API key for api.openai.com \(config\)"),
        (Target(custom_host="https://eu.mistral.ai/v1"), "No API key for eu.mistral.ai"),
    ],
)
def test_a_providers_own_host_needs_a_key(target: Target, message: str) -> None:
    made = builder(settings={})
    with pytest.raises(ConfigurationError, match=message):
        made.build(Attempt(target.path, target), "")


@pytest.mark.parametrize("host", ["https://notmistral.ai/v1", "https://mistral.ai.example.org/v1"])
def test_a_host_that_only_looks_like_mistrals_needs_none(host: str) -> None:
    assert build(Target(custom_host=host), settings={}).request.url.startswith(host)


def test_a_sandbox_needs_no_key() -> None:
    wire = build(settings={"base_url": "sandbox:east"})
    assert wire.request.url.startswith("sandbox://")
    assert wire.request.headers["authorization"] == "Bearer sandbox"


def test_a_model_without_a_required_capability_is_refused_per_target() -> None:
    made = builder(
        (ImagePart("https://x/y.png"),), settings={"api_key": "k"}, model="codestral-latest"
    )
    with pytest.raises(CapabilityError, match="cannot read images"):
        made.build(Attempt("config", Target()), "")
    able = Target(override_params={"model": "mistral-small-latest"})
    assert made.build(Attempt("config", able), "").model == "mistral-small-latest"


def test_a_continued_answer_ends_in_its_text_with_reduced_limits() -> None:
    wire = build(
        Target(override_params={"max_tokens": 50}), "The cat sat on the mat.", max_tokens=100
    )
    assert wire.prefix == "The cat sat on the mat."
    body = sent(wire)
    assert body["messages"][-1] == {
        "role": "assistant",
        "content": "The cat sat on the mat.",
        "prefix": True,
    }
    assert 0 < body["max_tokens"] < 50


def test_only_mistral_can_continue_an_answer() -> None:
    made = builder(settings={"api_key": "k"})
    other = Attempt("config", Target(provider="openai", api_key=None))
    assert "only Mistral" in (made.cannot_resume_on(other) or "")
    assert made.cannot_resume_on(Attempt("config", Target())) is None


def test_an_answer_with_tools_cannot_be_resumed() -> None:
    made = builder(settings={"api_key": "k"}, tools=[Tool("add")])
    assert "tools" in (made.not_resumable(Attempt("config", Target())) or "")


# --- through the gateway -----------------------------------------------------------------------------


def test_hosted_portkey_needs_its_key() -> None:
    with pytest.raises(ConfigurationError, match=r"No Portkey key for api\.portkey\.ai"):
        build(settings={"virtual_key": "vk"})
    in_a_header = {"virtual_key": "vk", "default_headers": {"X-Portkey-Api-Key": "pk"}}
    assert build(settings=in_a_header).request.headers["x-portkey-api-key"] == "pk"


def test_a_gateway_of_ones_own_needs_none() -> None:
    assert build(settings=GATEWAY).request.url.startswith("http://gateway.test/v1/")


@pytest.mark.parametrize(
    ("config", "resumable"),
    [
        (None, True),
        ({"strategy": {"mode": "fallback"}, "targets": [{}, {}]}, True),
        ({"strategy": {"mode": "fallback"}, "targets": [{}, {"provider": "openai"}]}, False),
        ({"strategy": {"mode": "fallback"}, "targets": [{}, {"virtual_key": "v"}]}, False),
        ("pc-stored", False),
    ],
)
def test_an_answer_is_resumed_only_if_all_targets_are_known_to_be_mistrals(
    config: Any, resumable: bool
) -> None:
    settings = {**GATEWAY, "portkey_api_key": "pk", "portkey_config": config}
    made = builder(settings=settings)
    reason = made.cannot_resume_on(Attempt("config", Target(provider="gateway")))
    assert (reason is None) == resumable


def test_a_request_that_no_target_can_serve_is_refused() -> None:
    image = (ImagePart("https://x/y.png"),)
    targets = [{"override_params": {"model": "codestral-latest"}}, {}]
    route = {"strategy": {"mode": "fallback"}, "targets": targets}
    settings = {**GATEWAY, "portkey_config": route}
    attempt = Attempt("config", Target(provider="gateway"))
    assert builder(image, settings=settings).build(attempt, "").model == "mistral-small-latest"
    with pytest.raises(CapabilityError):
        builder(image, settings=settings, model="codestral-latest").build(attempt, "")


def test_limits_are_reduced_in_the_config_too() -> None:
    target = {"override_params": {"max_tokens": 50}}
    settings = {**GATEWAY, "portkey_config": {"provider": "mistral-ai", **target}}
    wire = build(Target(provider="gateway"), "The cat sat on the mat.", settings=settings)
    text = f"{wire.request.headers} {wire.request.body!r}"
    assert "The cat sat on the mat." in text
    assert '"max_tokens":50' not in text
