"""ReAct agents, which call tools in plain text: Thought, Action, Action Input, then Observation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic_core import from_json

from portkey_mistral.sandbox.answers import Call
from portkey_mistral.sandbox.brain.conversation import Conversation, Tool, Turn
from portkey_mistral.sandbox.brain.text_answers import about_itself, from_results
from portkey_mistral.sandbox.brain.tool_calls import choose_calls
from portkey_mistral.sandbox.json_schema.schemas import schema_error

__all__ = ["answer_react"]

_REACT_PROMPT = re.compile(r"Action Input:.*Observation:", re.DOTALL)
_TOOL = re.compile(
    r"> Tool Name: (\S+)\nTool Description: (.*?)\nTool Args: (\{[^\n]*\})", re.DOTALL
)
_ACTION = re.compile(r"Action:\s*(\S+)\s*\nAction Input:\s*(\{.*\})", re.DOTALL)
_OBSERVATION = re.compile(r"^\s*Observation:\s*(.*)\Z", re.DOTALL)


def answer_react(conversation: Conversation) -> str | None:
    """Return the next step of a ReAct agent; None for other prompts."""
    if not _REACT_PROMPT.search(conversation.system):
        return None
    conversation_with_calls = replace(
        conversation, turns=_translated(conversation.turns), tools=_tools(conversation.system)
    )
    calls = choose_calls(replace(conversation_with_calls, parallel=False))
    if calls:
        call = calls[0]
        return (
            "Thought: The current language of the user is: English. I need to use a tool to help me answer "
            f"the question.\nAction: {call.name}\nAction Input: {call.arguments}"
        )
    answer = from_results(conversation_with_calls) or about_itself(conversation_with_calls)
    return f"Thought: I can answer without using any more tools. I'll use the user's language to answer\nAnswer: {answer}"


def _tools(system: str) -> list[Tool]:
    found = (
        (name, description, _parsed(parameters))
        for name, description, parameters in _TOOL.findall(system)
    )
    return [
        Tool(name, description, parameters)
        for name, description, parameters in found
        if isinstance(parameters, dict) and schema_error(parameters) is None
    ]


def _parsed(text: str) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None


def _translated(turns: Sequence[Turn]) -> list[Turn]:
    """Convert actions and observations in text to tool calls and results."""
    translated: list[Turn] = []
    called = None
    for turn in turns:
        if turn.role == "assistant" and (action := _ACTION.search(turn.text)):
            called = action.group(1)
            translated.append(Turn("assistant", "", (Call(called, action.group(2)),)))
        elif turn.role == "user" and (seen := _OBSERVATION.match(turn.text)):
            translated.append(Turn("tool", seen.group(1), name=called))
        else:
            translated.append(turn)
    return translated
