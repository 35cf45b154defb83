"""`StrictReActOutputParser`: a `ReActAgent` never runs a tool with broken arguments."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.agent.react.types import ActionReasoningStep, ResponseReasoningStep
from llama_index.core.agent.workflow import ReActAgent
from llama_index.core.tools import FunctionTool

from llamaindex_portkey_mistral import StrictReActOutputParser

STEP = "Thought: I look.\nAction: find\nAction Input: "
BROKEN = {
    "cut off": '{"filter": {"a": 1}, "patt',
    "cut off within": '{"filter": {"a": {"b": 2}, "c": {}',
    "not JSON": '{"pattern": x"}',
    "a list": '[1, {"pattern": "x"}]',
    "a string": '"{x}"',
    "nothing": "\nObservation: {}",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"filter": {"a": "}"}}', {"filter": {"a": "}"}}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('{"a": 1}\nObservation: {"b": 2}', {"a": 1}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ("{}", {}),
    ],
)
def test_an_action_input_is_parsed(text, expected):
    step = StrictReActOutputParser().parse(STEP + text)
    assert isinstance(step, ActionReasoningStep)
    assert (step.action, step.action_input) == ("find", expected)


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_action_input_is_an_error(text):
    with pytest.raises(ValueError, match=r"Action Input|Could not extract tool use"):
        StrictReActOutputParser().parse(STEP + text)


def test_an_answer_is_left_to_core():
    step = StrictReActOutputParser().parse("Thought: I know.\nAnswer: 42")
    assert isinstance(step, ResponseReasoningStep)
    assert step.response == "42"


@pytest.fixture
def searches():
    return []


@pytest.fixture
def tool(searches):
    def find(filter: dict | None = None, pattern: str = "*") -> str:
        """Find files."""
        searches.append((filter, pattern))
        return "found"

    return FunctionTool.from_defaults(find)


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_agent_shows_the_model_the_error_and_runs_nothing(
    llm, mistral_sandbox, bodies, searches, tool, streaming
):
    text = BROKEN["cut off"]
    mistral_sandbox.reply(STEP + text, finish_reason="length")
    mistral_sandbox.reply(STEP + '{"pattern": "x"}')
    mistral_sandbox.reply("Thought: I know.\nAnswer: Done.")
    agent = ReActAgent(
        tools=[tool], llm=llm, output_parser=StrictReActOutputParser(), streaming=streaming
    )
    assert str(await agent.run("Find x.")) == "Done."
    assert searches == [(None, "x")]
    assert "Error while parsing the output" in bodies()[1]["messages"][-1]["content"]


@pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
@pytest.mark.parametrize(
    ("text", "expected"), [('{"pattern": "x"}', [(None, "x")]), ('{"a": {}', [])]
)
def test_a_model_without_function_calling_uses_it(
    make_llm, mistral_sandbox, searches, tool, method, text, expected
):
    mistral_sandbox.reply(STEP + text)
    llm = make_llm(is_function_calling_model=False)
    result = getattr(llm, method)([tool], user_msg="Find x.")
    if method.startswith("a"):
        asyncio.run(result)
    assert searches == expected
