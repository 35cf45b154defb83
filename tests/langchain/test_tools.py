"""Tools and tool choices, in every spelling that LangChain knows."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as OldBaseModel

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import InvalidRequestError
from scripted import answer, network

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


def weather(city: str) -> str:
    """Tell the weather."""
    return city


class Weather(BaseModel):
    """Tell the weather."""

    city: str


class OldWeather(OldBaseModel):
    """Tell the weather."""

    city: str


class TypedWeather(TypedDict):
    """Tell the weather."""

    city: str


FORMS: dict[str, tuple[Any, str]] = {
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


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_tool_is_sent_as_a_function(form: str) -> None:
    given, name = FORMS[form]
    (described,) = sent(given)["tools"]
    assert described["type"] == "function"
    function = described["function"]
    assert (function["name"], function["description"]) == (name, "Tell the weather.")
    assert function["parameters"]["properties"]["city"]["type"] == "string"
    assert function["parameters"]["required"] == ["city"]
    assert "cache_control" not in described


@pytest.mark.parametrize("form", FORMS)
def test_strict_stands_in_the_tool_and_nowhere_else(form: str) -> None:
    given, _ = FORMS[form]
    body = sent(given, strict=True)
    assert body["tools"][0]["function"]["strict"] is True
    assert "strict" not in body


def test_a_tool_without_parameters_gets_an_empty_object() -> None:
    (described,) = sent({"name": "now", "description": "The time."})["tools"]
    assert described["function"]["parameters"] == {"type": "object", "properties": {}}


def test_mistrals_own_tools_go_as_they_are() -> None:
    built_in = {"type": "document_library", "library_ids": ["l1"]}
    assert sent(weather, built_in)["tools"][1] == built_in


FORCED = {"type": "function", "function": {"name": "weather"}}
CHOICES: dict[str, tuple[Any, Any]] = {
    "none given": (None, None),
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
def test_each_form_of_a_choice_is_sent_as_mistral_has_it(name: str) -> None:
    choice, expected = CHOICES[name]
    sent_choice = sent(weather, tool_choice=choice).get("tool_choice")
    if isinstance(expected, dict):
        assert sent_choice["function"] == expected["function"]
    else:
        assert sent_choice == expected


@pytest.mark.parametrize(
    ("tools", "choice", "text"),
    [
        ([weather], "wether", "names no tool; did you mean 'weather'"),
        (
            [weather],
            {"type": "function", "function": {"name": "clock"}},
            r"the tools are \['weather'\]",
        ),
        ([weather], {"type": "sometimes"}, "is not understood"),
        ([], "any", "needs tools, and there are none"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(tools: list[Any], choice: Any, text: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    with pytest.raises(InvalidRequestError, match=text):
        chat.bind_tools(tools, tool_choice=choice)


def test_no_tools_send_none_but_the_rest_stays() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    form = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    body = sent(tool_choice="auto", response_format=form)
    assert "tools" not in body
    assert "tool_choice" not in body
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert body["response_format"]["json_schema"]["strict"] is True


def test_parallel_calls_can_be_turned_off() -> None:
    assert sent(weather, parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in sent(weather)


def test_the_binding_shows_tools_as_langchains_middleware_reads_them() -> None:
    bound = ChatPortkeyMistral(base_url="sandbox:").bind_tools([Weather], tool_choice="any")
    assert isinstance(bound, RunnableBinding)
    assert bound.kwargs["tools"][0]["function"]["name"] == "Weather"
    assert bound.kwargs["tool_choice"] == "any"


def test_tools_of_one_call_are_described_too() -> None:
    wire = network(answer("ok"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    chat.invoke("go", tools=[weather], tool_choice="weather", strict=True)
    (described,) = wire.bodies[0]["tools"]
    assert described["function"]["name"] == "weather"
    assert described["function"]["strict"] is True


def test_bounds_of_a_field_reach_the_model() -> None:
    class Dice(BaseModel):
        sides: int = Field(ge=2, le=100)

    (described,) = sent(Dice)["tools"]
    sides = described["function"]["parameters"]["properties"]["sides"]
    assert (sides["minimum"], sides["maximum"]) == (2, 100)
