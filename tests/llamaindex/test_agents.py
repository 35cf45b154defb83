"""`FunctionAgent`, streamed and not: its answers, what the model is sent, and its events."""

from __future__ import annotations

import itertools
import json

import pytest
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.agent.workflow.workflow_events import ToolCall, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from portkey_mistral.sandbox import Call, Fault

BOTH = pytest.mark.parametrize("streaming", [True, False])


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def shout(text: str) -> str:
    """Say it loudly."""
    return text.upper()


class Total(BaseModel):
    total: int


@pytest.fixture
def make_agent(make_llm):
    def make(*tools, model: str = "mistral-small-latest", **fields) -> FunctionAgent:
        return FunctionAgent(tools=list(tools) or [add], llm=make_llm(model=model), **fields)

    return make


def new_memory() -> ChatMemoryBuffer:
    return ChatMemoryBuffer.from_defaults(token_limit=10_000)


async def run(agent, prompt="Go.", *, memory=None, **kwargs):
    # Core's default memory leaves a database connection open, which pytest reports.
    handler = agent.run(prompt, memory=memory or new_memory(), **kwargs)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def sent_messages(bodies, request=-1):
    return [
        (message["role"], message["content"] or "") for message in bodies()[request]["messages"]
    ]


@BOTH
@pytest.mark.parametrize("split", [False, True])
async def test_two_parallel_calls_after_some_text(
    make_agent, mistral_sandbox, bodies, streaming, split
):
    mistral_sandbox.inject(Fault(split_calls=split))
    calls = [Call("add", '{"a": 1, "b": 2}'), Call("shout", '{"text": "é"}')]
    mistral_sandbox.reply("Both, then.", calls=calls)
    mistral_sandbox.reply("3 and É")

    result, events = await run(make_agent(add, shout, streaming=streaming))

    assert str(result) == "3 and É"
    assert {event.tool_output.content for event in events if isinstance(event, ToolCallResult)} == {
        "3",
        "É",
    }
    roles = [role for role, _ in sent_messages(bodies)]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert ("assistant", "Both, then.") in sent_messages(bodies)
    assert {("tool", "3"), ("tool", "É")} <= set(sent_messages(bodies))


async def test_the_stream_of_an_agent_is_the_answer(make_agent, mistral_sandbox):
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("It is three.")
    result, events = await run(make_agent())
    stream = [event for event in events if isinstance(event, AgentStream)]
    assert "".join(event.delta for event in stream) == "It is three." == str(result)


TURN = ["AgentInput", "AgentStream", "AgentOutput"]


@pytest.mark.parametrize(
    ("streaming", "turn"), [(True, TURN), (False, [TURN[0], TURN[2]])], ids=["stream", "whole"]
)
async def test_events_come_in_their_order(make_agent, mistral_sandbox, streaming, turn):
    mistral_sandbox.reply("Let me add.", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("It is three.")
    _, events = await run(make_agent(streaming=streaming))
    names = [type(event).__name__ for event in events]
    without_repeats = [name for name, _ in itertools.groupby(names)]
    assert without_repeats == [*turn, "ToolCall", "ToolCallResult", *turn, "StopEvent"]


async def test_thinking_is_streamed_separately(make_agent, mistral_sandbox):
    mistral_sandbox.reply("42", thinking="Six times seven.")
    result, events = await run(make_agent())
    stream = [event for event in events if isinstance(event, AgentStream)]
    assert "".join(event.thinking_delta or "" for event in stream) == "Six times seven."
    assert str(result) == "42"


@BOTH
@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        pytest.param(Call("add", '{"a": 1}'), "missing 1 required", id="missing"),
        pytest.param(Call("sub", "{}"), "not found", id="unknown-tool"),
        pytest.param(Call("fail", '{"why": "no luck"}'), "no luck", id="tool-error"),
    ],
)
async def test_the_model_is_shown_why_a_tool_failed(
    make_agent, mistral_sandbox, bodies, streaming, call, complaint
):
    def fail(why: str) -> str:
        """Fail."""
        raise RuntimeError(why)

    mistral_sandbox.reply("", calls=[call])
    mistral_sandbox.reply("Sorry.")
    result, _ = await run(make_agent(add, fail, streaming=streaming))
    assert str(result) == "Sorry."
    assert complaint in dict(sent_messages(bodies))["tool"]


