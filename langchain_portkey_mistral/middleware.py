"""`PortkeyMistralModerationMiddleware`: Mistral's moderation in LangChain's agents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, cast

try:
    from langchain.agents.middleware import (
        AgentMiddleware,
        AgentState,
        ToolCallRequest,
        hook_config,
    )
except ImportError as error:
    raise ImportError("Middleware needs the agents of LangChain: pip install langchain") from error
from langchain_core.messages import AIMessage, AnyMessage, RemoveMessage, ToolMessage

from langchain_portkey_mistral.moderation import PortkeyMistralModeration, text_of, with_text
from portkey_mistral.moderation import Violations

__all__ = ["PortkeyMistralModerationMiddleware"]

_Update = dict[str, Any] | None


class PortkeyMistralModerationMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Moderates what an agent is told, what its model says, and what its tools are called with.

    `moderation` has the model, the thresholds and the `action`: "raise" ends the run with a `ModerationError`; "block" ends it
    with `block_message` as the answer, and answers a tool call with it instead of making the call; "redact" replaces the
    text of a message by `redaction`, and does not make a call of a tool. Messages to the model that are blocked are
    redacted too, so that they are not sent with the next turn. A structured response that is not allowed is removed.

    Args:
        moderation: The moderation to apply.
        before_model: Check the messages since the model's last answer: the user's, and results of tools.
        after_model: Check the model's answer, and its structured response.
        before_tool: Check the arguments of each call of a tool.
    """

    def __init__(
        self,
        moderation: PortkeyMistralModeration,
        *,
        before_model: bool = True,
        after_model: bool = True,
        before_tool: bool = True,
    ) -> None:
        super().__init__()
        self.moderation = moderation
        self._before, self._after, self._tools = before_model, after_model, before_tool

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: AgentState[Any], runtime: Any) -> _Update:
        """Check what is new to the model."""
        messages = _new_messages(state["messages"]) if self._before else []
        return self._update(messages, self.moderation.check([*map(text_of, messages)]))

    @hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: AgentState[Any], runtime: Any) -> _Update:
        """Check what is new to the model."""
        messages = _new_messages(state["messages"]) if self._before else []
        return self._update(messages, await self.moderation.acheck([*map(text_of, messages)]))

    @hook_config(can_jump_to=["end"])
    def after_model(self, state: AgentState[Any], runtime: Any) -> _Update:
        """Check the model's answer."""
        answer = _answer(state) if self._after else None
        if answer is None:
            return None
        return self._replaced(answer, self.moderation.check(answer.texts))

    @hook_config(can_jump_to=["end"])
    async def aafter_model(self, state: AgentState[Any], runtime: Any) -> _Update:
        """Check the model's answer."""
        answer = _answer(state) if self._after else None
        if answer is None:
            return None
        return self._replaced(answer, await self.moderation.acheck(answer.texts))

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]
    ) -> Any:
        """Call the tool if its arguments are allowed."""
        if self._tools and self.moderation.check([_arguments(request)]):
            return self._refusal(request)
        return handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """Call the tool if its arguments are allowed."""
        if self._tools and await self.moderation.acheck([_arguments(request)]):
            return self._refusal(request)
        return await handler(request)

    def _update(self, messages: Sequence[AnyMessage], violations: Violations) -> _Update:
        if not violations:
            return None
        # They have the ids of the old ones, which they replace. Without that, the next turn of a conversation would send
        # the model a message that was blocked.
        redacted = [with_text(messages[at], self.moderation.redaction) for at in violations]
        if self.moderation.action == "redact":
            return {"messages": redacted}
        return {
            "messages": [*redacted, AIMessage(self.moderation.block_message)],
            "jump_to": "end",
        }

    def _replaced(self, answer: _Answer, violations: Violations) -> _Update:
        if not violations:
            return None
        if self.moderation.action == "redact" and _OBJECT not in violations:
            update: dict[str, Any] = {
                "messages": [with_text(answer.message, self.moderation.replacement)]
            }
            drops_object = answer.has_object and not answer.results
        else:
            # Its calls of tools would stay unanswered.
            message = AIMessage(self.moderation.replacement, id=answer.message.id)
            removed = [RemoveMessage(id=result.id) for result in answer.results if result.id]
            update = {"messages": [message, *removed]}
            drops_object = answer.has_object
        if drops_object:
            update["structured_response"] = None
        return update if self.moderation.action == "redact" else {**update, "jump_to": "end"}

    def _refusal(self, request: ToolCallRequest) -> ToolMessage:
        call = request.tool_call
        return ToolMessage(
            self.moderation.replacement,
            name=call["name"],
            tool_call_id=call["id"],
            status="error",
        )


def _new_messages(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    new: list[AnyMessage] = []
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            break
        new.insert(0, message)
    return new


@dataclass(frozen=True)
class _Answer:
    """What the model said. `results` are LangChain's own of the call that had a structured response."""

    message: AIMessage
    results: Sequence[ToolMessage]
    has_object: bool

    @property
    def texts(self) -> list[str]:
        """The text, and at the position `_OBJECT` the arguments that became a structured response."""
        answered = {result.tool_call_id for result in self.results}
        calls = [call for call in self.message.tool_calls if call["id"] in answered]
        arguments = [_json(call["args"]) for call in calls] if self.has_object else []
        return [text_of(self.message), "\n".join(arguments)]


_OBJECT = 1


def _answer(state: AgentState[Any]) -> _Answer | None:
    messages = state["messages"]
    results = list(takewhile(lambda each: isinstance(each, ToolMessage), reversed(messages)))
    message = messages[-len(results) - 1] if len(results) < len(messages) else None
    if not isinstance(message, AIMessage):
        return None
    has_object = state.get("structured_response") is not None
    return _Answer(message, cast("list[ToolMessage]", results), has_object)


def _arguments(request: ToolCallRequest) -> str:
    return _json(request.tool_call["args"])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
