"""A conversation as the stand-in reads it: turns of plain text, tools, and the form of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from portkey_mistral.sandbox.answers import Call
from portkey_mistral.sandbox.schema import (
    AssistantMessage,
    ChatRequest,
    FunctionTool,
    Message,
    NamedToolChoice,
    ResponseFormatType,
    ToolMessage,
)

__all__ = ["Talk", "Tool", "Turn", "read_talk"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `name` is that of the tool whose result it is."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        found = self.parameters.get("properties")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """`choice` is "auto", "none", "any", or "named" where only that one tool is left in `tools`."""

    model: str
    turns: Sequence[Turn]
    tools: Sequence[Tool] = ()
    choice: str = "auto"
    parallel: bool = True
    as_json: bool = False
    schema: Mapping[str, Any] | None = None

    @property
    def said(self) -> str:
        """What the user said last, with all they said since the last answer."""
        texts: list[str] = []
        for turn in reversed(self.turns):
            if turn.role == "user":
                texts.append(turn.text)
            elif texts:
                break
        return "\n".join(reversed(texts))

    @property
    def system(self) -> str:
        return "\n\n".join(turn.text for turn in self.turns if turn.role == "system")

    @property
    def since_said(self) -> Sequence[Turn]:
        """The turns after the user's last one: calls and their results."""
        last = max(
            (place for place, turn in enumerate(self.turns) if turn.role == "user"), default=-1
        )
        return self.turns[last + 1 :]

    @property
    def results(self) -> Sequence[Turn]:
        return [turn for turn in self.since_said if turn.role == "tool"]

    @property
    def called(self) -> Sequence[Call]:
        return [call for turn in self.since_said for call in turn.calls]

    @property
    def everything(self) -> str:
        """All that was said, to search where the last turn holds too little."""
        return "\n".join(turn.text for turn in self.turns if turn.text)


def read_talk(request: ChatRequest) -> Talk:
    """Read a request; a prefix at its end is no turn, because the answer is the same without it."""
    turns = _turns(request.messages)
    if turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    choice, only = _choice(request)
    tools = [
        Tool(tool.function.name, tool.function.description, tool.function.parameters)
        for tool in request.tools or ()
        if isinstance(tool, FunctionTool) and only in {None, tool.function.name}
    ]
    wanted = request.response_format
    return Talk(
        model=request.model,
        turns=turns,
        tools=tools,
        choice=choice,
        parallel=request.parallel_tool_calls,
        as_json=wanted.type is not ResponseFormatType.TEXT,
        schema=wanted.json_schema.definition if wanted.json_schema else None,
    )


def _choice(request: ChatRequest) -> tuple[str, str | None]:
    match request.tool_choice:
        case NamedToolChoice(function=wanted):
            return "named", wanted.name
        case mode:
            return "any" if mode.value == "required" else mode.value, None


def _turns(messages: Sequence[Message]) -> list[Turn]:
    names: dict[str, str] = {}
    turns: list[Turn] = []
    for message in messages:
        calls = _calls(message)
        names.update({call.id: call.name for call in calls if call.id})
        name = None
        if isinstance(message, ToolMessage):
            name = message.name or names.get(message.tool_call_id or "")
        turns.append(Turn(message.role, _text(message), calls, name))
    return turns


def _calls(message: Message) -> tuple[Call, ...]:
    if not isinstance(message, AssistantMessage):
        return ()
    return tuple(
        Call(call.function.name, _as_json(call.function.arguments), call.id)
        for call in message.tool_calls or ()
    )


def _as_json(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()


def _text(message: Message) -> str:
    match message.content:
        case None:
            return ""
        case str(text):
            return text
        case chunks:
            return "\n".join(text for chunk in chunks if (text := getattr(chunk, "text", "")))
