"""Objects that are rebuilt by LangChain or by Python keep their settings, and use the changed ones."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from portkey_mistral.config import Config
from portkey_mistral.sandbox import Sandbox, get, reset
from portkey_mistral.settings.connection import MODEL_CONFIG, ConnectionSettings
from scripted import answer, network

CLASSES: list[type[ConnectionSettings]] = [
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
]
CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "k1"},
        {"provider": "mistral-ai", "api_key": "k2"},
    ],
}
ROUTES: dict[str, dict[str, Any]] = {
    "direct": {"api_key": "k"},
    "direct with a host": {"api_key": "k", "base_url": "https://mistral.test"},
    "direct with a config": {"portkey_config": CONFIG},
    "sandbox": {"base_url": "sandbox:east"},
    "own gateway": {"gateway_url": "http://localhost:8787", "api_key": "k"},
    "hosted gateway": {"portkey_api_key": "pk", "virtual_key": "vk"},
    "slug": {"portkey_api_key": "pk", "portkey_config": "pc-one"},
}


def from_fields(original: Any) -> Any:
    """Construct an object from all fields of another, as `configurable_fields` does."""
    return type(original)(**{name: getattr(original, name) for name in type(original).model_fields})


REBUILDS = {
    "fields": from_fields,
    "pickle": lambda original: pickle.loads(pickle.dumps(original)),
    "deepcopy": copy.deepcopy,
    "model_copy": lambda original: original.model_copy(),
}


def connection(settings: ConnectionSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in ConnectionSettings.model_fields}


@pytest.mark.parametrize("rebuild", REBUILDS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_rebuilt_object_has_the_same_settings(
    route: str, rebuild: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = [cls(**ROUTES[route]) for cls in CLASSES]
    if route in ("direct", "direct with a host", "direct with a config", "sandbox"):
        # A Portkey key in the environment would select the gateway for a new object.
        monkeypatch.setenv("PORTKEY_API_KEY", "pk-of-another-environment")
    for original in originals:
        rebuilt = REBUILDS[rebuild](original)
        assert rebuilt.mode == original.mode
        assert connection(rebuilt) == connection(original)
        if isinstance(original, ChatPortkeyMistral | PortkeyMistralFIM):
            assert rebuilt.asdict() == original.asdict()


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_repeats_the_model_config(cls: type[ConnectionSettings]) -> None:
    # pydantic takes the config of the last base class, and LangChain's ignores unknown arguments.
    for name, value in MODEL_CONFIG.items():
        assert cls.model_config[name] == value


def test_a_configured_key_is_sent() -> None:
    wire = network(answer("a"), answer("b"))
    chat = ChatPortkeyMistral(api_key="one", base_url="https://mistral.test", **wire.clients)
    configurable = chat.configurable_fields(api_key=ConfigurableField(id="key"))
    configurable.invoke("go")
    configurable.invoke("go", {"configurable": {"key": "two"}})
    sent = [request.headers["authorization"] for request in wire.requests]
    assert sent == ["Bearer one", "Bearer two"]


def test_a_configured_url_is_called() -> None:
    reset()
    chat = ChatPortkeyMistral(api_key="k", base_url="sandbox:east")
    configurable = chat.configurable_fields(base_url=ConfigurableField(id="url"))
    configurable.invoke("go")
    configurable.invoke("go", {"configurable": {"url": "sandbox:west"}})
    assert (len(get("east").requests), len(get("west").requests)) == (1, 1)
    reset()


def test_a_configured_model_has_its_own_profile() -> None:
    chat = ChatPortkeyMistral(model="mistral-small-latest", base_url="sandbox:")
    configurable = chat.configurable_fields(model=ConfigurableField(id="model"))
    other, _ = configurable.prepare({"configurable": {"model": "codestral-latest"}})
    assert isinstance(other, ChatPortkeyMistral)
    assert (chat.profile or {})["image_inputs"] is True
    assert (other.profile or {})["image_inputs"] is False


@pytest.mark.parametrize("rebuild", REBUILDS)
def test_a_rebuilt_object_still_streams(rebuild: str, mistral_sandbox: Sandbox) -> None:
    chat = REBUILDS[rebuild](ChatPortkeyMistral(base_url="sandbox:"))
    assert len(list(chat.stream("Say exactly: one two three"))) > 2


def test_a_profile_set_by_the_user_is_kept() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:", profile={"max_input_tokens": 5})
    assert from_fields(chat).profile == {"max_input_tokens": 5}


def test_tools_can_be_bound_to_a_configurable_model() -> None:
    wire = network(answer("a"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    configurable = chat.configurable_fields(temperature=ConfigurableField(id="t"))
    configured = configurable.with_config({"configurable": {"t": 0.2}})
    tool = {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}
    configured.bind_tools([tool]).invoke("go")
    assert wire.bodies[0]["temperature"] == 0.2
    assert wire.bodies[0]["tools"][0]["function"]["name"] == "now"


def test_a_config_survives_pickling() -> None:
    chat = ChatPortkeyMistral(portkey_config=CONFIG)
    again = pickle.loads(pickle.dumps(chat)).portkey_config
    assert isinstance(again, Config)
    assert again.to_dict(secrets=True) == Config.parse(CONFIG).to_dict(secrets=True)
