"""`portkey-mistral doctor` with nothing but a Portkey key: what it reports without calling a model."""

from __future__ import annotations

import copy
import socket
from typing import Any

import pytest

from portkey_mistral.cli import doctor
from portkey_mistral.sandbox.portkey import parse
from portkey_names import ACCOUNT

SAVED_ONLY = {"block_inline_config": True}
NO_DEFAULT = "the key has no default config that names a provider: calls without one are refused"


@pytest.fixture
def portkey_account() -> dict[str, Any]:
    return copy.deepcopy(ACCOUNT)


@pytest.fixture
def examine(portkey_sandbox: Any, portkey_sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Examine a key of an account with changed sections."""

    def examine(key: str = "pk", **sections: Any) -> list[tuple[str, str]]:
        account = copy.deepcopy(ACCOUNT)
        for name, section in sections.items():
            account[name] = {**account.get(name, {}), **section}
        portkey_sandbox.use(parse(account))
        monkeypatch.setenv("PORTKEY_API_KEY", key)
        monkeypatch.setenv("PORTKEY_GATEWAY_URL", portkey_sandbox_url)
        found = doctor.examine()
        return [(each.state, each.text) for each in found if each.area == "portkey"]

    return examine


@pytest.mark.gateway
def test_the_providers_of_a_key_are_listed_with_their_models(examine: Any) -> None:
    allowed = {"mistral-prod": {"provider": "mistral-ai", "models": ["mistral-small-latest"]}}
    openai = {"openai-prod": {"provider": "openai", "models": ["gpt-4o", "gpt-4o-mini"]}}
    found = examine(providers={**allowed, **openai})
    assert found[0][0] == "note"
    assert found[0][1].startswith(
        f"{NO_DEFAULT} (400); pass model='@mistral-prod/mistral-small-latest'"
    )
    assert ("good", "provider @mistral-prod: 1 models (mistral-small-latest)") in found
    assert (
        "note",
        "provider @openai-prod: 2 models (gpt-4o, gpt-4o-mini), none of which is a known Mistral model",
    ) in found
    assert found[-1][1].startswith("not a saved-only organisation")


@pytest.mark.gateway
def test_no_model_is_called(examine: Any, portkey_sandbox: Any) -> None:
    examine("pk-with-default")
    assert {(sent.method, sent.path) for sent in portkey_sandbox.requests} == {
        ("GET", "/v1/models")
    }


@pytest.mark.gateway
def test_a_default_config_is_reported_with_its_models(examine: Any) -> None:
    first, *others = examine("pk-with-default")
    assert first[0] == "good"
    assert "the key has a default config, so calls need no provider" in first[1]
    assert "mistralai" in first[1]
    assert any(text.startswith("provider @mistral-prod") for _, text in others)


@pytest.mark.gateway
def test_saved_only_mode_is_reported_with_its_restrictions(examine: Any) -> None:
    state, text = examine(organisation=SAVED_ONLY)[-1]
    assert state == "note"
    assert text.startswith("saved-only organisation: Portkey refuses portkey_config= as JSON")
    assert all(name in text for name in ("MISTRAL_API_KEY", "base_url=", "forward_headers="))


@pytest.mark.gateway
def test_a_fixed_default_config_is_reported(examine: Any) -> None:
    protected = {"defaults": {"config_id": "pc-eu-1a", "allow_config_override": False}}
    found = examine(keys={"pk": protected})
    assert found[-1] == (
        "note",
        "the default config of the key may not be replaced: Portkey refuses portkey_config=",
    )


@pytest.mark.gateway
@pytest.mark.parametrize(
    ("key", "sections", "advice"),
    [
        ("pk-gone", {}, "the Portkey key, not Mistral's"),
        ("pk", {"keys": {"pk": {"expired": True}}}, "Renew it"),
        ("pk", {"keys": {"pk": {"scopes": ["logs.write"]}}}, "models.list"),
    ],
)
def test_a_key_that_is_refused_is_a_finding(
    key: str, sections: dict[str, Any], advice: str, examine: Any
) -> None:
    ((state, text),) = examine(key, **sections)
    assert state == "bad"
    assert advice in text
    assert key not in text


def test_an_unreachable_gateway_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("PORTKEY_API_KEY", "pk")
    monkeypatch.setenv("PORTKEY_GATEWAY_URL", f"http://127.0.0.1:{port}/v1")
    ((state, text),) = [(f.state, f.text) for f in doctor.examine() if f.area == "portkey"]
    assert state == "bad"
    assert "127.0.0.1" in text


@pytest.mark.parametrize("name", ["MISTRAL_API_KEY", "PORTKEY_VIRTUAL_KEY", "PORTKEY_CONFIG"])
def test_no_request_is_sent_if_anything_but_the_key_is_configured(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTKEY_API_KEY", "pk")
    monkeypatch.setenv(name, "pc-a")
    assert not [finding for finding in doctor.examine() if finding.area == "portkey"]
