"""Data stays in the requested region, or the route is rejected before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from portkey_mistral import residency
from portkey_mistral.config import Config, Fallback, LoadBalance, Target
from portkey_mistral.exceptions import ConfigurationError, ResidencyError
from portkey_mistral.messages import FilePart, Message, TextPart
from portkey_mistral.requests import ChatRequest, Tool

EU = "https://api.eu.mistral.ai/v1"
GLOBAL = "https://api.mistral.ai/v1"
DECLARED = {"api.portkey.ai": "eu", "https://LLM.example.com:8443/v1": "eu", "@azure": "us"}


@pytest.mark.parametrize(
    ("region", "host"),
    [(None, GLOBAL), ("eu", EU), ("us", "https://api.us.mistral.ai/v1")],
)
def test_default_host(region: str | None, host: str) -> None:
    assert residency.default_host(region) == host


def test_an_unknown_region_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="Mistral has no region 'ch'; use 'eu' or 'us'"):
        residency.default_host("ch")
    with pytest.raises(ConfigurationError, match="'europe'"):
        residency.region_of("https://x.example", {"x.example": "europe"})


@pytest.mark.parametrize(
    ("place", "region"),
    [
        (EU, "eu"),
        ("https://API.EU.Mistral.ai./v1", "eu"),
        ("https://api.eu.mistral.ai:443/v1", "eu"),
        ("https://api.us.mistral.ai/v1", "us"),
        (GLOBAL, None),
        ("https://api.openai.com/v1", None),
        # What only looks like the EU host.
        ("https://api.eu.mistral.ai.example.com/v1", None),
        ("https://api.eu.mistral.ai@example.com/v1", None),
        ("https://example.com/api.eu.mistral.ai", None),
        ("https://example.com?api.eu.mistral.ai", None),
        # This machine.
        ("sandbox:", "local"),
        ("sandbox://default/v1", "local"),
        ("http://localhost:8787/v1", "local"),
        ("http://gateway.localhost/v1", "local"),
        ("http://127.0.0.53:11434/v1", "local"),
        ("http://[::1]:8000/v1", "local"),
        ("http://localhost.example.com/v1", None),
        ("http://10.0.0.8/v1", None),
        ("http://[::1/v1", None),
        # Declared by the user.
        ("https://api.portkey.ai/v1", "eu"),
        ("https://llm.example.com/v1", "eu"),
        ("@azure", "us"),
        ("@other", None),
        ("pc-abc", None),
    ],
)
def test_region_of(place: str, region: str | None) -> None:
    assert residency.region_of(place, DECLARED) == region


def test_a_declaration_cannot_move_mistrals_own_hosts() -> None:
    assert residency.region_of(EU, {"api.eu.mistral.ai": "us"}) == "eu"


def check(place: str, residency_: str | None = "eu") -> None:
    residency.check_host(place, path="gateway_url", residency=residency_, declared={})


@pytest.mark.parametrize("place", [EU, "sandbox:", "http://localhost:8787/v1"])
def test_a_host_in_the_region_passes(place: str) -> None:
    check(place)


def test_without_a_region_nothing_is_checked() -> None:
    check("https://api.openai.com/v1", None)


@pytest.mark.parametrize(
    ("place", "advice"),
    [
        (
            GLOBAL,
            "'api.mistral.ai', which is not known to keep data there. Use https://api.eu.mistral.ai/v1",
        ),
        ("https://api.us.mistral.ai/v1", "which is in region 'us'. Leave this target out"),
        (
            "https://api.portkey.ai/v1",
            "If it does, declare it: residency_hosts={'api.portkey.ai': 'eu'}.",
        ),
    ],
)
def test_a_host_outside_the_region_is_refused_with_advice(place: str, advice: str) -> None:
    with pytest.raises(ResidencyError) as caught:
        check(place)
    assert str(caught.value).startswith("data_residency='eu', but gateway_url leads to ")
    assert advice in str(caught.value)
    assert caught.value.path == "gateway_url"


def fallback(*targets: Target | LoadBalance) -> Config:
    return Config(root=Fallback(path="config", targets=targets))


def check_config(config: Config, **declared: str) -> None:
    routes = residency.locations(config, base_url=EU)
    residency.check(routes, residency="eu", declared=declared)


def test_mistral_targets_go_to_the_regional_host() -> None:
    check_config(
        fallback(Target(path="config.targets[0]"), Target(path="config.targets[1]", custom_host=EU))
    )


@pytest.mark.parametrize(
    "target",
    [
        {"provider": "openai"},
        {"custom_host": GLOBAL},
        {"provider": "openai", "custom_host": "https://vllm.example.com/v1"},
        {"provider": "@azure"},
        {"provider": "bedrock"},
        {"virtual_key": SecretStr("vk-secret")},
    ],
)
def test_one_target_outside_refuses_the_route_by_its_path(target: dict[str, object]) -> None:
    path = "config.targets[1].targets[0]"
    nested = LoadBalance(path="config.targets[1]", targets=(Target(path=path, **target),))  # type: ignore[arg-type]
    with pytest.raises(ResidencyError) as caught:
        check_config(fallback(Target(path="config.targets[0]"), nested))
    assert caught.value.path == path
    assert path in str(caught.value)
    assert "vk-secret" not in str(caught.value)


def test_a_virtual_key_with_a_custom_host_is_checked_by_its_host() -> None:
    target = Target(path="config.targets[0]", virtual_key=SecretStr("vk"), custom_host=EU)
    check_config(fallback(target))


def test_a_stored_config_has_to_be_declared() -> None:
    config = Config(slug="pc-mine-123")
    with pytest.raises(ResidencyError, match=r"portkey_config leads to 'pc-mine-123'"):
        check_config(config)
    check_config(config, **{"pc-mine-123": "eu"})


GATEWAY = "http://localhost:8787/v1"


RETRY = Config.parse({"retry": {"attempts": 1}})
ELSEWHERE = "https://llm.example.com/v1"
ONLY_A_HOST = Config.parse({"custom_host": ELSEWHERE})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"base_url": EU}, [("base_url", EU)]),
        ({"gateway_url": GATEWAY, "base_url": EU}, [("gateway_url", GATEWAY), ("base_url", EU)]),
        # Without a base_url, Mistral's targets are on the default host.
        ({"gateway_url": GATEWAY}, [("gateway_url", GATEWAY), ("base_url", GLOBAL)]),
        (
            {"gateway_url": GATEWAY, "provider": "@mine"},
            [("gateway_url", GATEWAY), ("provider", "@mine")],
        ),
        (
            {"gateway_url": GATEWAY, "virtual_key": True},
            [("gateway_url", GATEWAY), ("virtual_key", "a virtual key")],
        ),
        (
            {"gateway_url": GATEWAY, "virtual_key": True, "base_url": EU},
            [("gateway_url", GATEWAY), ("base_url", EU)],
        ),
        (
            {"gateway_url": GATEWAY, "config": Config(slug="pc-x"), "base_url": EU},
            [("gateway_url", GATEWAY), ("portkey_config", "pc-x")],
        ),
        # A saved config may have passthrough targets, which take the provider from the request.
        (
            {"gateway_url": GATEWAY, "config": Config(slug="pc-x"), "provider": "@mine"},
            [("gateway_url", GATEWAY), ("portkey_config", "pc-x"), ("provider", "@mine")],
        ),
        # A config that names no provider leaves it to the request.
        (
            {"gateway_url": GATEWAY, "config": RETRY, "virtual_key": True},
            [("gateway_url", GATEWAY), ("virtual_key", "a virtual key")],
        ),
        (
            {"gateway_url": GATEWAY, "config": RETRY, "provider": "mistral-ai", "base_url": EU},
            [("gateway_url", GATEWAY), ("base_url", EU)],
        ),
        # But it may name the host, in every mode.
        (
            {"base_url": EU, "config": ONLY_A_HOST},
            [("config", ELSEWHERE), ("base_url", EU)],
        ),
        (
            {"gateway_url": GATEWAY, "config": ONLY_A_HOST, "provider": "mistral-ai"},
            [("gateway_url", GATEWAY), ("config", ELSEWHERE), ("base_url", GLOBAL)],
        ),
        (
            {"base_url": EU, "config": Config.parse({"provider": "openai", "api_key": "k"})},
            [("config", "https://api.openai.com/v1")],
        ),
    ],
)
def test_a_route_is_everything_that_a_call_can_reach(
    given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    nothing: dict[str, Any] = {"config": None, "base_url": None, "gateway_url": None}
    fields = {
        **nothing,
        "provider": None,
        "virtual_key": False,
        "default_host": GLOBAL,
        **given,
    }
    assert list(residency.route(fields.pop("config"), **fields)) == expected


def test_a_virtual_key_is_refused_with_advice() -> None:
    with pytest.raises(ResidencyError, match="Only Portkey knows where it leads: give a host"):
        check("a virtual key")


def chat(**fields: object) -> ChatRequest:
    given = {"model": "mistral-small-latest", "messages": [Message.user("hi")], **fields}
    return ChatRequest(**given)  # type: ignore[arg-type]


def test_function_tools_are_served_in_a_region() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    residency.check_request(chat(tools=[Tool("add"), tool]), residency="eu")


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (chat(tools=[Tool("add"), {"type": "web_search"}]), "tools[1]"),
        (chat(messages=[Message.user((TextPart("read"), FilePart("id")))]), "messages[0]"),
    ],
)
def test_what_no_regional_host_serves_is_refused(request_: ChatRequest, path: str) -> None:
    with pytest.raises(ResidencyError, match="regional hosts do not serve") as caught:
        residency.check_request(request_, residency="eu")
    assert caught.value.path == path
    residency.check_request(request_, residency=None)