@BOTH
@pytest.mark.parametrize(
    ("arguments", "finish_reason", "reason"),
    [
        ('{"folder": "/tmp/scratch", "patt', "length", "were cut off at max_tokens"),
        ("", "length", "were cut off at max_tokens"),
        ('{"folder": "/tmp/scratch", "patt', "tool_calls", "EOF while parsing a string"),
        ("delete everything", "tool_calls", "are not a JSON object"),
        ('["/tmp/scratch"]', "tool_calls", "are not a JSON object"),
    ],
)
async def test_a_tool_is_never_run_with_broken_arguments(
    make_agent, mistral_sandbox, bodies, streaming, arguments, finish_reason, reason
):
    ran = []

    def delete_files(folder: str = "/", pattern: str = "*") -> str:
        """Delete files."""
        ran.append((folder, pattern))
        return "deleted"

    mistral_sandbox.reply("", calls=[Call("delete_files", arguments)], finish_reason=finish_reason)
    mistral_sandbox.reply("", calls=[Call("delete_files", '{"folder": "/tmp/scratch"}')])
    mistral_sandbox.reply("Done.")
    result, events = await run(make_agent(delete_files, streaming=streaming))

    assert ran == [("/tmp/scratch", "*")]
    assert str(result) == "Done."
    errors = [event.tool_output for event in events if isinstance(event, ToolCallResult)]
    assert [output.is_error for output in errors] == [True, False]
    _, assistant, tool = bodies()[1]["messages"]
    assert reason in tool["content"]
    sent = assistant["tool_calls"][0]["function"]
    assert (sent["name"], json.loads(sent["arguments"])) == (
        "delete_files",
        {"INVALID_JSON": arguments} if arguments else {},
    )


@BOTH
async def test_return_direct_ends_the_run_and_a_later_turn_is_accepted(
    make_agent, mistral_sandbox, streaming
):
    tool = FunctionTool.from_defaults(shout, return_direct=True)
    agent = make_agent(tool, streaming=streaming)
    memory = new_memory()
    mistral_sandbox.reply("", calls=[Call("shout", '{"text": "hey"}')])
    result, _ = await run(agent, memory=memory)
    assert str(result) == "HEY"

    mistral_sandbox.reply("Done.")
    result, _ = await run(agent, "And now?", memory=memory)
    assert str(result) == "Done."


@BOTH
async def test_the_first_choice_is_forced_once(make_agent, mistral_sandbox, bodies, streaming):
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("3")
    await run(make_agent(add, shout, streaming=streaming, initial_tool_choice="add"))
    assert bodies()[0]["tool_choice"]["function"]["name"] == "add"
    assert "tool_choice" not in bodies()[1]


@BOTH
async def test_parallel_calls_can_be_disallowed(make_agent, mistral_sandbox, streaming):
    mistral_sandbox.reply(
        "", calls=[Call("add", '{"a": 1, "b": 2}'), Call("add", '{"a": 3, "b": 4}')]
    )
    mistral_sandbox.reply("3")
    agent = make_agent(streaming=streaming, allow_parallel_tool_calls=False)
    _, events = await run(agent)
    assert len([event for event in events if type(event) is ToolCall]) == 1


@BOTH
async def test_an_output_class_is_filled(make_agent, mistral_sandbox, streaming):
    mistral_sandbox.reply("It is 3.")
    mistral_sandbox.reply('{"total": 3}')
    result, _ = await run(make_agent(streaming=streaming, output_cls=Total))
    assert result.get_pydantic_model(Total) == Total(total=3)


@BOTH
async def test_early_stopping_gives_an_answer(make_agent, mistral_sandbox, bodies, streaming):
    for _ in range(2):
        mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("As far as I came: 3.")
    agent = make_agent(streaming=streaming, early_stopping_method="generate")
    result, _ = await run(agent, max_iterations=2)
    assert str(result) == "As far as I came: 3."
    assert sent_messages(bodies)[-1][0] == "user"


@BOTH
async def test_memory_keeps_the_whole_exchange(make_agent, mistral_sandbox, bodies, streaming):
    memory = new_memory()
    agent = make_agent(streaming=streaming)
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("3")
    mistral_sandbox.reply("It was 3.")
    await run(agent, "1 + 2?", memory=memory)
    await run(agent, "What was it?", memory=memory)
    assert [role for role, _ in sent_messages(bodies)] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


async def test_an_agent_runs_on_the_unscripted_sandbox(make_agent):
    result, events = await run(make_agent(), "Please add 17 and 25.")
    outputs = [event.tool_output.content for event in events if isinstance(event, ToolCallResult)]
    assert outputs == ["42"]
    assert "42" in str(result)


async def test_an_exchange_can_be_stored_and_continued(make_agent, mistral_sandbox, bodies):
    memory = new_memory()
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("3")
    await run(make_agent(), memory=memory)

    stored = [message.model_dump_json() for message in memory.get_all()]
    restored = [ChatMessage.model_validate_json(message) for message in stored]
    again = ChatMemoryBuffer.from_defaults(chat_history=restored, token_limit=10_000)
    await run(make_agent(), "And now?", memory=again)

    before, after = bodies()[1]["messages"], bodies()[2]["messages"]
    assert after[: len(before)] == before
