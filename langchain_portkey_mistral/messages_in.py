"""Turns LangChain messages into the core's. The caller's messages are read, never changed.

What Mistral demands of the order of turns and of tool ids is the core's work, not done here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_portkey_mistral.content_in import Block, to_content, to_parts
from langchain_portkey_mistral.metadata import PROVIDER
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    Content,
    Message,
    Part,
    Role,
    ThinkingPart,
    ToolCall,
    UnknownPart,
)

__all__ = ["to_messages"]


def to_messages(messages: Sequence[BaseMessage]) -> list[Message]:
    """Map a conversation.

    Raises:
        InvalidRequestError: a message or block that Mistral cannot be told, named with its place.
    """
    return [
        turn
        for index, message in enumerate(messages)
        for turn in _turns(message, f"messages[{index}]")
    ]


def _turns(message: BaseMessage, where: str) -> Sequence[Message]:
    """Map one message; only a user message with Anthropic's tool results in it gives more than one."""
    for cls in type(message).__mro__:
        if cls in _READERS:
            return _READERS[cls](message, where)
    raise InvalidRequestError(
        f"{where}: a {type(message).__name__} cannot be sent to a model. Use a system, human, AI or tool "
        "message."
    )


def _system(message: SystemMessage, where: str) -> Sequence[Message]:
    return (Message.system(to_content(message.content, f"{where}.content")),)


def _any_role(message: ChatMessage, where: str) -> Sequence[Message]:
    content = to_content(message.content, f"{where}.content")
    return (Message(_role(message.role, where), content, name=message.name),)


_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "tool": "tool",
}


def _role(name: str, where: str) -> Role:
    try:
        return _ROLES[name]
    except KeyError:
        known = ", ".join(_ROLES)
        raise InvalidRequestError(f"{where}: unknown role {name!r}; use one of {known}.") from None


def _tool(message: ToolMessage, where: str) -> Sequence[Message]:
    content = to_content(message.content, f"{where}.content")
    return (Message.tool(content, tool_call_id=message.tool_call_id, name=message.name),)


def _user(message: HumanMessage, where: str) -> Sequence[Message]:
    """Map a user message; Anthropic puts tool results in it, which are turns of their own elsewhere."""
    if isinstance(message.content, str):
        return (Message("user", message.content, name=message.name),)
    blocks = [block for block in message.content if not _is_tool_result(block)]
    results = [
        block for block in message.content if isinstance(block, dict) and _is_tool_result(block)
    ]
    turns = [
        Message.tool(
            to_content(block.get("content") or "", f"{where}.tool_result"),
            tool_call_id=str(block.get("tool_use_id")),
        )
        for block in results
    ]
    if blocks or not results:
        turns.append(Message("user", to_parts(blocks, f"{where}.content"), name=message.name))
    return turns


def _is_tool_result(block: str | Block) -> bool:
    return not isinstance(block, str) and block.get("type") == "tool_result"


# --- the assistant's turn ---


def _assistant(message: AIMessage, where: str) -> Sequence[Message]:
    content = _spoken(message, where)
    try:
        calls = _tool_calls(message)
        calls += tuple(_calls_in_content(message, {call.id for call in calls}))
    except TypeError as error:
        raise InvalidRequestError(
            f"{where}: arguments of a tool call are no JSON: {error}."
        ) from None
    prefix = bool(message.additional_kwargs.get("prefix", False))
    return (Message("assistant", content, tool_calls=calls, name=message.name, prefix=prefix),)


def _tool_calls(message: AIMessage) -> tuple[ToolCall, ...]:
    """The calls of a turn, those with unreadable arguments too: a tool message may answer them."""
    valid = (ToolCall(call["id"], call["name"], _json(call["args"])) for call in message.tool_calls)
    invalid = (
        ToolCall(call["id"], call["name"] or "", call["args"] or "{}")
        for call in message.invalid_tool_calls
    )
    return (*valid, *invalid)


def _spoken(message: AIMessage, where: str) -> Content:
    """What was said, without the blocks that only repeat `tool_calls`."""
    thought = _thought_beside(message.additional_kwargs)
    refused = message.additional_kwargs.get("refusal")
    if isinstance(message.content, str) and not (thought or refused):
        return message.content
    blocks = [message.content] if isinstance(message.content, str) else [*message.content]
    if refused:
        blocks.append(str(refused))
    own = [block for block in blocks if isinstance(block, str) or block.get("type") not in _CALLS]
    parts = to_parts(own, f"{where}.content")
    if thought and not any(isinstance(part, ThinkingPart) for part in parts):
        parts = (ThinkingPart(thought), *parts)
    provider = message.response_metadata.get("model_provider")
    return (
        parts if provider in _MISTRAL else tuple(_foreign(part, provider, where) for part in parts)
    )


def _thought_beside(extra: Mapping[str, Any]) -> str:
    """Find the thinking that other integrations keep beside the content: as text, or as OpenAI's summaries."""
    match extra.get("reasoning_content") or extra.get("reasoning"):
        case str(text):
            return text
        case {"summary": list(summaries)}:
            return "\n".join(str(summary.get("text", "")) for summary in summaries)
    return ""


# What the answers of this package and of LangChain's own Mistral package are marked with.
_MISTRAL = (PROVIDER, "mistralai")


def _foreign(part: Part, provider: str | None, where: str) -> Part:
    """Adapt another vendor's part: its signatures and its own block types mean nothing to Mistral.

    A message without a provider was written by the caller, who may send any block as `non_standard`.
    """
    match part:
        case ThinkingPart(signature=str()):
            return replace(part, signature=None)
        case UnknownPart(raw=raw) if provider is not None:
            raise InvalidRequestError(
                f"{where}.content: a block of type {raw.get('type')!r} is {provider}'s own and cannot be "
                "sent to Mistral. Leave it out of the history."
            )
    return part


def _calls_in_content(message: AIMessage, known: set[str | None]) -> Iterator[ToolCall]:
    """Find calls that stand only in the content, as Anthropic's own histories have them."""
    if isinstance(message.content, str):
        return
    for block in message.content:
        reader = None if isinstance(block, str) else _CALLS.get(str(block.get("type")))
        if reader is not None and isinstance(block, dict):
            call = reader(block)
            if call.id not in known:
                yield call


def _json(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _call(block: Block) -> ToolCall:
    return ToolCall(block.get("id"), str(block.get("name") or ""), _json(block.get("args") or {}))


def _tool_use(block: Block) -> ToolCall:
    return ToolCall(block.get("id"), str(block.get("name") or ""), _json(block.get("input") or {}))


def _function_call(block: Block) -> ToolCall:
    return ToolCall(
        block.get("call_id") or block.get("id"),
        str(block.get("name") or ""),
        _json(block.get("arguments") or {}),
    )


_CALLS: Mapping[str, Callable[[Block], ToolCall]] = {
    "tool_call": _call,
    "tool_call_chunk": _call,
    "invalid_tool_call": _call,
    "tool_use": _tool_use,
    "function_call": _function_call,
}


# By class: asking pydantic's classes one by one whether a message is theirs costs 1 us a message.
_READERS: Mapping[type, Callable[[Any, str], Sequence[Message]]] = {
    AIMessage: _assistant,
    ToolMessage: _tool,
    SystemMessage: _system,
    HumanMessage: _user,
    ChatMessage: _any_role,
}
