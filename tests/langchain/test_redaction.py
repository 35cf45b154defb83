"""No key is in anything that is printed, dumped, traced, cached or raised, and cache keys still distinguish."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ModelError
from langchain_core.load import dumpd, dumps
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableBinding

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from portkey_mistral.exceptions import ConfigurationError, PortkeyMistralError
from portkey_mistral.settings.connection import ConnectionSettings
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
def test_no_representation_of_an_object_shows_a_key(cls: type[ConnectionSettings]) -> None:
    for name, fields in KEYS.items():
        leaking = [text for text in representations(cls(**fields)) if SECRET in text]
        assert not leaking, name


def representations(given: Any) -> list[str]:
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
    return shown


INVALID: dict[str, dict[str, Any]] = {
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
def test_no_construction_error_shows_a_key(cls: type[ConnectionSettings]) -> None:
    for name, fields in INVALID.items():
        with pytest.raises(ConfigurationError) as caught:
            cls(**fields)
        assert SECRET not in text_of(caught.value), name


def text_of(error: BaseException | None) -> str:
    """Return the text of an error, its attributes, its causes and its contexts."""
    if error is None:
        return ""
    own = f"{error!r} {error} {vars(error)}"
    return own + text_of(error.__cause__) + text_of(error.__context__)


class Recorder(BaseCallbackHandler):
    """Records everything that LangChain passes to a tracer."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def record(self, *args: Any, **kwargs: Any) -> None:
        self.events.append(repr((args, kwargs)))

    on_chat_model_start = on_llm_start = on_chain_start = on_llm_end = on_llm_error = record


@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("bound", [False, True])
def test_tracers_get_no_key_of_a_call(cls: type[Any], streamed: bool, bound: bool) -> None:
    wire = network(httpx.Response(401, json={"detail": f"bad key {SECRET}"}))
    model = cls(api_key=SECRET, base_url="https://mistral.test", **wire.clients)
    recorder = Recorder()
    config: Any = {"callbacks": [recorder]}
    arguments: dict[str, Any] = {"portkey_config": CONFIG}
    if bound:
        model, arguments = model.bind(**arguments) | (lambda value: value), {}
    with pytest.raises(PortkeyMistralError) as caught:
        _ = (
            list(model.stream("go", config, **arguments))
            if streamed
            else model.invoke("go", config, **arguments)
        )
    assert recorder.events
    assert not [text for text in recorder.events if SECRET in text]
    assert SECRET not in text_of(caught.value)


TOOL = {"name": "now", "description": "The time.", "parameters": {"type": "object"}}
ARGUMENTS: dict[str, Any] = {
    "portkey_config": CONFIG,
    "headers": {"x-secret": SECRET},
    "forward_headers": ["x-secret"],
}
BINDINGS: dict[str, Callable[[ChatPortkeyMistral], Any]] = {
    "bound": lambda model: model.bind(**ARGUMENTS),
    "bound to a binding": lambda model: model.bind(temperature=0).bind(**ARGUMENTS),
    "bound after tools": lambda model: model.bind_tools([TOOL]).bind(**ARGUMENTS),
    "bound with tools": lambda model: model.bind_tools([TOOL], **ARGUMENTS),
    "with another config": lambda model: model.bind(**ARGUMENTS).with_config(tags=["a"]),
    "bound as in OpenAI's SDK": lambda model: model.bind(
        portkey_config=CONFIG, extra_headers={"x-secret": SECRET}, forward_headers=["x-secret"]
    ),
}


@pytest.mark.parametrize("name", BINDINGS)
def test_no_representation_of_a_binding_shows_a_key(name: str) -> None:
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


def test_no_representation_of_a_fim_binding_shows_a_key() -> None:
    fim = PortkeyMistralFIM(base_url="sandbox:").bind(portkey_config=CONFIG)
    assert SECRET not in repr(fim) + dumps(fim)


@pytest.mark.parametrize("bind", ["model", "binding", "call"])
def test_an_invalid_config_is_a_model_error_without_keys(bind: str) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:")
    config = {"api_key": SECRET, "strategy": {"mode": "magic"}}
    with pytest.raises(ConfigurationError, match="strategy.mode") as caught:
        match bind:
            case "model":
                model.bind(portkey_config=config)
            case "binding":
                model.bind(temperature=0).bind(portkey_config=config)
            case _:
                model.invoke("go", portkey_config=config)
    assert isinstance(caught.value, ModelError)
    assert SECRET not in text_of(caught.value)


def test_the_cache_key_contains_no_key_but_distinguishes_configs() -> None:
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test")
    other = {"provider": "mistral-ai", "override_params": {"model": "mistral-large-latest"}}
    keys = [
        chat._get_llm_string(),
        chat._get_llm_string(portkey_config=CONFIG),
        chat._get_llm_string(portkey_config=other),
        chat._get_llm_string(headers={"x-secret": SECRET}),
        chat._get_llm_string(extra_headers={"x-secret": SECRET}),
    ]
    assert len(set(keys)) == len(keys)
    assert not [key for key in keys if SECRET in key]


def test_messages_contain_no_key() -> None:
    wire = network(answer("ok"))
    chat = ChatPortkeyMistral(api_key=SECRET, base_url="https://mistral.test", **wire.clients)
    message = chat.invoke([HumanMessage("go")])
    assert SECRET not in json.dumps(message.model_dump(), default=str)


# --- cache keys: without keys, but different for what may answer differently

DIFFERENT_FIELDS: dict[str, dict[str, Any]] = {
    "model": {"model": "mistral-large-latest"},
    "temperature": {"temperature": 0.1},
    "stop": {"stop": ["x"]},
    "reasoning_effort": {"reasoning_effort": "high"},
    "model_kwargs": {"model_kwargs": {"new": 1}},
    "base_url": {"base_url": "https://other.test"},
    "config": {"portkey_config": {"override_params": {"model": "mistral-large-latest"}}},
    "metadata": {"portkey_metadata": {"user": "ada"}},
    "headers": {"default_headers": {"x-route": "b"}},
}


@pytest.mark.parametrize("name", DIFFERENT_FIELDS)
def test_models_that_may_answer_differently_share_no_cache_entry(name: str) -> None:
    wire = network(answer("A"), answer("B"))
    fields = {
        "api_key": "k",
        "base_url": "https://mistral.test",
        "cache": InMemoryCache(),
        **wire.clients,
    }
    first = ChatPortkeyMistral(**fields)
    second = ChatPortkeyMistral(**(fields | DIFFERENT_FIELDS[name]))
    assert (first.invoke("go").text, second.invoke("go").text) == ("A", "B")
    assert (first.invoke("go").text, second.invoke("go").text) == ("A", "B")


@pytest.mark.parametrize(
    "arguments",
    [{"temperature": 0.1}, {"stop": ["x"]}, {"portkey_config": {"retry": {"attempts": 1}}}],
    ids=str,
)
def test_arguments_of_a_call_are_part_of_the_cache_key(arguments: dict[str, Any]) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    assert chat._get_llm_string(**arguments) != chat._get_llm_string()
