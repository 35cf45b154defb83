"""Objects that LangChain or Python builds again go the same way, and use what was changed."""

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
from portkey_mistral.settings import MODEL_CONFIG, ConnectionSettings
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


def by_fields(given: Any) -> Any:
    """Build an object from its own fields, as `configurable_fields` does."""
    return type(given)(**{name: getattr(given, name) for name in type(given).model_fields})


REBUILDS = {
    "fields": by_fields,
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
    "deepcopy": copy.deepcopy,
    "model_copy": lambda given: given.model_copy(),
}


def connection(settings: ConnectionSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in ConnectionSettings.model_fields}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("rebuild", REBUILDS)
def test_a_rebuilt_object_goes_the_same_way(
    cls: type[ConnectionSettings], route: str, rebuild: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cls(**ROUTES[route])
    monkeypatch.setenv("PORTKEY_API_KEY", "pk-of-another-environment")
    if route not in ("direct", "direct with a host", "direct with a config", "sandbox"):
        monkeypatch.delenv("PORTKEY_API_KEY")
    second = REBUILDS[rebuild](first)
    assert second.way == first.way
    assert connection(second) == connection(first)
    if isinstance(first, ChatPortkeyMistral | PortkeyMistralFIM):
        assert second.asdict() == first.asdict()


@pytest.mark.parametrize("cls", CLASSES)
def test_each_class_repeats_the_configuration(cls: type[ConnectionSettings]) -> None:
    # pydantic takes the config of the last base; LangChain's would let unknown arguments pass.
    for name, value in MODEL_CONFIG.items():
        assert cls.model_config[name] == value


def test_a_changed_key_is_the_one_that_is_sent() -> None:
    wire = network(answer("a"), answer("b"))
    chat = ChatPortkeyMistral(api_key="one", base_url="https://mistral.test", **wire.clients)
    open_ = chat.configurable_fields(api_key=ConfigurableField(id="key"))
    open_.invoke("go")
    open_.invoke("go", {"configurable": {"key": "two"}})
    sent = [request.headers["authorization"] for request in wire.requests]
    assert sent == ["Bearer one", "Bearer two"]


def test_a_changed_address_is_the_one_that_is_called() -> None:
    reset()
    chat = ChatPortkeyMistral(api_key="k", base_url="sandbox:east")
    open_ = chat.configurable_fields(base_url=ConfigurableField(id="url"))
    open_.invoke("go")
    open_.invoke("go", {"configurable": {"url": "sandbox:west"}})
    assert (len(get("east").requests), len(get("west").requests)) == (1, 1)
    reset()


def test_a_changed_model_brings_its_own_profile() -> None:
    chat = ChatPortkeyMistral(model="mistral-small-latest", base_url="sandbox:")
    open_ = chat.configurable_fields(model=ConfigurableField(id="model"))
    other, _ = open_.prepare({"configurable": {"model": "codestral-latest"}})
    assert isinstance(other, ChatPortkeyMistral)
    assert (chat.profile or {})["image_inputs"] is True
    assert (other.profile or {})["image_inputs"] is False


@pytest.mark.parametrize("rebuild", REBUILDS)
def test_a_rebuilt_object_still_streams(rebuild: str, mistral_sandbox: Sandbox) -> None:
    chat = REBUILDS[rebuild](ChatPortkeyMistral(base_url="sandbox:"))
    assert len(list(chat.stream("Say exactly: one two three"))) > 2


def test_a_profile_of_the_users_own_stays() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:", profile={"max_input_tokens": 5})
    assert by_fields(chat).profile == {"max_input_tokens": 5}


def test_tools_can_be_bound_to_a_configurable_model() -> None:
    wire = network(answer("a"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    open_ = chat.configurable_fields(temperature=ConfigurableField(id="t"))
    set_ = open_.with_config({"configurable": {"t": 0.2}})
    tool = {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}
    set_.bind_tools([tool]).invoke("go")
    assert wire.bodies[0]["temperature"] == 0.2
    assert wire.bodies[0]["tools"][0]["function"]["name"] == "now"


def test_a_config_is_the_same_value_after_the_journey() -> None:
    chat = ChatPortkeyMistral(portkey_config=CONFIG)
    again = pickle.loads(pickle.dumps(chat)).portkey_config
    assert isinstance(again, Config)
    assert again.to_dict(secrets=True) == Config.parse(CONFIG).to_dict(secrets=True)
