"""Agents of LangChain and LangGraph work with the model, and its errors with their middleware."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware, SummarizationMiddleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from pydantic import BaseModel
from scripted import answer, call, network, stream

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.sandbox import Sandbox


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    celsius: int


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"18 degrees in {city}"


CALLING = answer("", call(0, '{"city": "Paris"}', "WcG8xhSs1", "get_weather"), finish="tool_calls")
JSON = '{"city": "Paris", "celsius": 18}'


def chat(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_calls_a_tool_and_answers(asynchronous: bool) -> None:
    model, wire = chat(CALLING, answer("18 degrees."))
    agent = create_agent(model, [get_weather], system_prompt="Be brief.")
    question = {"messages": [HumanMessage("How is Paris?")]}
    state = await agent.ainvoke(question) if asynchronous else agent.invoke(question)
    assert state["messages"][-1].text == "18 degrees."
    roles = [message["role"] for message in wire.bodies[1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert wire.bodies[1]["messages"][3]["tool_call_id"] == "WcG8xhSs1"


def test_a_models_own_structured_output_is_used_where_it_has_one() -> None:
    model, wire = chat(CALLING, answer(JSON))
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
        pieces = [piece async for piece in agent.astream(question, stream_mode="messages")]
    else:
        pieces = list(agent.stream(question, stream_mode="messages"))
    texts = [chunk.text for chunk, _ in pieces if isinstance(chunk, AIMessageChunk) and chunk.text]
    assert texts == ["18 ", "degrees."]


def test_langchains_retry_middleware_tries_again_what_may_succeed() -> None:
    import httpx

    busy = httpx.Response(503, json={"message": "busy"})
    model, wire = chat(busy, answer("done"), max_retries=0)
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, jitter=False, on_failure="error")
    state = create_agent(model, [], middleware=[retry]).invoke({"messages": [HumanMessage("go")]})
    assert state["messages"][-1].text == "done"
    assert len(wire.requests) == 2


def test_the_summarisation_middleware_trusts_our_token_counts() -> None:
    model, wire = chat(answer("a summary"), answer("done"))
    summarise = SummarizationMiddleware(model, trigger=("tokens", 5000), keep=("messages", 1))
    before = AIMessage(
        "long",
        response_metadata={"model_provider": "portkey-mistral"},
        usage_metadata={"input_tokens": 9000, "output_tokens": 1, "total_tokens": 9001},
    )
    agent = create_agent(model, [], middleware=[summarise])
    state = agent.invoke({"messages": [HumanMessage("hi"), before, HumanMessage("go")]})
    assert state["messages"][-1].text == "done"
    assert "a summary" in wire.bodies[1]["messages"][0]["content"]


def test_an_agent_works_on_the_sandbox(mistral_sandbox: Sandbox) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:")
    state = create_agent(model, [get_weather]).invoke(
        {"messages": [HumanMessage("What is the weather in Paris?")]}
    )
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}
