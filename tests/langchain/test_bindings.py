"""Arguments bound to a model stay bound when more are bound."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.prompt_values import StringPromptValue
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralFIM
from portkey_mistral import sandbox

ROUTE = {"provider": "mistral-ai", "custom_host": "sandbox:bound-route"}
KEY = "sk-the-key-that-nobody-may-see"


class City(BaseModel):
    """A city."""

    name: str


def price(model: str) -> str:
    """Tell the price of a model."""
    return model


class Seen(BaseCallbackHandler):
    """Collects the tags of the model's runs."""

    def __init__(self) -> None:
        self.tags: list[str] = []

    def on_chat_model_start(self, *args: Any, tags: list[str] | None = None, **kwargs: Any) -> None:
        self.tags += tags or []


def model() -> ChatPortkeyMistral:
    return ChatPortkeyMistral(base_url="sandbox:other", max_tokens=90)


BINDERS: dict[str, Callable[[], Any]] = {
    "bind": lambda: model().bind(portkey_config=ROUTE, temperature=0),
    "bind twice": lambda: model().bind(portkey_config=ROUTE).bind(temperature=0),
    "with_config": lambda: (
        model().with_config(tags=["mine"]).bind(portkey_config=ROUTE, temperature=0)
    ),
    "bind and with_config": lambda: (
        model().bind(portkey_config=ROUTE, temperature=0).with_config(tags=["mine"])
    ),
    "with_types": lambda: model().with_types().bind(portkey_config=ROUTE, temperature=0),
    "configurable_fields": lambda: (
        model()
        .configurable_fields(temperature=ConfigurableField("heat"))
        .with_config(configurable={"heat": 0})
        .bind(portkey_config=ROUTE)
    ),
    "bind and configurable_fields": lambda: (
        model()
        .bind(portkey_config=ROUTE)
        .configurable_fields(temperature=ConfigurableField("heat"))
        .with_config(configurable={"heat": 0})
    ),
    "with_config twice": lambda: (
        model()
        .configurable_fields(temperature=ConfigurableField("heat"))
        .with_config(configurable={"heat": 0})
        .with_config(tags=["mine"])
        .bind(portkey_config=ROUTE)
    ),
    "configurable_fields twice": lambda: (
        model()
        .configurable_fields(temperature=ConfigurableField("heat"))
        .with_config(configurable={"heat": 0})
        .configurable_fields(top_p=ConfigurableField("share"))
        .bind(portkey_config=ROUTE)
    ),
    "pickled": lambda: pickle.loads(
        pickle.dumps(model().bind(portkey_config=ROUTE, temperature=0))
    ),
    "copied": lambda: copy.deepcopy(model().bind(portkey_config=ROUTE, temperature=0)),
}
QUESTION: Any = {"messages": [("user", "What does mistral-small-latest cost?")]}
USES: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda bound: bound.invoke("hi"),
    "stream": lambda bound: list(bound.stream("hi")),
    "bind_tools": lambda bound: bound.bind_tools([price]).invoke("hi"),
    "bind_tools twice": lambda bound: bound.bind_tools([City]).bind_tools([price]).invoke("hi"),
    "tools and then more": lambda bound: bound.bind_tools([price]).bind(top_p=1).invoke("hi"),
    "a schema": lambda bound: bound.with_structured_output(City).invoke("The name is Rome."),
    "a schema, streamed": lambda bound: list(
        bound.with_structured_output(City).stream("The name is Rome.")
    ),
    "a function": lambda bound: bound.with_structured_output(
        City, method="function_calling"
    ).invoke("The name is Rome."),
    "a schema, raw": lambda bound: bound.with_structured_output(City, include_raw=True).invoke(
        "The name is Rome."
    ),
    "tools, then a schema": lambda bound: (
        bound.bind_tools([price]).with_structured_output(City).invoke("The name is Rome.")
    ),
    "generate": lambda bound: bound.generate([[HumanMessage("hi")]]),
    "agenerate": lambda bound: asyncio.run(bound.agenerate([[HumanMessage("hi")]])),
    "generate_prompt": lambda bound: bound.generate_prompt([StringPromptValue(text="hi")]),
    "agenerate_prompt": lambda bound: asyncio.run(
        bound.agenerate_prompt([StringPromptValue(text="hi")])
    ),
    "an agent": lambda bound: create_agent(bound, [price]).invoke(QUESTION),
    "an agent with a schema": lambda bound: create_agent(bound, response_format=City).invoke(
        {"messages": [("user", "The name is Rome.")]}
    ),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("binder", BINDERS)
