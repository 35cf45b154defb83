"""Workflows: steps, stored contexts and memories, and histories of other integrations."""

from __future__ import annotations

import json

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.workflow import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    JsonSerializer,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from portkey_mistral.sandbox import Call

ADD = Call("add", '{"a": 1, "b": 2}')


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def roles(body) -> list[str]:
    return [message["role"] for message in body["messages"]]


class Drafted(Event):
    text: str


async def test_steps_ask_the_model(llm, mistral_sandbox):
    class Writer(Workflow):
        @step
        async def draft(self, event: StartEvent) -> Drafted:
            return Drafted(text=(await llm.acomplete(f"Draft: {event.topic}")).text)

        @step
        async def polish(self, ctx: Context, event: Drafted) -> StopEvent:
            pieces = [piece.delta async for piece in await llm.astream_complete(event.text)]
            return StopEvent(result="".join(pieces))

    mistral_sandbox.reply("A draft.")
    mistral_sandbox.reply("A text.")
    assert await Writer(timeout=10).run(topic="é") == "A text."
    assert mistral_sandbox.requests[1].body["messages"][0]["content"] == "A draft."


class Assistant(Workflow):
    """Asks a model for tool calls, waits for a person, and goes on with the same history."""

    def __init__(self, llm, **kwargs) -> None:
        super().__init__(**kwargs)
        self.llm = llm

    @step
    async def ask(self, ctx: Context, event: StartEvent) -> InputRequiredEvent:
        history = [ChatMessage(role="user", content=event.question)]
        answer = await self.llm.achat(history, tools=[TOOL])
        await ctx.store.set("history", [each.model_dump() for each in (*history, answer.message)])
        return InputRequiredEvent(prefix="May I?")

    @step
    async def answer(self, ctx: Context, event: HumanResponseEvent) -> StopEvent:
        stored = await ctx.store.get("history")
        history = [ChatMessage.model_validate(message) for message in stored]
        (call,) = [block for block in history[-1].blocks if isinstance(block, ToolCallBlock)]
        result = ChatMessage(
            role="tool",
            content=event.response,
            additional_kwargs={"tool_call_id": call.tool_call_id},
        )
        return StopEvent(result=(await self.llm.achat([*history, result])).message.content)


TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Add.", "parameters": {"type": "object"}},
}


async def test_a_context_with_tool_calls_is_stored_midway_and_taken_up_again(
    llm, mistral_sandbox, bodies
):
    mistral_sandbox.reply("Let me see.", calls=[ADD], thinking="Hm.")
    handler = Assistant(llm, timeout=10).run(question="1 + 2?")
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            break
    stored = json.dumps(handler.ctx.to_dict(serializer=JsonSerializer()))
    await handler.cancel_run()
    assert "sk-the-key" not in stored

    mistral_sandbox.reply("It is 3.")
    workflow = Assistant(llm, timeout=10)
    context = Context.from_dict(workflow, json.loads(stored), serializer=JsonSerializer())
    again = workflow.run(ctx=context)
    again.ctx.send_event(HumanResponseEvent(response="3"))
    assert await again == "It is 3."
    sent = bodies()[-1]["messages"]
    assert roles(bodies()[-1]) == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"]
    assert [part["type"] for part in sent[1]["content"]] == ["thinking", "text"]


MEMORIES = {
    "buffer": lambda: ChatMemoryBuffer.from_defaults(token_limit=10_000),
    "stored buffer": lambda: ChatMemoryBuffer.from_defaults(
        token_limit=10_000, chat_store=SimpleChatStore()
    ),
    "memory": lambda: Memory.from_defaults(session_id="s", token_limit=10_000),
}


@pytest.mark.parametrize("make_memory", MEMORIES.values(), ids=MEMORIES)
async def test_a_memory_survives_a_round_trip(llm, mistral_sandbox, bodies, make_memory):
    memory = make_memory()
    agent = FunctionAgent(tools=[add], llm=llm)
    mistral_sandbox.reply("Let me see.", calls=[ADD], thinking="Hm.")
    mistral_sandbox.reply("It is 3.")
    mistral_sandbox.reply("It was 3.")
    await agent.run("1 + 2?", memory=memory)
    await agent.run("What was it?", memory=memory)
    assert roles(bodies()[-1]) == ["user", "assistant", "tool", "assistant", "user"]
    assert bodies()[-1]["messages"][: len(bodies()[1]["messages"])] == bodies()[1]["messages"]


