"""`PortkeyMistralModerationMiddleware`: Mistral's moderation in LangChain's agents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

try:
    from langchain.agents.middleware import (
        AgentMiddleware,
        AgentState,
        ToolCallRequest,
        hook_config,
    )
except ImportError as error:
    raise ImportError("Middleware needs the agents of LangChain: pip install langchain") from error
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from langchain_portkey_mistral.moderation import PortkeyMistralModeration, text_of, with_text
from portkey_mistral.moderation import Violations

__all__ = ["PortkeyMistralModerationMiddleware"]

_Update = dict[str, Any] | None


class PortkeyMistralModerationMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Moderates what an agent is told, what its model says, and what its tools are called with.

    `moderation` has the model, the thresholds and the `action`: "raise" ends the run with a `ModerationError`; "block" ends it
    with `block_message` as the answer, and answers a tool call with it instead of making the call; "redact" replaces the
    text of a message by `redaction`, and does not make a call of a tool.

    Args:
        moderation: The moderation to apply.
        before_model: Check the messages since the model's last answer: the user's, and results of tools.
        after_model: Check the model's answer.
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
        messages = _answer(state["messages"]) if self._after else []
        return self._update(messages, self.moderation.check([*map(text_of, messages)]))

    @hook_config(can_jump_to=["end"])
    async def aafter_model(self, state: AgentState[Any], runtime: Any) -> _Update:
        """Check the model's answer."""
        messages = _answer(state["messages"]) if self._after else []
        return self._update(messages, await self.moderation.acheck([*map(text_of, messages)]))

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
        refused = [messages[at] for at in violations]
        if self.moderation.action == "redact":
            # They have the ids of the old ones, which they replace.
            return {"messages": [with_text(each, self.moderation.redaction) for each in refused]}
        (last,) = refused[-1:]
        # An answer that is refused is replaced; its calls of tools would stay unanswered.
        id_ = last.id if isinstance(last, AIMessage) else None
        answer = AIMessage(self.moderation.block_message, id=id_)
        return {"messages": [answer], "jump_to": "end"}

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


def _answer(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    return [message for message in messages[-1:] if isinstance(message, AIMessage)]


def _arguments(request: ToolCallRequest) -> str:
    return json.dumps(request.tool_call["args"], ensure_ascii=False, default=str)