def test_what_is_bound_stays_bound(binder: str, use: str) -> None:
    box, other = sandbox.get("bound-route"), sandbox.get("other")
    box.reset()
    other.reset()
    USES[use](BINDERS[binder]())
    assert box.requests
    assert not other.requests
    for exchange in box.requests:
        assert exchange.body["temperature"] == 0
        assert exchange.body["max_tokens"] == 90


@pytest.mark.parametrize("later", [{}, {"temperature": 0}], ids=["as it is", "bound again"])
@pytest.mark.parametrize("use", ["bind_tools", "a schema", "a function"])
def test_a_bound_run_config_stays_bound(use: str, later: dict[str, Any]) -> None:
    seen, ended = Seen(), []
    bound: Any = model().with_config(tags=["mine"], callbacks=[seen])
    bound = bound.with_listeners(on_end=lambda run: ended.append(run.name))
    USES[use](bound.bind(**later) if later else bound)
    assert "mine" in seen.tags
    assert ended


@pytest.mark.parametrize("bound", [model(), model().bind(temperature=0)], ids=["model", "binding"])
async def test_async_listeners_stay_bound(bound: Any) -> None:
    ended = []

    async def on_end(run: Any) -> None:
        ended.append(run.name)

    await bound.with_alisteners(on_end=on_end).bind_tools([price]).ainvoke("hi")
    assert ended


@pytest.mark.parametrize("stop", [None, ["now"]])
def test_generate_takes_what_is_bound_and_what_is_passed(stop: list[str] | None) -> None:
    box, seen = sandbox.get("other"), Seen()
    box.reset()
    bound: Any = model().bind(stop=["then"], top_p=0.5).with_config(tags=["mine"], callbacks=[seen])
    bound.generate([[HumanMessage("hi")]], stop=stop, top_p=0.9)
    body = box.requests[-1].body
    assert (body["stop"], body["top_p"]) == (stop or ["then"], 0.9)
    assert "mine" in seen.tags
    code: Any = PortkeyMistralFIM(base_url="sandbox:other").bind(max_tokens=5)
    code.generate(["def add("])
    assert box.requests[-1].body["max_tokens"] == 5


def test_bound_tools_stay_beside_a_schema() -> None:
    box = sandbox.get("other")
    box.reset()
    bound: Any = model().bind_tools([price])
    bound.with_structured_output(City, method="json_schema").invoke("The name is Rome.")
    body = box.requests[-1].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["price"]
    assert body["response_format"]["type"] == "json_schema"
    bound.with_structured_output(City, method="function_calling").invoke("The name is Rome.")
    body = box.requests[-1].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["City"]


def test_the_default_method_follows_what_is_bound() -> None:
    bound: Any = model().bind(model="magistral-medium-2507")
    structured: Any = bound.with_structured_output(City)
    method = structured.first.kwargs["ls_structured_output_format"]["kwargs"]["method"]
    assert method == "function_calling"
    assert structured.first.kwargs["model"] == "magistral-medium-2507"


def test_fields_stay_configurable_after_tools_are_bound() -> None:
    box = sandbox.get("other")
    box.reset()
    configurable: Any = model().configurable_fields(temperature=ConfigurableField("heat"))
    heat: Any = {"configurable": {"heat": 0.5}}
    configurable.bind_tools([price]).invoke("hi", heat)
    configurable.with_structured_output(City).invoke("The name is Rome.", heat)
    assert [exchange.body["temperature"] for exchange in box.requests] == [0.5, 0.5]


