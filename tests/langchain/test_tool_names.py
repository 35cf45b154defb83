"""Names of tools that Mistral does not take: spelled for it on the way out, the caller's own on the way back."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import StructuredTool
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)
NAME = "weather.read"


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"18 degrees in {city}"


def tool(name: str = NAME) -> StructuredTool:
    return StructuredTool.from_function(weather, name=name)


WAYS = ["invoke", "ainvoke", "stream", "astream", "events", "aevents"]


async def ask(model: Any, way: str) -> Any:
    question = "What is the weather in Paris?"
    match way:
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


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_comes_back_under_the_callers_name(mistral_sandbox: Sandbox, way: str) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:").bind_tools([tool()], tool_choice=NAME)
    message = await ask(model, way)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        (NAME, {"city": "Paris"})
    ]
    body = mistral_sandbox.requests[0].body
    assert body["tools"][0]["function"]["name"] == "weather_read"
    assert body["tool_choice"]["function"]["name"] == "weather_read"


@pytest.mark.parametrize("streaming", [None, True])
def test_an_agent_runs_the_tool(mistral_sandbox: Sandbox, streaming: bool | None) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:", streaming=streaming)
    agent = create_agent(model, [tool(), tool("clock/now")])
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Paris?")]})
    assert "18 degrees in Paris" in state["messages"][-1].text
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


def test_two_names_that_are_one_to_mistral_are_refused() -> None:
    model = ChatPortkeyMistral(base_url="sandbox:").bind_tools([tool("a.b"), tool("a/b")])
    with pytest.raises(InvalidRequestError, match=r"'a\.b' and 'a/b', are both 'a_b'"):
        model.invoke("go")
