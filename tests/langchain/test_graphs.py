"""LangGraph on the sandbox: every stream mode, and runs that are interrupted for a human and resumed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    messages_from_dict,
    messages_to_dict,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.config import get_stream_writer
from langgraph.types import Command
from pydantic_core import from_json, to_json

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.sandbox import Call, Sandbox

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

QUESTION = {"messages": [HumanMessage("What is the weather in Paris?")]}
LIMIT: Any = {"recursion_limit": 10}


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    get_stream_writer()(f"looking at {city}")
    return f"It is 18 degrees in {city}."


def agent(**options: Any) -> Any:
    return create_agent(ChatPortkeyMistral(base_url="sandbox:"), [get_weather], **options)


async def streamed(graph: Any, mode: Any, *, asynchronous: bool) -> list[Any]:
    if asynchronous:
        return [item async for item in graph.astream(QUESTION, LIMIT, stream_mode=mode)]
    return list(graph.stream(QUESTION, LIMIT, stream_mode=mode))


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_values_and_updates_are_streamed(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    values = await streamed(agent(), "values", asynchronous=asynchronous)
    updates = await streamed(agent(), "updates", asynchronous=asynchronous)
    assert [len(state["messages"]) for state in values] == [1, 2, 3, 4]
    assert [list(update) for update in updates] == [["model"], ["tools"], ["model"]]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_messages_are_streamed_in_chunks(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    items = await streamed(agent(), "messages", asynchronous=asynchronous)
    by_id: dict[str, list[AIMessageChunk]] = {}
    for message, _ in items:
        if isinstance(message, AIMessageChunk):
            by_id.setdefault(str(message.id), []).append(message)
    calling, answering = (chunks[0] + chunks[1:] for chunks in by_id.values())
    assert [call["args"] for call in calling.tool_calls] == [{"city": "Paris"}]
    assert "18 degrees in Paris" in answering.text
    assert all(len(chunks) > 1 for chunks in by_id.values())
    assert {exchange.body["stream"] for exchange in mistral_sandbox.requests} == {True}
    for whole in (calling, answering):
        assert whole.usage_metadata["total_tokens"] > 0
        assert whole.response_metadata["finish_reason"] in ("tool_calls", "stop")


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_other_stream_modes_work_alone_and_together(
    mistral_sandbox: Sandbox, asynchronous: bool
) -> None:
    assert await streamed(agent(), "custom", asynchronous=asynchronous) == ["looking at Paris"]
    tasks = await streamed(agent(), "tasks", asynchronous=asynchronous)
    assert [task["name"] for task in tasks if "input" in task] == ["model", "tools", "model"]
    assert await streamed(agent(), "debug", asynchronous=asynchronous)
    both = await streamed(agent(), ["updates", "messages", "custom"], asynchronous=asynchronous)
    assert {mode for mode, _ in both} == {"updates", "messages", "custom"}


async def test_v2_events(mistral_sandbox: Sandbox) -> None:
    events = [event async for event in agent().astream_events(QUESTION, LIMIT, version="v2")]
    names = [event["event"] for event in events]
    assert names.count("on_chat_model_start") == names.count("on_chat_model_end") == 2
    ended = [event["data"]["output"] for event in events if event["event"] == "on_chat_model_end"]
    assert [bool(message.tool_calls) for message in ended] == [True, False]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_v3_events(mistral_sandbox: Sandbox, asynchronous: bool) -> None:
    if asynchronous:
        run = await agent().astream_events(QUESTION, LIMIT, version="v3")
        messages = [await message.output async for message in run.messages]
        state = await run.output()
    else:
        run = agent().stream_events(QUESTION, LIMIT, version="v3")
        messages = [message.output for message in run.messages]
        state = run.output
    calling, answering = messages
    assert calling.tool_calls[0]["args"] == {"city": "Paris"}
    assert "18 degrees in Paris" in answering.text
    assert state["messages"][-1].text == answering.text


# --- interrupts and checkpoints


class PickleSerializer:
    """Serialises checkpoints with pickle, as some savers do."""

    def dumps_typed(self, value: Any) -> tuple[str, bytes]:
        return "pickle", pickle.dumps(value)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        return pickle.loads(data[1])


def json_round_trip(message: AIMessage) -> AIMessage:
    (copied,) = messages_from_dict(from_json(to_json(messages_to_dict([message]))))
    assert isinstance(copied, AIMessage)
    return copied


SERIALIZERS: dict[str, Any] = {"json plus": JsonPlusSerializer(), "pickle": PickleSerializer()}
DECISIONS: dict[str, tuple[dict[str, Any], str]] = {
    "approved": ({"type": "approve"}, "18 degrees in Paris"),
    "edited": (
        {"type": "edit", "edited_action": {"name": "get_weather", "args": {"city": "Rome"}}},
        "18 degrees in Rome",
    ),
    "rejected": ({"type": "reject", "message": "Not today."}, "Not today."),
}


@pytest.mark.parametrize("serializer", SERIALIZERS)
@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_interrupted_run_resumes_from_its_checkpoint(
    mistral_sandbox: Sandbox, serializer: str, decision: str, asynchronous: bool
) -> None:
    resume, expected = DECISIONS[decision]
    saver = InMemorySaver(serde=SERIALIZERS[serializer])
    config: Any = LIMIT | {"configurable": {"thread_id": "one"}}

    def new_agent() -> Any:
        """Build everything again, as after a restart; only the checkpoint is left."""
        human = HumanInTheLoopMiddleware(interrupt_on={"get_weather": True})
        return agent(checkpointer=saver, middleware=[human])

    async def run(graph: Any, input_: Any) -> Any:
        if asynchronous:
            return await graph.ainvoke(input_, config)
        return graph.invoke(input_, config)

    stopped = await run(new_agent(), QUESTION)
    (interrupt,) = stopped["__interrupt__"]
    assert interrupt.value["action_requests"][0]["args"] == {"city": "Paris"}
    state = await run(new_agent(), Command(resume={"decisions": [resume]}))
    assert expected in state["messages"][-1].text
    assert [exchange.status for exchange in mistral_sandbox.requests] == [200, 200]


def test_a_message_survives_a_checkpoint_unchanged(
    mistral_sandbox: Sandbox,
) -> None:
    mistral_sandbox.reply(thinking="Let me see.", calls=[Call("get_weather", '{"city": "Paris"}')])
    chat = ChatPortkeyMistral(base_url="sandbox:", reasoning_effort="high")
    message = chat.bind_tools([get_weather]).invoke("What is the weather in Paris?")
    types = [block["type"] for block in message.content_blocks]
    assert types == ["reasoning", "tool_call"]
    for copied in (
        pickle.loads(pickle.dumps(message)),
        JsonPlusSerializer().loads_typed(JsonPlusSerializer().dumps_typed(message)),
        json_round_trip(message),
    ):
        assert copied == message
        assert copied.content_blocks == message.content_blocks
        assert copied.response_metadata == message.response_metadata
        assert copied.usage_metadata == message.usage_metadata


def test_a_checkpoint_can_be_read_without_this_package(
    mistral_sandbox: Sandbox,
) -> None:
    mistral_sandbox.reply("It is warm.", thinking="Let me see.")
    chat = ChatPortkeyMistral(base_url="sandbox:", reasoning_effort="high")
    message = chat.invoke("How is Paris?")
    reader = """
import pickle, sys
message = pickle.loads(sys.stdin.buffer.read())
assert not any("portkey" in name for name in sys.modules)
print([block["type"] for block in message.content_blocks], message.text)
"""
    done = subprocess.run(
        [sys.executable, "-c", reader], input=pickle.dumps(message), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "['reasoning', 'text'] It is warm."
