"""`create_agent` works with the model: tools, parallel calls, and every strategy for structured responses."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import ToolException, tool
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.sandbox import Call, Sandbox
from scripted import answer, call, network, stream


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    celsius: int


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"18 degrees in {city}"


TOOL_CALL = answer(
    "", call(0, '{"city": "Paris"}', "WcG8xhSs1", "get_weather"), finish="tool_calls"
)
JSON = '{"city": "Paris", "celsius": 18}'


def chat(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_calls_a_tool_and_answers(asynchronous: bool) -> None:
    model, wire = chat(TOOL_CALL, answer("18 degrees."))
    agent = create_agent(model, [get_weather], system_prompt="Be brief.")
    question = {"messages": [HumanMessage("How is Paris?")]}
    state = await agent.ainvoke(question) if asynchronous else agent.invoke(question)
    assert state["messages"][-1].text == "18 degrees."
    roles = [message["role"] for message in wire.bodies[1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert wire.bodies[1]["messages"][3]["tool_call_id"] == "WcG8xhSs1"


def test_native_structured_output_is_used_if_the_model_supports_it() -> None:
    model, wire = chat(TOOL_CALL, answer(JSON))
    agent = create_agent(model, [get_weather], response_format=Weather)
    state = agent.invoke({"messages": [HumanMessage("How is Paris?")]})
    assert state["structured_response"] == Weather(city="Paris", celsius=18)
    assert {body["response_format"]["type"] for body in wire.bodies} == {"json_schema"}


@pytest.mark.parametrize("tools", [[], [get_weather]])
def test_the_provider_strategy_with_and_without_tools(tools: list[Any]) -> None:
    model, wire = chat(answer(JSON))
    agent = create_agent(model, tools, response_format=ProviderStrategy(Weather, strict=True))
    state = agent.invoke({"messages": [HumanMessage("How is Paris?")]})
    assert state["structured_response"] == Weather(city="Paris", celsius=18)
    assert wire.bodies[0]["response_format"]["json_schema"]["strict"] is True
    assert ("tools" in wire.bodies[0]) is bool(tools)


def test_the_tool_strategy() -> None:
    model, wire = chat(answer("", call(0, JSON, "WcG8xhSs1", "Weather"), finish="tool_calls"))
    agent = create_agent(model, [get_weather], response_format=ToolStrategy(Weather))
    state = agent.invoke({"messages": [HumanMessage("How is Paris?")]})
    assert state["structured_response"] == Weather(city="Paris", celsius=18)
    assert wire.bodies[0]["tool_choice"] == "any"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_tokens_of_an_agent_are_streamed(asynchronous: bool) -> None:
    first = call(0, '{"city":', "WcG8xhSs1", "get_weather")
    calling = stream(
        {"tool_calls": [first]}, {"tool_calls": [call(0, ' "Paris"}')]}, finish="tool_calls"
    )
    model, _ = chat(calling, stream({"content": "18 "}, {"content": "degrees."}))
    agent = create_agent(model, [get_weather])
    question = {"messages": [HumanMessage("How is Paris?")]}
    if asynchronous:
        chunks = [chunk async for chunk in agent.astream(question, stream_mode="messages")]
    else:
        chunks = list(agent.stream(question, stream_mode="messages"))
    texts = [chunk.text for chunk, _ in chunks if isinstance(chunk, AIMessageChunk) and chunk.text]
    assert texts == ["18 ", "degrees."]


# --- on the sandbox, whose model decides which tool to call


def get_time(city: str) -> str:
    """Tell the time in a city."""
    return f"12:00 in {city}"


async def run(question: str, *, asynchronous: bool, tools: list[Any], **options: Any) -> Any:
    agent = create_agent(ChatPortkeyMistral(base_url="sandbox:"), tools, **options)
    state = {"messages": [HumanMessage(question)]}
    limit: Any = {"recursion_limit": 10}
    return await agent.ainvoke(state, limit) if asynchronous else agent.invoke(state, limit)


def statuses(sandbox: Sandbox) -> set[int]:
    return {exchange.status for exchange in sandbox.requests}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_works_on_the_sandbox(mistral_sandbox: Sandbox, asynchronous: bool) -> None:
    question = "What is the weather in Paris?"
    state = await run(question, asynchronous=asynchronous, tools=[get_weather])
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert "18 degrees in Paris" in state["messages"][-1].text
    assert statuses(mistral_sandbox) == {200}


PARALLEL = {
    "one tool twice": ("What is the weather in Paris and Rome?", ["Paris", "Rome"]),
    "two tools": ("What is the weather in Paris? And what is the time in Rome?", ["Paris", "Rome"]),
}


@pytest.mark.parametrize("name", PARALLEL)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_parallel_tool_calls_are_answered_in_one_step(
    mistral_sandbox: Sandbox, name: str, asynchronous: bool
) -> None:
    question, cities = PARALLEL[name]
    state = await run(question, asynchronous=asynchronous, tools=[get_weather, get_time])
    _, calling, *results, last = state["messages"]
    assert [call["args"]["city"] for call in calling.tool_calls] == cities
    assert [result.tool_call_id for result in results] == [c["id"] for c in calling.tool_calls]
    assert all(city in last.text for city in cities)
    assert statuses(mistral_sandbox) == {200}


@pytest.mark.parametrize("tools", [[], [get_weather]], ids=["alone", "with a tool"])
@pytest.mark.parametrize(
    ("strategy", "sent"),
    [
        (Weather, "response_format"),
        (ProviderStrategy(Weather, strict=True), "response_format"),
        (ToolStrategy(Weather), "tool_choice"),
    ],
    ids=["automatic", "provider", "tool"],
)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_every_strategy_returns_the_structured_response(
    mistral_sandbox: Sandbox, tools: list[Any], strategy: Any, sent: str, asynchronous: bool
) -> None:
    state = await run(
        "What is the weather in Paris?",
        asynchronous=asynchronous,
        tools=tools,
        response_format=strategy,
    )
    celsius = 18 if tools else 0  # without the tool, nothing tells the temperature
    assert state["structured_response"] == Weather(city="Paris", celsius=celsius)
    assert all(sent in exchange.body for exchange in mistral_sandbox.requests)
    assert statuses(mistral_sandbox) == {200}


def test_an_invalid_structured_response_is_requested_again(mistral_sandbox: Sandbox) -> None:
    for celsius in ('"warm"', "18"):
        mistral_sandbox.reply(calls=[Call("Weather", f'{{"city": "Paris", "celsius": {celsius}}}')])
    agent = create_agent(
        ChatPortkeyMistral(base_url="sandbox:"), [], response_format=ToolStrategy(Weather)
    )
    statement = {"messages": [HumanMessage("It is 18 degrees in Paris.")]}
    state = agent.invoke(statement, {"recursion_limit": 10})
    assert state["structured_response"] == Weather(city="Paris", celsius=18)
    assert statuses(mistral_sandbox) == {200}
    assert len(mistral_sandbox.requests) == 2


def test_a_tool_error_is_reported_to_the_model(mistral_sandbox: Sandbox) -> None:
    @tool
    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        raise ToolException(f"No station in {city}.")

    get_weather.handle_tool_error = True
    agent = create_agent(ChatPortkeyMistral(base_url="sandbox:"), [get_weather])
    question = {"messages": [HumanMessage("What is the weather in Paris?")]}
    state = agent.invoke(question, {"recursion_limit": 10})
    assert state["messages"][2].status == "error"
    assert "No station in Paris." in state["messages"][-1].text
    assert statuses(mistral_sandbox) == {200}


def test_a_conversation_of_another_provider_can_be_continued(
    mistral_sandbox: Sandbox,
) -> None:
    history = [
        HumanMessage("What is the weather in Paris?"),
        AIMessage(
            [
                {"type": "thinking", "thinking": "I look.", "signature": "sig"},
                {"type": "tool_use", "id": "toolu_01ABC", "name": "get_weather", "input": {}},
            ],
            tool_calls=[{"name": "get_weather", "args": {"city": "Paris"}, "id": "toolu_01ABC"}],
            response_metadata={"model_provider": "anthropic"},
        ),
        ToolMessage("It is 18 degrees in Paris.", tool_call_id="toolu_01ABC"),
        HumanMessage("And the weather in Rome?"),
    ]
    agent = create_agent(ChatPortkeyMistral(base_url="sandbox:"), [get_weather])
    state = agent.invoke({"messages": history}, {"recursion_limit": 10})
    assert "Rome" in state["messages"][-1].text
    assert statuses(mistral_sandbox) == {200}