@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key")
async def test_an_agents_context_is_stored_and_taken_up_again(llm, mistral_sandbox, bodies):
    """Core leaves the memory out of a stored context, so the memory is stored separately."""
    agent = FunctionAgent(tools=[add], llm=llm)
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    mistral_sandbox.reply("", calls=[ADD])
    mistral_sandbox.reply("It is 3.")
    handler = agent.run("1 + 2?", memory=memory, ctx=(context := Context(agent)))
    await handler
    stored = json.dumps(context.to_dict(serializer=JsonSerializer()))
    kept = json.dumps([message.model_dump(mode="json") for message in memory.get_all()])

    messages = [ChatMessage.model_validate(message) for message in json.loads(kept)]
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000, chat_history=messages)
    context = Context.from_dict(agent, json.loads(stored), serializer=JsonSerializer())
    mistral_sandbox.reply("It was 3.")
    result = await agent.run("What was it?", memory=memory, ctx=context)
    assert str(result) == "It was 3."
    assert roles(bodies()[-1]) == ["user", "assistant", "tool", "assistant", "user"]


@pytest.fixture
def team(llm):
    """Make an agent, alone or in a workflow, with a tool that asks a person."""

    async def erase(ctx: Context, what: str) -> str:
        """Erase it."""
        question = InputRequiredEvent(prefix=f"Erase {what}?")
        reply = await ctx.wait_for_event(HumanResponseEvent, waiter_id="w", waiter_event=question)
        return f"{what}: {reply.response}"

    # Core reads them as they are, and here they are text.
    erase.__annotations__ = {"ctx": Context, "what": str, "return": str}

    def make(kind: str, *, streaming: bool) -> FunctionAgent | AgentWorkflow:
        agent = FunctionAgent(name="eraser", description="Erases.", tools=[erase], llm=llm)
        agent.streaming = streaming
        return agent if kind == "agent" else AgentWorkflow(agents=[agent], root_agent="eraser")

    return make


@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key")
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("kind", ["agent", "workflow"])
async def test_an_agent_that_waits_for_a_person_is_stored_midway_and_taken_up_again(
    team, mistral_sandbox, bodies, kind, streaming
):
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    mistral_sandbox.reply("Shall I?", calls=[Call("erase", '{"what": "it"}')], thinking="Hm.")
    handler = team(kind, streaming=streaming).run("Erase it.", memory=memory)
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            break
    stored = json.dumps(handler.ctx.to_dict(serializer=JsonSerializer()))
    kept = [message.model_dump_json() for message in memory.get_all()]
    await handler.cancel_run()
    assert "sk-the-key" not in stored

    mistral_sandbox.reply("It is gone.")
    agent = team(kind, streaming=streaming)
    context = Context.from_dict(agent, json.loads(stored), serializer=JsonSerializer())
    again = agent.run(ctx=context)
    history = [ChatMessage.model_validate_json(message) for message in kept]
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000, chat_history=history)
    await again.ctx.store.set("memory", memory)  # core leaves it out of a stored context
    again.ctx.send_event(HumanResponseEvent(response="yes"))
    assert str(await again) == "It is gone."
    assert roles(bodies()[-1]) == ["user", "assistant", "tool"]
    _, call, result = bodies()[-1]["messages"]
    assert [part["type"] for part in call["content"]] == ["thinking", "text"]
    assert (result["content"], result["tool_call_id"]) == ("it: yes", call["tool_calls"][0]["id"])


OPENAI = [
    ChatMessage(role="user", content="1 + 2?"),
    ChatMessage(
        role="assistant",
        additional_kwargs={
            "tool_calls": [
                {
                    "id": "call_abcdefghijklmnopqrstuvwx",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'},
                }
            ]
        },
    ),
    ChatMessage(
        role="tool",
        content="3",
        additional_kwargs={"tool_call_id": "call_abcdefghijklmnopqrstuvwx", "name": "add"},
    ),
    ChatMessage(role="assistant", content="It is 3."),
]


async def test_a_history_of_another_vendor_goes_on_here(llm, mistral_sandbox, bodies):
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000, chat_history=OPENAI)
    mistral_sandbox.reply("It was 3.")
    result = await FunctionAgent(tools=[add], llm=llm).run("What was it?", memory=memory)
    assert str(result) == "It was 3."
    _, call, result, *_ = bodies()[0]["messages"]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) == 9


async def test_a_history_made_here_reads_as_openai_clients_want_it(llm, mistral_sandbox):
    """Other vendors' classes read the blocks, or the plain dicts; both have the same content."""
    mistral_sandbox.reply("Let me see.", calls=[ADD])
    answer = (await llm.achat([ChatMessage(role="user", content="1 + 2?")])).message
    (block,) = [block for block in answer.blocks if isinstance(block, ToolCallBlock)]
    (call,) = answer.additional_kwargs["tool_calls"]
    assert call["type"] == "function"
    assert (call["id"], call["function"]["name"]) == (block.tool_call_id, block.tool_name)
    assert json.loads(call["function"]["arguments"]) == block.tool_kwargs == {"a": 1, "b": 2}
    assert json.loads(answer.model_dump_json())["additional_kwargs"]["tool_calls"] == [call]
