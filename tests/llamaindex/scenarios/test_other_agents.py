"""`AgentWorkflow` with handoffs, `ReActAgent` and `CodeActAgent`."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from llama_index.core.agent.workflow import (
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
)
from llama_index.core.agent.workflow.workflow_events import AgentStream, ToolCallResult
from llama_index.core.memory import ChatMemoryBuffer

from portkey_mistral.sandbox import Call

BOTH = pytest.mark.parametrize("streaming", [True, False])


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def shout(text: str) -> str:
    """Say it loudly."""
    return text.upper()


async def run(agent, prompt, **kwargs):
    memory = kwargs.pop("memory", None) or ChatMemoryBuffer.from_defaults(token_limit=10_000)
    handler = agent.run(prompt, memory=memory, **kwargs)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def results(events) -> list[str]:
    return [event.tool_output.content for event in events if isinstance(event, ToolCallResult)]


def handoff(to: str) -> Call:
    return Call("handoff", f'{{"to_agent": "{to}", "reason": "it is the better one"}}')


@pytest.fixture
def team(llm):
    def make(*, streaming: bool) -> AgentWorkflow:
        counter = FunctionAgent(
            name="counter",
            description="Adds numbers.",
            tools=[add],
            llm=llm,
            can_handoff_to=["crier"],
            streaming=streaming,
        )
        crier = FunctionAgent(
            name="crier",
            description="Shouts.",
            system_prompt="You shout.",
            tools=[shout],
            llm=llm,
            can_handoff_to=["counter"],
            streaming=streaming,
        )
        return AgentWorkflow(agents=[counter, crier], root_agent="counter")

    return make


@BOTH
async def test_one_agent_hands_over_to_another_and_back(team, mistral_sandbox, bodies, streaming):
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b": 2}')])
    mistral_sandbox.reply("Over to you.", calls=[handoff("crier")])
    mistral_sandbox.reply("", calls=[Call("shout", '{"text": "three"}')])
    mistral_sandbox.reply("", calls=[handoff("counter")])
    mistral_sandbox.reply("It is THREE.")

    result, events = await run(team(streaming=streaming), "Add 1 and 2, and shout it.")

    assert str(result) == "It is THREE."
    assert result.current_agent_name == "counter"
    outputs = results(events)
    assert (outputs[0], outputs[2]) == ("3", "THREE")
    assert "crier is now handling the request" in outputs[1]
    names = [sorted(tool["function"]["name"] for tool in body["tools"]) for body in bodies()]
    assert names == [["add", "handoff"]] * 2 + [["handoff", "shout"]] * 2 + [["add", "handoff"]]
    assert bodies()[2]["messages"][0] == {"role": "system", "content": "You shout."}


@BOTH
async def test_a_team_goes_on_in_the_next_turn(team, mistral_sandbox, bodies, streaming):
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    mistral_sandbox.reply("", calls=[handoff("crier")])
    mistral_sandbox.reply("HERE.")
    mistral_sandbox.reply("Still here.")
    workflow = team(streaming=streaming)
    await run(workflow, "Over, please.", memory=memory)
    result, _ = await run(workflow, "And now?", memory=memory)
    assert str(result) == "Still here."
    assert bodies()[-1]["messages"][-1] == {"role": "user", "content": "And now?"}


def test_a_workflow_of_plain_functions_takes_function_calling_agents(llm):
    (agent,) = AgentWorkflow.from_tools_or_functions([add], llm=llm).agents.values()
    assert isinstance(agent, FunctionAgent)


@BOTH
async def test_a_react_agent_thinks_acts_and_answers(llm, mistral_sandbox, bodies, streaming):
    act = 'Thought: I need a tool.\nAction: add\nAction Input: {"a": 1, "b": 2}'
    mistral_sandbox.reply(act)
    mistral_sandbox.reply("Thought: I can answer.\nAnswer: It is 3, c'est ça.")
    agent = ReActAgent(tools=[add], llm=llm, streaming=streaming)
    result, events = await run(agent, "1 + 2?")
    assert str(result) == "It is 3, c'est ça."
    assert results(events) == ["3"]
    assert bodies()[1]["messages"][-1] == {"role": "user", "content": "Observation: 3"}
    assert bodies()[1]["messages"][-2]["content"].startswith("Thought: I need a tool.\nAction: add")
    if streaming:
        deltas = [event.delta for event in events if isinstance(event, AgentStream)]
        assert "".join(deltas).startswith(act)


@BOTH
async def test_a_react_agent_is_shown_its_errors(llm, mistral_sandbox, bodies, streaming):
    mistral_sandbox.reply("Thought: Hm.\nAction: multiply\nAction Input: {}")
    mistral_sandbox.reply("Thought: I can answer.\nAnswer: No idea.")
    agent = ReActAgent(tools=[add], llm=llm, streaming=streaming)
    result, _ = await run(agent, "2 x 3?")
    assert str(result) == "No idea."
    assert "multiply not found" in bodies()[1]["messages"][-1]["content"]


async def test_the_sandbox_runs_a_react_agent_by_itself(llm):
    result, events = await run(ReActAgent(tools=[add], llm=llm), "Please add 17 and 25.")
    assert results(events) == ["42"]
    assert "42" in str(result)


def execute(code: str) -> str:
    """Run code and return what it prints."""
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, {"add": add})
    return printed.getvalue()


@BOTH
async def test_a_code_agent_runs_what_it_writes(llm, mistral_sandbox, bodies, streaming):
    mistral_sandbox.reply("Let me see.\n<execute>\nprint(add(1, 2) * 2)\n</execute>")
    mistral_sandbox.reply("It is 6.")
    agent = CodeActAgent(code_execute_fn=execute, tools=[add], llm=llm, streaming=streaming)
    result, events = await run(agent, "(1 + 2) * 2?")
    assert str(result) == "It is 6."
    assert [text.strip() for text in results(events)] == ["6"]
    assert "6" in bodies()[1]["messages"][-1]["content"]
