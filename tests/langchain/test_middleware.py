"""LangChain's agent middleware works with the model, its errors and its token counts."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ContextEditingMiddleware,
    LLMToolSelectorMiddleware,
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    ToolCallLimitMiddleware,
)
from langchain.agents.middleware.context_editing import ClearToolUsesEdit
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from packaging.version import Version

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral import sandbox
from portkey_mistral.sandbox import Fault, Sandbox
from scripted import answer, network


def model(name: str = "", **fields: Any) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(**({"base_url": f"sandbox:{name}", "max_retries": 0} | fields))


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is 18 degrees in {city}."


async def run(agent: Any, *messages: Any, asynchronous: bool = False) -> Any:
    state = {"messages": list(messages) or [HumanMessage("What is the weather in Paris?")]}
    limit: Any = {"recursion_limit": 20}
    return await agent.ainvoke(state, limit) if asynchronous else agent.invoke(state, limit)


# --- retry ---

# A fault, and whether the error is retryable.
FAULTS: dict[str, tuple[Fault, bool]] = {
    "400": (Fault(status=400), False),
    "401": (Fault(status=401), False),
    "403": (Fault(status=403), False),
    "404": (Fault(status=404), False),
    "408": (Fault(status=408), True),
    "412": (Fault(status=412), False),
    "422": (Fault(status=422), False),
    "429": (Fault(status=429), True),
    "500": (Fault(status=500), True),
    "502": (Fault(status=502), True),
    "503": (Fault(status=503), True),
    "529": (Fault(status=529), True),
    "refused connection": (Fault(connection="refused"), True),
    "connection lost": (Fault(connection="reset"), True),
    "connect timeout": (Fault(connection="timeout"), True),
    "an HTML page": (Fault(status=200, body="<html>"), True),
}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_retry_middleware_retries_only_retryable_errors(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, jitter=False, on_failure="error")
    for name, (fault, is_retryable) in FAULTS.items():
        mistral_sandbox.reset()
        mistral_sandbox.inject(fault)
        agent = create_agent(model(), [get_weather], middleware=[retry])
        if is_retryable:
            state = await run(agent, asynchronous=asynchronous)
            assert "18 degrees" in state["messages"][-1].text, name
        else:
            with pytest.raises(ModelError):
                await run(agent, asynchronous=asynchronous)
        assert len(mistral_sandbox.requests) == (3 if is_retryable else 1), name


# --- fallback ---


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_fallback_middleware_uses_the_next_model(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    sandbox.get("first").fail(503, times=None)
    fallback = ModelFallbackMiddleware(model("second", model="mistral-large-latest"))
    agent = create_agent(model("first"), [get_weather], middleware=[fallback])
    state = await run(agent, asynchronous=asynchronous)
    assert "18 degrees" in state["messages"][-1].text
    bodies = [exchange.body for exchange in sandbox.get("second").requests]
    assert [body["model"] for body in bodies] == ["mistral-large-latest"] * 2
    assert all(body["tools"][0]["function"]["name"] == "get_weather" for body in bodies)


# --- summarisation ---


async def test_summarisation_trusts_reported_token_counts() -> None:
    wire = network(answer("a summary"), answer("done"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    summarise = SummarizationMiddleware(chat, trigger=("tokens", 5000), keep=("messages", 1))
    previous = AIMessage(
        "long",
        response_metadata={"model_provider": "portkey-mistral"},
        usage_metadata={"input_tokens": 9000, "output_tokens": 1, "total_tokens": 9001},
    )
    agent = create_agent(chat, [], middleware=[summarise])
    state = await run(agent, HumanMessage("hi"), previous, HumanMessage("go"))
    assert state["messages"][-1].text == "done"
    assert "a summary" in wire.bodies[1]["messages"][0]["content"]


@pytest.mark.parametrize(("fraction", "summaries"), [(0.5, 1), (0.95, 0)])
async def test_summarisation_uses_the_context_window_of_the_profile(
    mistral_sandbox: Sandbox, fraction: float, summaries: int
) -> None:
    chat = model()
    window = (chat.profile or {})["max_input_tokens"]
    used = int(window * 0.8)
    before = AIMessage(
        "long",
        response_metadata={"model_provider": "portkey-mistral"},
        usage_metadata={"input_tokens": used, "output_tokens": 1, "total_tokens": used + 1},
    )
    summarise = SummarizationMiddleware(chat, trigger=("fraction", fraction), keep=("messages", 1))
    agent = create_agent(chat, [], middleware=[summarise])
    await run(agent, HumanMessage("hi"), before, HumanMessage("go"))
    assert len(mistral_sandbox.requests) == 1 + summaries


@pytest.mark.skipif(
    Version(version("langchain")) < Version("1.5"),
    reason="LangChain's summarisation trims what is too long to summarise since 1.5",
)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_history_too_long_to_summarise_is_trimmed_and_sent_again(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    """The sandbox refuses a prompt that is too long, as Mistral does."""
    chat = model(model="codestral-latest")
    window = (chat.profile or {})["max_input_tokens"]
    summarise = SummarizationMiddleware(
        chat, trigger=("messages", 3), keep=("messages", 1), trim_tokens_to_summarize=None
    )
    agent = create_agent(chat, [], middleware=[summarise])
    long = [HumanMessage("word " * window), AIMessage("I see."), HumanMessage("Say exactly: done")]
    state = await run(agent, *long, asynchronous=asynchronous)
    assert state["messages"][-1].text == "done"
    assert [exchange.status for exchange in mistral_sandbox.requests] == [400, 200, 200]


# --- limits, editing, choosing ---


async def test_the_model_call_limit_ends_a_run(mistral_sandbox: Sandbox) -> None:
    limit = ModelCallLimitMiddleware(run_limit=1, exit_behavior="end")
    state = await run(create_agent(model(), [get_weather], middleware=[limit]))
    assert len(mistral_sandbox.requests) == 1
    assert "limit" in state["messages"][-1].text


async def test_the_tool_call_limit_is_reported_to_the_model(mistral_sandbox: Sandbox) -> None:
    limit = ToolCallLimitMiddleware(run_limit=1, exit_behavior="continue")
    question = HumanMessage("What is the weather in Paris and Rome?")
    state = await run(create_agent(model(), [get_weather], middleware=[limit]), question)
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert sorted(result.status for result in results) == ["error", "success"]
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}


@pytest.mark.parametrize("method", ["model", "approximate"])
async def test_old_tool_results_are_cleared_by_token_count(
    mistral_sandbox: Sandbox, method: Any
) -> None:
    edit = ClearToolUsesEdit(trigger=200, keep=1)
    middleware = ContextEditingMiddleware(edits=[edit], token_count_method=method)
    calls = [{"name": "get_weather", "args": {"city": c}, "id": f"call{c}00"} for c in "AB"]
    history = [
        HumanMessage("Weather?"),
        AIMessage("", tool_calls=calls),
        ToolMessage("sun " * 400, tool_call_id="callA00"),
        ToolMessage("rain", tool_call_id="callB00"),
        HumanMessage("Say exactly: done"),
    ]
    await run(create_agent(model(), [get_weather], middleware=[middleware]), *history)
    (exchange,) = mistral_sandbox.requests
    results = [turn["content"] for turn in exchange.body["messages"] if turn["role"] == "tool"]
    assert results == ["[cleared]", "rain"]


async def test_a_model_can_select_tools(mistral_sandbox: Sandbox) -> None:
    def get_time(city: str) -> str:
        """Tell the time in a city."""
        return f"12:00 in {city}"

    sandbox.get("chooser").reply('{"tools": ["get_weather"]}', times=None)
    middleware = LLMToolSelectorMiddleware(model=model("chooser"), max_tools=1)
    state = await run(create_agent(model(), [get_weather, get_time], middleware=[middleware]))
    assert "18 degrees" in state["messages"][-1].text
    choosing = [exchange.body for exchange in sandbox.get("chooser").requests]
    calling = [exchange.body for exchange in mistral_sandbox.requests]
    assert {body["response_format"]["type"] for body in choosing} == {"json_schema"}
    names = {tool["function"]["name"] for body in calling for tool in body["tools"]}
    assert names == {"get_weather"}
