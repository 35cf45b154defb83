"""A conversation as the stand-in model sees it: messages as plain text, tools, and the answer format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from portkey_mistral.sandbox.answers import Call
from portkey_mistral.sandbox.request_models import (
    AssistantMessage,
    ChatRequest,
    FunctionTool,
    Message,
    NamedToolChoice,
    ResponseFormatType,
    ToolMessage,
)

__all__ = ["Conversation", "Tool", "Turn", "read_conversation"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `name` is the tool of a tool result."""

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
class Conversation:
    """`choice` is "auto", "none", "any", or "named"; then `tools` contains only the named tool."""

    model: str
    turns: Sequence[Turn]
    tools: Sequence[Tool] = ()
    choice: str = "auto"
    parallel: bool = True
    as_json: bool = False
    schema: Mapping[str, Any] | None = None

    @property
    def user_text(self) -> str:
        """All user messages since the last answer."""
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
    def since_user(self) -> Sequence[Turn]:
        """The messages after the last user message: tool calls and results."""
        last = max(
            (index for index, turn in enumerate(self.turns) if turn.role == "user"), default=-1
        )
        return self.turns[last + 1 :]

    @property
    def results(self) -> Sequence[Turn]:
        return [turn for turn in self.since_user if turn.role == "tool"]

    @property
    def called(self) -> Sequence[Call]:
        return [call for turn in self.since_user for call in turn.calls]

    @property
    def full_text(self) -> str:
        """The text of all messages, to search if the last one contains too little."""
        return "\n".join(turn.text for turn in self.turns if turn.text)


def read_conversation(request: ChatRequest) -> Conversation:
    """Read a request. A prefix at its end is left out, because the answer is the same without it."""
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
    return Conversation(
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
