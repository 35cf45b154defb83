"""Tools and tool choices in every format that LangChain supports, and tools that Mistral needs renamed."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import StructuredTool, tool
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as OldBaseModel

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.sandbox import Sandbox
from scripted import answer, call, network, stream

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sun in {city}."


class Weather(BaseModel):
    """Tell the weather."""

    city: str


class OldWeather(OldBaseModel):
    """Tell the weather."""

    city: str


class TypedWeather(TypedDict):
    """Tell the weather."""

    city: str


TOOLS: dict[str, tuple[Any, str]] = {
    "function": (weather, "weather"),
    "tool": (tool(weather), "weather"),
    "pydantic": (Weather, "Weather"),
    "pydantic v1": (OldWeather, "OldWeather"),
    "typed dict": (TypedWeather, "TypedWeather"),
    "json schema": (
        {"title": "weather", "description": "Tell the weather.", **PARAMETERS},
        "weather",
    ),
    "openai tool": (
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tell the weather.",
                "parameters": PARAMETERS,
            },
        },
        "weather",
    ),
    "mistral tool without a type": (
        {
            "function": {
                "name": "weather",
                "description": "Tell the weather.",
                "parameters": PARAMETERS,
            },
        },
        "weather",
    ),
    "openai function": (
        {"name": "weather", "description": "Tell the weather.", "parameters": PARAMETERS},
        "weather",
    ),
    "anthropic tool": (
        {
            "name": "weather",
            "description": "Tell the weather.",
            "input_schema": PARAMETERS,
            "cache_control": {"type": "ephemeral"},
        },
        "weather",
    ),
    "bedrock tool": (
        {
            "toolSpec": {
                "name": "weather",
                "description": "Tell the weather.",
                "inputSchema": {"json": PARAMETERS},
            }
        },
        "weather",
    ),
}


def sent(*tools: Any, **arguments: Any) -> dict[str, Any]:
    """Return the body that a call with these tools sends."""
    wire = network(answer("ok"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    chat.bind_tools(list(tools), **arguments).invoke("go")
    return wire.bodies[0]


@pytest.mark.parametrize("format_", TOOLS)
def test_tools_of_every_format_are_sent_as_functions(format_: str) -> None:
    given, name = TOOLS[format_]
    (sent_tool,) = sent(given)["tools"]
    assert sent_tool["type"] == "function"
    function = sent_tool["function"]
    assert (function["name"], function["description"]) == (name, "Tell the weather.")
    assert function["parameters"]["properties"]["city"]["type"] == "string"
    assert function["parameters"]["required"] == ["city"]
    assert "cache_control" not in sent_tool


def test_strict_is_part_of_the_tool_only() -> None:
    for format_, (given, _) in TOOLS.items():
        body = sent(given, strict=True)
        assert body["tools"][0]["function"]["strict"] is True, format_
        assert "strict" not in body, format_


def test_a_tool_without_parameters_gets_an_empty_object() -> None:
    (sent_tool,) = sent({"name": "now", "description": "The time."})["tools"]
    assert sent_tool["function"]["parameters"] == {"type": "object", "properties": {}}


def test_built_in_tools_are_sent_unchanged() -> None:
    built_in = {"type": "document_library", "library_ids": ["l1"]}
    assert sent(weather, built_in)["tools"][1] == built_in


FORCED = {"type": "function", "function": {"name": "weather"}}
CHOICES: dict[str, tuple[Any, Any]] = {
    "not given": (None, None),
    "false": (False, None),
    "true": (True, "any"),
    "auto": ("auto", "auto"),
    "none": ("none", "none"),
    "any": ("any", "any"),
    "required": ("required", "required"),
    "name": ("weather", FORCED),
    "openai object": (FORCED, FORCED),
    "anthropic tool": ({"type": "tool", "name": "weather"}, FORCED),
    "anthropic any": ({"type": "any"}, "any"),
    "anthropic auto": ({"type": "auto"}, "auto"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_tool_choices_of_every_format_are_sent_as_mistrals(name: str) -> None:
    choice, expected = CHOICES[name]
    sent_choice = sent(weather, tool_choice=choice).get("tool_choice")
    if isinstance(expected, dict):
        assert sent_choice["function"] == expected["function"]
    else:
        assert sent_choice == expected


@pytest.mark.parametrize(
    ("tools", "choice", "text"),
    [
        ([weather], "wether", "is not the name of a tool; did you mean 'weather'"),
        (
            [weather],
            {"type": "function", "function": {"name": "clock"}},
            r"the tools are \['weather'\]",
        ),
        ([weather], {"type": "sometimes"}, "is not supported"),
        ([], "any", "needs tools, and there are none"),
    ],
)
def test_an_invalid_tool_choice_is_refused(tools: list[Any], choice: Any, text: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    with pytest.raises(InvalidRequestError, match=text):
        chat.bind_tools(tools, tool_choice=choice)


def test_without_tools_only_the_other_arguments_are_sent() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    body = sent(tool_choice="auto", response_format=response_format)
    assert "tools" not in body
    assert "tool_choice" not in body
    closed = schema | {"additionalProperties": False}
    assert body["response_format"]["json_schema"]["schema"] == closed
    assert body["response_format"]["json_schema"]["strict"] is True


def test_parallel_tool_calls_can_be_disabled() -> None:
    assert sent(weather, parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in sent(weather)


def test_a_binding_holds_tools_in_openai_format() -> None:
    bound = ChatPortkeyMistral(base_url="sandbox:").bind_tools([Weather], tool_choice="any")
    assert isinstance(bound, RunnableBinding)
    assert bound.kwargs["tools"][0]["function"]["name"] == "Weather"
    assert bound.kwargs["tool_choice"] == "any"


def test_tools_can_be_passed_to_a_call() -> None:
    wire = network(answer("ok"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    chat.invoke("go", tools=[weather], tool_choice="weather", strict=True)
    (sent_tool,) = wire.bodies[0]["tools"]
    assert sent_tool["function"]["name"] == "weather"
    assert sent_tool["function"]["strict"] is True


def test_field_constraints_are_sent() -> None:
    class Dice(BaseModel):
        sides: int = Field(ge=2, le=100)

    (sent_tool,) = sent(Dice)["tools"]
    sides = sent_tool["function"]["parameters"]["properties"]["sides"]
    assert (sides["minimum"], sides["maximum"]) == (2, 100)


# --- names that Mistral does not accept

NAME = "weather.read"


def named(name: str) -> StructuredTool:
    return StructuredTool.from_function(weather, name=name)


MODES = ["invoke", "ainvoke", "stream", "astream", "events", "aevents"]


async def ask(model: Any, mode: str) -> Any:
    question = "What is the weather in Paris?"
    match mode:
        case "invoke":
            return model.invoke(question)
        case "ainvoke":
            return await model.ainvoke(question)
        case "stream":
            first, *rest = model.stream(question)
            return first + rest
        case "astream":
            first, *rest = [chunk async for chunk in model.astream(question)]
            return first + rest
        case "events":
            run = model.stream_events(question, version="v3")
            assert_valid_event_stream(list(run))
            return run.output
        case _:
            return await (await model.astream_events(question, version="v3")).output


@pytest.mark.parametrize("mode", MODES)
async def test_tool_calls_have_the_callers_name(mistral_sandbox: Sandbox, mode: str) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:").bind_tools([named(NAME)], tool_choice=NAME)
    message = await ask(model, mode)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        (NAME, {"city": "Paris"})
    ]
    body = mistral_sandbox.requests[0].body
    assert body["tools"][0]["function"]["name"] == "weather_read"
    assert body["tool_choice"]["function"]["name"] == "weather_read"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pieces", [["null"], ["nu", "ll"], [""]])
async def test_a_call_without_arguments_has_an_empty_object(pieces: list[str], mode: str) -> None:
    if mode in ("invoke", "ainvoke"):
        reply = answer("", call(0, "".join(pieces), "WcG8xhSs1", "now"))
    else:
        first, *rest = pieces
        calls = [call(0, first, "WcG8xhSs1", "now"), *(call(0, piece) for piece in rest)]
        reply = stream(*({"tool_calls": [each]} for each in calls))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://m.test", **network(reply).clients)
    message = await ask(chat.bind_tools([{"name": "now", "description": "The time."}]), mode)
    assert [(each["name"], each["args"]) for each in message.tool_calls] == [("now", {})]
    assert message.invalid_tool_calls == []


LONG = "look_up_the_weather_of_tomorrow_in_a_city_of_the_list_of_cities__"
ALIKE = {
    "long": (LONG + "in_the_north", LONG + "in_the_south"),
    "chinese": ("查询天气", "查询股票"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("names", ALIKE)
async def test_tools_with_names_that_are_alike_for_mistral_both_work(
    mistral_sandbox: Sandbox, names: str, mode: str
) -> None:
    tools = [named(name) for name in ALIKE[names]]
    for name in ALIKE[names]:
        model = ChatPortkeyMistral(base_url="sandbox:").bind_tools(tools, tool_choice=name)
        message = await ask(model, mode)
        assert [each["name"] for each in message.tool_calls] == [name]
    sent_names = {each["function"]["name"] for each in mistral_sandbox.requests[0].body["tools"]}
    assert len(sent_names) == 2
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


@pytest.mark.parametrize("streaming", [None, True])
def test_an_agent_runs_a_renamed_tool(mistral_sandbox: Sandbox, streaming: bool | None) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:", streaming=streaming)
    agent = create_agent(model, [named(NAME), named("clock/now")])
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    assert "Sun in Paris" in state["messages"][-1].text
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


def test_two_tools_with_the_same_wire_name_are_refused() -> None:
    model = ChatPortkeyMistral(base_url="sandbox:").bind_tools([named("a.b"), named("a/b")])
    with pytest.raises(InvalidRequestError, match=r"'a\.b' and 'a/b', are both sent as 'a_b'"):
        model.invoke("go")
