"""No key stands in anything that is printed, dumped, traced, cached or raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableBinding

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from portkey_mistral.exceptions import ConfigurationError, PortkeyMistralError
from portkey_mistral.settings import ConnectionSettings
from scripted import answer, network

SECRET = "sk-do-not-show-this"
CLASSES: list[type[ConnectionSettings]] = [
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
]
CONFIG = {"provider": "mistral-ai", "api_key": SECRET}
KEYS: dict[str, dict[str, Any]] = {
    "mistral": {"api_key": SECRET, "base_url": "https://mistral.test"},
    "portkey": {"portkey_api_key": SECRET},
    "virtual": {"portkey_api_key": "pk", "virtual_key": SECRET},
    "config": {"portkey_config": CONFIG},
    "header": {"api_key": "k", "default_headers": {"authorization": f"Bearer {SECRET}"}},
    "proxy": {"api_key": "k", "proxy": f"http://user:{SECRET}@proxy.test"},
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("place", KEYS)
def test_no_form_of_an_object_shows_a_key(cls: type[ConnectionSettings], place: str) -> None:
    given = cls(**KEYS[place])
    shown = [
        repr(given),
        str(given),
        repr(given.model_dump()),
        given.model_dump_json(),
        repr(given.model_dump(mode="json")),
        dumps(given),
        repr(dumpd(given)),
    ]
    if isinstance(given, ChatPortkeyMistral | PortkeyMistralFIM):
        shown += [repr(given.asdict()), repr(given._serialized), repr(given._get_ls_params())]
    if isinstance(given, ChatPortkeyMistral):
        shown += [given._get_llm_string(), repr(given.bind(temperature=0))]
    assert not [text for text in shown if SECRET in text]


WRONG: dict[str, dict[str, Any]] = {
    "misspelt name": {"api_kye": SECRET},
    "key of the wrong type": {"api_key": [SECRET]},
    "key in a mapping": {"portkey_api_key": {"key": SECRET}},
    "key as a config": {"portkey_config": SECRET},
    "key in a wrong config": {"portkey_config": {"api_key": SECRET, "strategy": {"mode": "magic"}}},
    "key under a wrong name in a config": {"portkey_config": {"apikey_": SECRET, "provider": "x"}},
    "key as an address": {"base_url": SECRET},
    "key in an address": {"base_url": f"https://user:{SECRET}@mistral.test"},
    "key as headers": {"default_headers": SECRET},
    "key as a timeout": {"timeout": SECRET},
    "key beside a fault": {"api_key": SECRET, "max_retries": -1},
    "key as a lane": {"gateway_lane": SECRET},
    "key in metadata": {"portkey_metadata": [SECRET]},
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("fault", WRONG)
def test_no_error_of_construction_shows_a_key(cls: type[ConnectionSettings], fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        cls(**WRONG[fault])
    assert SECRET not in everything_about(caught.value)


def everything_about(error: BaseException | None) -> str:
    """Give the text of an error and of all that it hangs on."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)}"
    return own + everything_about(error.__cause__) + everything_about(error.__context__)


class Tracer(BaseCallbackHandler):
    """Keeps all that LangChain tells a tracer."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.seen.append(repr((args, kwargs)))


@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("bound", [False, True])
def test_tracers_see_no_key_of_a_call(cls: type[Any], streamed: bool, bound: bool) -> None:
    wire = network(httpx.Response(401, json={"detail": f"bad key {SECRET}"}))
    model = cls(api_key=SECRET, base_url="https://mistral.test", **wire.clients)
    tracer = Tracer()
    config: Any = {"callbacks": [tracer]}
    said: dict[str, Any] = {"portkey_config": CONFIG}
    if bound:
        model, said = model.bind(**said) | (lambda value: value), {}
    with pytest.raises(PortkeyMistralError) as caught:
        _ = (
            list(model.stream("go", config, **said))
            if streamed
            else model.invoke("go", config, **said)
        )
    assert tracer.seen
    assert not [text for text in tracer.seen if SECRET in text]
    assert SECRET not in everything_about(caught.value)


TOOL = {"name": "now", "description": "The time.", "parameters": {"type": "object"}}
SAID: dict[str, Any] = {"portkey_config": CONFIG, "headers": {"x-secret": SECRET}}
BINDINGS: dict[str, Callable[[ChatPortkeyMistral], Any]] = {
    "bound": lambda model: model.bind(**SAID),
    "bound to a binding": lambda model: model.bind(temperature=0).bind(**SAID),
    "bound after tools": lambda model: model.bind_tools([TOOL]).bind(**SAID),
    "bound with tools": lambda model: model.bind_tools([TOOL], **SAID),
    "with another config": lambda model: model.bind(**SAID).with_config(tags=["a"]),
}


@pytest.mark.parametrize("name", BINDINGS)
def test_no_form_of_a_binding_shows_a_key_and_the_call_has_it(name: str) -> None:
    wire = network(answer("ok"), answer("ok"))
    model = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    binding = BINDINGS[name](model)
    assert isinstance(binding, RunnableBinding)
    for shown in (repr(binding), str(binding), dumps(binding), repr(binding.model_dump())):
        assert SECRET not in shown
        assert "x-secret" in shown
    for each in (binding, binding | (lambda message: message)):
        assert each.invoke("go").text == "ok"
    for request in wire.requests:
        assert request.headers["x-secret"] == SECRET
        assert request.headers["authorization"] == f"Bearer {SECRET}"


def test_no_form_of_a_binding_of_the_fim_model_shows_a_key() -> None:
    fim = PortkeyMistralFIM(base_url="sandbox:").bind(portkey_config=CONFIG)
    assert SECRET not in repr(fim) + dumps(fim)


def test_the_cache_key_holds_no_key_and_tells_configs_apart() -> None:
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test")
    other = {"provider": "mistral-ai", "override_params": {"model": "mistral-large-latest"}}
    keys = [
        chat._get_llm_string(),
        chat._get_llm_string(portkey_config=CONFIG),
        chat._get_llm_string(portkey_config=other),
        chat._get_llm_string(headers={"x-secret": SECRET}),
    ]
    assert len(set(keys)) == len(keys)
    assert not [key for key in keys if SECRET in key]


def test_messages_carry_no_key_of_the_request() -> None:
    wire = network(answer("ok"))
    chat = ChatPortkeyMistral(api_key=SECRET, base_url="https://mistral.test", **wire.clients)
    message = chat.invoke([HumanMessage("go")])
    assert SECRET not in json.dumps(message.model_dump(), default=str)
