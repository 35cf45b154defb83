"""`init_chat_model`: LangChain's signature, and fields that the config of a run sets."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model as langchain_init_chat_model
from langchain_core.exceptions import ModelError
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral, init_chat_model
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.sandbox import Sandbox, get


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is 18 degrees in {city}."


class Place(BaseModel):
    """A place."""

    city: str


def run(**fields: Any) -> Any:
    return {"configurable": fields}


def models(name: str = "default") -> list[str]:
    return [exchange.body["model"] for exchange in get(name).requests]


def test_the_signature_equals_langchains() -> None:
    ours, theirs = (
        inspect.signature(each).parameters for each in (init_chat_model, langchain_init_chat_model)
    )
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("mistral-large-latest", "mistral-large-latest"),
        ("codestral-latest", "codestral-latest"),
        ("mistralai:magistral-medium-latest", "magistral-medium-latest"),
        ("portkey-mistral:devstral-latest", "devstral-latest"),
        ("@team/mistral-large-latest", "@team/mistral-large-latest"),
        ("ft:mistral-small-latest:team:x", "ft:mistral-small-latest:team:x"),
    ],
)
def test_a_model_name_gives_a_chat_model(model: str, expected: str) -> None:
    chat = init_chat_model(model, base_url="sandbox:", temperature=0.1)
    assert isinstance(chat, ChatPortkeyMistral)
    assert (chat.model, chat.temperature) == (expected, 0.1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"model_provider": "openai"}, "use one of portkey-mistral"),
        ({"temprature": 1}, "did you mean 'temperature'"),
        ({"configurable_fields": ["temprature"]}, "'temprature' is not a field"),
    ],
)
def test_invalid_arguments_are_refused_at_once(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        init_chat_model("mistral-large-latest", base_url="sandbox:", **arguments)
    assert isinstance(caught.value, ModelError)


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
async def test_the_config_of_a_run_sets_the_model(mistral_sandbox: Sandbox, mode: str) -> None:
    chat = init_chat_model(base_url="sandbox:")
    config = run(model="mistral-medium-latest")
    match mode:
        case "invoke":
            chat.invoke("go", config)
        case "ainvoke":
            await chat.ainvoke("go", config)
        case "stream":
            assert len(list(chat.stream("go", config))) > 1
        case "astream":
            assert len([chunk async for chunk in chat.astream("go", config)]) > 1
        case "batch":
            chat.batch(["go"], config)
        case _:
            await chat.abatch(["go"], config)
    chat.invoke("go")
    assert models() == ["mistral-medium-latest", "mistral-small-latest"]


def test_a_prefix_separates_two_models_in_a_chain(mistral_sandbox: Sandbox) -> None:
    fields = {"configurable_fields": ["model", "temperature"], "base_url": "sandbox:"}
    first = init_chat_model("mistral-small-latest", config_prefix="first", **fields)
    second = init_chat_model("mistral-small-latest", config_prefix="second", **fields)
    config = run(first_model="mistral-medium-latest", second_temperature=0.7)
    (first | (lambda message: message.text) | second).invoke("go", config)
    bodies = [exchange.body for exchange in mistral_sandbox.requests]
    assert [(body["model"], body.get("temperature")) for body in bodies] == [
        ("mistral-medium-latest", None),
        ("mistral-small-latest", 0.7),
    ]


def test_any_makes_every_field_configurable(mistral_sandbox: Sandbox) -> None:
    chat = init_chat_model(
        "mistral-small-latest", configurable_fields="any", config_prefix="x_", base_url="sandbox:"
    )
    config = run(x_max_tokens=3, x_base_url="sandbox:west", thread_id="t")
    assert chat.invoke("go", config).response_metadata["finish_reason"] == "length"
    assert models("west") == ["mistral-small-latest"]


def test_an_invalid_value_in_the_config_of_a_run_is_a_model_error(mistral_sandbox: Sandbox) -> None:
    chat = init_chat_model(configurable_fields=["temperature"], base_url="sandbox:")
    with pytest.raises(ConfigurationError, match="temperature") as caught:
        chat.invoke("go", run(temperature=9))
    assert isinstance(caught.value, ModelError)


async def test_tools_and_schemas_are_bound_to_the_model_of_a_run(
    mistral_sandbox: Sandbox,
) -> None:
    chat = init_chat_model(base_url="sandbox:")
    config = run(model="mistral-medium-latest")
    calling = chat.bind_tools([weather], tool_choice="any").invoke("Weather in Paris?", config)
    assert calling.tool_calls[0]["args"] == {"city": "Paris"}
    place = await chat.with_structured_output(Place).ainvoke("I live in Rome.", config)
    assert place == Place(city="Rome")
    assert models() == ["mistral-medium-latest"] * 2


def test_the_structured_output_method_depends_on_the_model_of_a_run() -> None:
    chat = init_chat_model(base_url="sandbox:").with_structured_output(Place)
    methods = []
    for model in ("mistral-medium-latest", "magistral-medium-2507"):
        chain, _ = chat.prepare(run(model=model))
        methods.append(chain.first.kwargs["ls_structured_output_format"]["kwargs"]["method"])
    assert methods == [
        "json_schema",
        "function_calling",
    ]  # the older Magistral does not support JSON Schema


def test_an_agent_uses_the_model_of_a_run(mistral_sandbox: Sandbox) -> None:
    agent = create_agent(init_chat_model(base_url="sandbox:"), [weather])
    question = {"messages": [HumanMessage("What is the weather in Paris?")]}
    state = agent.invoke(question, run(model="mistral-medium-latest") | {"recursion_limit": 10})
    assert "18 degrees" in state["messages"][-1].text
    assert models() == ["mistral-medium-latest"] * 2


def test_a_configurable_model_does_not_show_keys() -> None:
    chat = init_chat_model(api_key="sk-secret", configurable_fields="any")
    assert "sk-secret" not in repr(chat) + str(chat.config_specs) + chat.to_json().__repr__()


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_events_come_from_the_model_of_a_run(
    mistral_sandbox: Sandbox, version: Any, asynchronous: bool
) -> None:
    chat = init_chat_model(base_url="sandbox:").bind_tools([weather])
    config = run(model="mistral-large-latest")
    if version == "v2":
        events = [event async for event in chat.astream_events("Hello!", config, version="v2")]
        assert "on_chat_model_end" in {event["event"] for event in events}
    elif asynchronous:
        output = await (await chat.astream_events("Hello!", config, version="v3")).output
        assert output.response_metadata["model_name"] == "mistral-large-latest"
    else:
        output = chat.stream_events("Hello!", config, version="v3").output
        assert output.response_metadata["model_name"] == "mistral-large-latest"
    assert [exchange.body["model"] for exchange in mistral_sandbox.requests] == [
        "mistral-large-latest"
    ]
    assert mistral_sandbox.requests[0].body["tools"]
