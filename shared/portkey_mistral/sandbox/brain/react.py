"""Agents that ask for tools in plain text: Thought, Action and Action Input, then Observation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic_core import from_json

from portkey_mistral.sandbox.answers import Call
from portkey_mistral.sandbox.brain.calling import choose_calls
from portkey_mistral.sandbox.brain.speech import about_itself, from_results
from portkey_mistral.sandbox.brain.talk import Talk, Tool, Turn

__all__ = ["in_react"]

_MARK = re.compile(r"Action Input:.*Observation:", re.DOTALL)
_TOOL = re.compile(
    r"> Tool Name: (\S+)\nTool Description: (.*?)\nTool Args: (\{[^\n]*\})", re.DOTALL
)
_ACTION = re.compile(r"Action:\s*(\S+)\s*\nAction Input:\s*(\{.*\})", re.DOTALL)
_OBSERVATION = re.compile(r"^\s*Observation:\s*(.*)\Z", re.DOTALL)


def in_react(talk: Talk) -> str | None:
    """Take the next step of such an agent; None where the prompt is not one's."""
    if not _MARK.search(talk.system):
        return None
    plain = replace(talk, turns=_translated(talk.turns), tools=_tools(talk.system))
    calls = choose_calls(replace(plain, parallel=False))
    if calls:
        call = calls[0]
        return (
            "Thought: The current language of the user is: English. I need to use a tool to help me answer "
            f"the question.\nAction: {call.name}\nAction Input: {call.arguments}"
        )
    answer = from_results(plain) or about_itself(plain)
    return f"Thought: I can answer without using any more tools. I'll use the user's language to answer\nAnswer: {answer}"


def _tools(system: str) -> list[Tool]:
    return [
        Tool(name, description, from_json(arguments))
        for name, description, arguments in _TOOL.findall(system)
    ]


def _translated(turns: Sequence[Turn]) -> list[Turn]:
    """Read written actions and observations as calls and results."""
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