def test_more_fields_can_be_made_configurable_after_tools_are_bound() -> None:
    box = sandbox.get("other")
    box.reset()
    configurable: Any = model().configurable_fields(temperature=ConfigurableField("heat"))
    run: Any = {"configurable": {"heat": 0.5, "share": 0.9}}
    share: Any = ConfigurableField("share")
    configurable.bind_tools([price]).configurable_fields(top_p=share).invoke("hi", run)
    structured = configurable.with_structured_output(City).configurable_fields(top_p=share)
    assert structured.invoke("The name is Rome.", run) == City(name="Rome")
    first, second = (exchange.body for exchange in box.requests)
    assert [tool["function"]["name"] for tool in first["tools"]] == ["price"]
    assert [(body["temperature"], body["top_p"]) for body in (first, second)] == [(0.5, 0.9)] * 2


ALTERNATIVES: dict[str, Callable[[], Any]] = {
    "model": model,
    "binding": lambda: model().bind(top_p=0.9),
    "configurable fields": lambda: model().configurable_fields(top_p=ConfigurableField("share")),
    "alternatives": lambda: model().configurable_alternatives(
        ConfigurableField(id="size"), large=model()
    ),
}
BOUND_LATER: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda chat: chat,
    "tools": lambda chat: chat.bind_tools([price]),
    "arguments and tools": lambda chat: chat.bind(max_tokens=80).bind_tools([price]),
    "a schema": lambda chat: chat.with_structured_output(City),
    "a schema, raw": lambda chat: chat.with_structured_output(City, include_raw=True),
    "run configs": lambda chat: chat.with_config(tags=["a"]).with_config(tags=["b"]),
}


@pytest.mark.parametrize("later", BOUND_LATER)
@pytest.mark.parametrize("first", ALTERNATIVES)
def test_alternatives_stay_to_be_chosen_whatever_is_bound(first: str, later: str) -> None:
    west = ChatPortkeyMistral(base_url="sandbox:west")
    chosen: Any = ALTERNATIVES[first]().configurable_alternatives(
        ConfigurableField(id="where"), default_key="other", west=west, made=lambda: west
    )
    chosen = BOUND_LATER[later](chosen)
    for where, name in (("other", "other"), ("west", "west"), ("made", "west")):
        boxes = [sandbox.get(each) for each in ("other", "west")]
        for box in boxes:
            box.reset()
        answer = chosen.invoke("The name is Rome.", {"configurable": {"where": where}})
        assert [len(box.requests) for box in boxes] == [name == "other", name == "west"]
        (exchange,) = sandbox.get(name).requests
        assert ("tools" in exchange.body) is ("tools" in later)
        assert (answer == City(name="Rome")) is (later == "a schema")


def test_chosen_alternatives_pickle() -> None:
    west = ChatPortkeyMistral(base_url="sandbox:west")
    chosen: Any = model().configurable_alternatives(ConfigurableField(id="where"), west=west)
    copied = pickle.loads(pickle.dumps(chosen.bind_tools([price])))
    sandbox.get("west").reset()
    copied.with_config(configurable={"where": "west"}).invoke("hi")
    assert "tools" in sandbox.get("west").requests[0].body


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_events_come_from_the_model_of_the_run(asynchronous: bool) -> None:
    box = sandbox.get("west")
    box.reset()
    west: Any = ChatPortkeyMistral(base_url="sandbox:west")
    configured = west.configurable_fields(temperature=ConfigurableField("heat"))
    chosen: Any = model().configurable_alternatives(ConfigurableField(id="where"), west=configured)
    chosen = chosen.bind_tools([price]).with_config(configurable={"where": "west", "heat": 0})
    configured = configured.bind_tools([price]).with_config(configurable={"heat": 0})
    for chat in (chosen, configured):
        if asynchronous:
            message = await (await chat.astream_events("hi", version="v3")).output
        else:
            message = chat.stream_events("hi", version="v3").output
        assert message.text
    assert [exchange.body["temperature"] for exchange in box.requests] == [0, 0]
    assert all("tools" in exchange.body for exchange in box.requests)


def test_no_binding_shows_a_key() -> None:
    config = {"provider": "mistral-ai", "api_key": KEY}
    bound: Any = model().bind(portkey_config=config, headers={"x-api-key": KEY})
    for each in (bound, bound.bind_tools([price]), bound.with_config(tags=["a"]).bind(top_p=1)):
        assert KEY not in repr(each)


def test_a_bound_fim_model_has_no_tools() -> None:
    assert not hasattr(PortkeyMistralFIM(base_url="sandbox:").bind(max_tokens=5), "bind_tools")
