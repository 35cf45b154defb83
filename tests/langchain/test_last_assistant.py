"""A conversation that ends with an assistant message: continued, or followed by an answer of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.graph import StateGraph
from langgraph.graph.message import MessagesState
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.sandbox import Sandbox
from scripted import answer, network, stream

FINISHED = {"finish_reason": "stop", "model_provider": "openai"}
CUT = {"finish_reason": "length"}


class Weather(BaseModel):
    """The weather."""

    city: str
    celsius: int


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"It is 18 degrees in {city}."


def chat(*replies: Any, **fields: Any) -> tuple[ChatPortkeyMistral, Any]:
    wire = network(*replies)
    connection = {"api_key": "k", "base_url": "https://mistral.test", **wire.clients}
    return ChatPortkeyMistral(**(connection | fields)), wire


CONTINUED: dict[str, tuple[AIMessage, bool]] = {
    "written by the caller": (AIMessage("Once upon"), True),
    "cut off": (AIMessage("Once upon", response_metadata=CUT), True),
    "marked as a prefix": (
        AIMessage("Once upon", response_metadata=FINISHED, additional_kwargs={"prefix": True}),
        True,
    ),
    "marked as none": (AIMessage("Once upon", additional_kwargs={"prefix": False}), False),
    "finished by a model": (AIMessage("Once upon", response_metadata=FINISHED), False),
    "finished by Anthropic's": (
        AIMessage("Once upon", response_metadata={"stop_reason": "end_turn"}),
        False,
    ),
    "finished by Bedrock's": (
        AIMessage("Once upon", response_metadata={"stopReason": "end_turn"}),
        False,
    ),
    "finished by Ollama's": (
        AIMessage("Once upon", response_metadata={"done_reason": "stop"}),
        False,
    ),
    "finished by Google's": (
        AIMessage("Once upon", response_metadata={"finish_reason": "STOP"}),
        False,
    ),
    "finished by OpenAI's Responses": (
        AIMessage("Once upon", response_metadata={"status": "completed"}),
        False,
    ),
    "cut off by OpenAI's Responses": (
        AIMessage("Once upon", response_metadata={"status": "incomplete"}),
        True,
    ),
    "cut off by Google's": (
        AIMessage("Once upon", response_metadata={"finish_reason": "MAX_TOKENS"}),
        True,
    ),
    "paused by Anthropic's": (
        AIMessage("Once upon", response_metadata={"stop_reason": "pause_turn"}),
        True,
    ),
    "written by a model that gives no reason": (AIMessage("Once upon", id="lc_run--1-0"), False),
    "written by one of LangChain before 1.0": (AIMessage("Once upon", id="run-1-0"), False),
    "cut off before its reason came": (
        AIMessage("Once upon", id="lc_run--1", response_metadata={"model_provider": "openai"}),
        True,
    ),
    "a part of a stream": (AIMessageChunk("Once upon", id="lc_run--1"), True),
    "written by an agent": (AIMessage("Once upon", name="writer"), False),
}


@pytest.mark.parametrize("name", CONTINUED)
def test_only_the_beginning_of_an_answer_is_continued(name: str) -> None:
    last, continued = CONTINUED[name]
    model, wire = chat(answer("ok"))
    model.invoke([HumanMessage("Go."), last])
    sent = wire.bodies[0]["messages"]
    assert sent[1]["content"] == "Once upon"
    assert sent[1].get("prefix", False) is continued
    assert [message["role"] for message in sent[2:]] == ([] if continued else ["user"])


def test_a_message_that_a_late_tool_result_leaves_last_is_not_continued_if_it_was_finished() -> (
    None
):
    model, wire = chat(answer("ok"))
    call = {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}
    calling = AIMessage("", tool_calls=[call])
    finished = AIMessage("Wait.", response_metadata=FINISHED)
    model.invoke([HumanMessage("Go."), calling, finished, ToolMessage("18", tool_call_id="call_1")])
    *_, result, last, asked = wire.bodies[0]["messages"]
    assert (result["role"], last["content"], asked["role"]) == ("tool", "Wait.", "user")
    assert "prefix" not in last


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_a_schema_requires_a_new_answer(method: Any) -> None:
    model, wire = chat(answer("{}"))
    structured = model.with_structured_output(Weather, method=method)
    structured.first.invoke([HumanMessage("Go."), AIMessage("18 degrees")])  # type: ignore[attr-defined]
    assert [message["role"] for message in wire.bodies[0]["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(
    ("choice", "continued"), [("any", False), ("get_weather", False), ("auto", True)]
)
def test_a_required_tool_call_is_a_new_answer(choice: str, continued: bool) -> None:
    model, wire = chat(answer("ok"))
    model.bind_tools([get_weather], tool_choice=choice).invoke(
        [HumanMessage("Go."), AIMessage("Let me see")]
    )
    assert wire.bodies[0]["messages"][-1].get("prefix", False) is continued


HALF: list[BaseMessage] = [HumanMessage("Tell."), AIMessage("Once upon")]


@pytest.mark.parametrize(
    ("text", "expected"), [("Once upon a time", " a time"), (" a time", " a time")]
)
async def test_the_sent_text_is_not_repeated(text: str, expected: str) -> None:
    model, _ = chat(answer(text), answer(text))
    assert model.invoke(HALF).text == expected
    assert (await model.ainvoke(HALF)).text == expected
    for cut in range(len(text)):
        pieces = [{"content": text[:cut]}, {"content": text[cut:]}]
        model, _ = chat(stream(*pieces), stream(*pieces))
        assert "".join(chunk.text for chunk in model.stream(HALF)) == expected
        assert "".join([chunk.text async for chunk in model.astream(HALF)]) == expected


def test_a_prefix_that_the_caller_marked_comes_back_as_the_api_documents_it() -> None:
    model, _ = chat(answer("Once upon a time"))
    marked = AIMessage("Once upon", additional_kwargs={"prefix": True})
    assert model.invoke([HumanMessage("Tell."), marked]).text == "Once upon a time"


def test_the_state_of_a_graph_repeats_nothing(mistral_sandbox: Sandbox) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:")

    def node(role: str) -> Any:
        def run(state: MessagesState) -> dict[str, Any]:
            return {"messages": [model.invoke([SystemMessage(role), *state["messages"]])]}

        return run

    graph = StateGraph(MessagesState)
    graph.add_node("writer", node("Write."))
    graph.add_node("critic", node("Criticise what was written."))
    graph.set_entry_point("writer")
    graph.add_edge("writer", "critic")
    start: list[AnyMessage] = [HumanMessage("A line about the sea.")]
    _, first, second = graph.compile().invoke({"messages": start})["messages"]
    sent = mistral_sandbox.requests[-1].body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert not second.text.startswith(first.text)


# LangGraph's older agent, which many still use.
@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
def test_an_agent_that_answered_gives_its_structured_response() -> None:
    from langgraph.prebuilt import create_react_agent

    agent = create_react_agent(
        ChatPortkeyMistral(base_url="sandbox:"), [get_weather], response_format=Weather
    )
    question: Any = {"messages": [("user", "What is the weather in Paris?")]}
    expected = Weather(city="Paris", celsius=18)
    assert agent.invoke(question)["structured_response"] == expected
    state = asyncio.run(agent.ainvoke(question))
    assert state["structured_response"] == expected


def test_a_continued_answer_that_breaks_off_is_resumed() -> None:
    cut = stream({"content": "Once upon a"}, finish=None)
    rest = stream({"content": "Once upon a time"})
    model, wire = chat(cut, rest, on_interrupt="resume")
    assert "".join(chunk.text for chunk in model.stream(HALF)) == " a time"
    assert wire.bodies[1]["messages"][-1]["content"] == "Once upon a"
