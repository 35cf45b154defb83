"""The mode that follows from arguments and environment, and that a rebuilt object has the same one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral import ConfigurationError
from portkey_mistral.settings.environment import ENVIRONMENT
from portkey_mistral.settings.mode import mode_of, resolve

HOSTED = "https://api.portkey.ai/v1"
OWN = "http://localhost:8787/v1"
MISTRAL = "https://api.mistral.ai/v1"


def way(fields: dict[str, Any]) -> str:
    return mode_of(fields.get("base_url"), fields.get("gateway_url"))


@pytest.mark.parametrize(
    ("given_", "environ", "expected"),
    [
        ({}, {}, "direct"),
        ({"api_key": "k"}, {}, "direct"),
        ({"base_url": "sandbox:"}, {}, "sandbox"),
        ({"base_url": "sandbox:east"}, {"PORTKEY_API_KEY": "pk"}, "sandbox"),
        ({"portkey_api_key": "pk"}, {}, "gateway"),
        ({"gateway_url": OWN}, {}, "gateway"),
        ({"virtual_key": "vk"}, {}, "gateway"),
        ({"provider": "@team-mistral"}, {}, "gateway"),
        ({"portkey_config": "pc-abc123"}, {}, "gateway"),
        ({}, {"PORTKEY_API_KEY": "pk"}, "gateway"),
        ({}, {"PORTKEY_GATEWAY_URL": OWN}, "gateway"),
        ({}, {"PORTKEY_BASE_URL": OWN}, "gateway"),
        ({}, {"PORTKEY_VIRTUAL_KEY": "vk"}, "gateway"),
        ({}, {"PORTKEY_PROVIDER": "@team"}, "gateway"),
        ({}, {"PORTKEY_CONFIG": "pc-abc123"}, "gateway"),
        ({}, {"PORTKEY_CONFIG": '{"provider": "mistral-ai", "api_key": "k"}'}, "direct"),
        ({}, {"MISTRAL_API_KEY": "k"}, "direct"),
        ({"base_url": "https://llm.example"}, {"PORTKEY_API_KEY": "pk"}, "direct"),
        ({"base_url": "https://llm.example", "gateway_url": OWN}, {}, "gateway"),
        ({"portkey_api_key": "pk"}, {"MISTRAL_BASE_URL": "https://llm.example"}, "gateway"),
    ],
)
def test_mode(given_: dict[str, Any], environ: dict[str, str], expected: str) -> None:
    assert way(resolve(given_, environ)) == expected


def test_direct_mode_keeps_no_gateway_fields() -> None:
    environ = {"PORTKEY_API_KEY": "pk", "PORTKEY_VIRTUAL_KEY": "vk", "PORTKEY_PROVIDER": "@team"}
    fields = resolve({"base_url": MISTRAL}, environ | {"PORTKEY_CONFIG": "pc-abc"})
    assert not fields.keys() & {"portkey_api_key", "virtual_key", "provider", "portkey_config"}


def test_hosted_gateway_is_the_default_once_a_portkey_key_is_known() -> None:
    assert resolve({"portkey_api_key": "pk"}, {})["gateway_url"] == HOSTED


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://llm.example", "https://llm.example/v1"),
        ("https://llm.example/", "https://llm.example/v1"),
        ("https://llm.example/v1/", "https://llm.example/v1"),
        ("https://llm.example/mistral", "https://llm.example/mistral"),
        ("http://localhost:8080", "http://localhost:8080/v1"),
        ("sandbox:", "sandbox:"),
    ],
)
def test_a_bare_host_gets_the_version(url: str, expected: str) -> None:
    assert resolve({"base_url": url}, {})["base_url"] == expected


@pytest.mark.parametrize(
    ("given_", "environ", "words"),
    [
        ({"base_url": "api.mistral.ai"}, {}, "base_url must start with http:// or https://"),
        ({"base_url": "https://user:sk-hidden@host/v1"}, {}, "must not contain a user name or key"),
        ({"gateway_url": "localhost:8787"}, {}, "gateway_url must start with"),
        ({"base_url": "sandbox:", "portkey_api_key": "pk-hidden"}, {}, "a gateway cannot reach it"),
        ({"virtual_key": "vk-hidden", "api_key": "sk-hidden"}, {}, "Pass only one of them"),
        ({"provider": "@team", "api_key": "sk-hidden"}, {}, "portkey_api_key="),
    ],
)
def test_contradictions_say_what_to_do(
    given_: dict[str, Any], environ: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        resolve(given_, environ)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "environ"),
    [
        ({"virtual_key": "vk"}, {"PORTKEY_PROVIDER": "@team"}),
        ({"provider": "@team"}, {"PORTKEY_VIRTUAL_KEY": "vk"}),
    ],
)
def test_a_provider_stored_at_portkey_replaces_that_of_the_environment(
    argument: dict[str, str], environ: dict[str, str]
) -> None:
    fields = resolve({**argument, "portkey_api_key": "pk"}, environ)
    named = {name: fields[name] for name in ("provider", "virtual_key") if name in fields}
    assert named == argument


def test_a_mistral_key_in_the_environment_gives_way_to_a_virtual_key() -> None:
    assert "api_key" not in resolve({"virtual_key": "vk"}, {"MISTRAL_API_KEY": "k"})


ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "api_key": st.just("k"),
        "base_url": st.sampled_from([MISTRAL, "https://llm.example", "sandbox:", "sandbox:east"]),
        "portkey_api_key": st.just("pk"),
        "gateway_url": st.sampled_from([HOSTED, OWN]),
        "virtual_key": st.just("vk"),
        "provider": st.sampled_from(["mistral-ai", "openai", "@team"]),
        "portkey_config": st.sampled_from(["pc-abc", '{"provider":"mistral-ai","api_key":"k"}']),
        "data_residency": st.sampled_from(["eu", "us"]),
    },
)
ENVIRON = st.fixed_dictionaries(
    {},
    optional={
        "MISTRAL_API_KEY": st.just("env-k"),
        "MISTRAL_BASE_URL": st.sampled_from(["https://env.example/v1"]),
        "PORTKEY_API_KEY": st.just("env-pk"),
        "PORTKEY_GATEWAY_URL": st.just("http://env-gateway/v1"),
        "PORTKEY_PROVIDER": st.sampled_from(["@env", "openai"]),
        "PORTKEY_VIRTUAL_KEY": st.just("env-vk"),
        "PORTKEY_CONFIG": st.sampled_from(["pc-env", '{"provider":"mistral-ai","api_key":"k"}']),
    },
)


@given(ARGUMENTS, ENVIRON, ENVIRON)
def test_resolving_again_gives_the_same_mode_in_every_environment(
    arguments: dict[str, Any], environ: dict[str, str], later: dict[str, str]
) -> None:
    try:
        fields = resolve(arguments, environ)
    except ConfigurationError:
        return
    everything = dict.fromkeys((*ENVIRONMENT, "provider")) | fields
    again = resolve(everything, later)
    assert way(again) == way(fields)
    assert again.get("portkey_config") == fields.get("portkey_config")
    for name in ("base_url", "gateway_url", "portkey_api_key", "virtual_key"):
        if name in fields:
            assert again[name] == fields[name]
