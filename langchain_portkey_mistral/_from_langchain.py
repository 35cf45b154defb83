"""Converts LangChain messages to the core's. The caller's messages are never changed.

Mistral's rules for the order of messages and for tool call ids are applied later, by the core.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.utils.utils import LC_ID_PREFIX

from langchain_portkey_mistral._content_blocks import Block, to_content, to_parts
from langchain_portkey_mistral._invalid_arguments import as_received
from langchain_portkey_mistral._metadata import PROVIDER
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

# `model_provider` of messages that a Mistral model wrote: through this package, or langchain-mistralai.
_MISTRAL_PROVIDERS = (PROVIDER, "mistralai")

# Where other integrations keep why a message ended: OpenAI, Google and Cohere; Anthropic; Bedrock; Ollama; and the status
# of OpenAI's Responses API.
_REASONS = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")

# What begins the id that LangChain gives to the answer of a model; the second until langchain-core 0.3.
_RUN_IDS = (LC_ID_PREFIX, "run-")

# Reasons, of any vendor, for which a message ended in the middle.
_CUT_OFF = frozenset(
    {
        "length",
        "model_length",
        "max_tokens",
        "max_output_tokens",
        "model_context_window_exceeded",
        "pause_turn",
        "incomplete",
        "error",
    }
)


def to_messages(messages: Sequence[BaseMessage]) -> list[Message]:
    """Convert a conversation.

    Raises:
        InvalidRequestError: Mistral cannot take a message or block; the error names its location.
    """
    converted: list[Message] = []
    for index, message in enumerate(messages):
        convert = _CONVERTERS.get(type(message)) or _inherited_converter(message, index)
        converted += convert(message, index)
    return converted


def _inherited_converter(message: BaseMessage, index: int) -> _Converter:
    for base in type(message).__mro__:
        if converter := _CONVERTERS.get(base):
            return converter
    raise InvalidRequestError(
        f"messages[{index}]: a {type(message).__name__} cannot be sent to a model. Use a system, human, AI or "
        "tool message."
    )


def _content(message: BaseMessage, index: int) -> Content:
    content = message.content
    return content if isinstance(content, str) else to_parts(content, _location(index))


def _location(index: int) -> str:
    return f"messages[{index}].content"


def _system(message: SystemMessage, index: int) -> Sequence[Message]:
    return (Message.system(_content(message, index)),)


def _with_role(message: ChatMessage, index: int) -> Sequence[Message]:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequestError(
            f"messages[{index}]: unknown role {message.role!r}; use one of {', '.join(_ROLES)}."
        )
    return (Message(role, _content(message, index), name=message.name),)


_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "tool": "tool",
}


def _tool(message: ToolMessage, index: int) -> Sequence[Message]:
    content = _content(message, index)
    return (Message("tool", content, tool_call_id=message.tool_call_id, name=message.name),)


def _function(message: FunctionMessage, index: int) -> Sequence[Message]:
    """Convert a result of OpenAI's older functions, which have names and no ids."""
    return (Message("tool", _content(message, index), name=message.name),)


def _user(message: HumanMessage, index: int) -> Sequence[Message]:
    """Convert a user message. Only one with Anthropic's tool results in it, which Mistral wants as tool messages,
    becomes several.
    """
    if isinstance(message.content, str):
        return (Message("user", message.content, name=message.name),)
    blocks = [block for block in message.content if not _is_tool_result(block)]
    converted = [
        Message.tool(
            to_content(block.get("content") or "", f"messages[{index}].tool_result"),
            tool_call_id=str(block.get("tool_use_id")),
        )
        for block in message.content
        if isinstance(block, dict) and _is_tool_result(block)
    ]
    if blocks or not converted:
        parts = to_parts(blocks, _location(index))
        converted.append(Message("user", parts, name=message.name))
    return converted


def _is_tool_result(block: str | Block) -> bool:
    return not isinstance(block, str) and block.get("type") == "tool_result"


# --- assistant messages


def _assistant(message: AIMessage, index: int) -> Sequence[Message]:
    calls: tuple[ToolCall, ...] = ()
    if isinstance(message.content, str) and not message.additional_kwargs:
        content: Content = message.content
        if message.tool_calls or message.invalid_tool_calls:
            calls = _tool_calls(message, index)
    else:
        content = _assistant_content(message, index)
        calls = _tool_calls(message, index)
    return (Message("assistant", content, calls, name=message.name, prefix=_is_prefix(message)),)


def _is_prefix(message: AIMessage) -> bool | None:
    """Whether the model has to continue this message if it is the last one; None lets the core decide.

    A message that a model finished is not the beginning of an answer. Agents pass such a message on to a critic, a
    supervisor, or a model that converts it to a schema.
    """
    extra, metadata = message.additional_kwargs, message.response_metadata
    if extra and isinstance(prefix := extra.get("prefix"), bool):
        return prefix
    for name in _REASONS if metadata else ():
        if reason := metadata.get(name):
            return None if str(reason).lower() in _CUT_OFF else False
    return False if _is_of_silent_model(message) else None


def _is_of_silent_model(message: AIMessage) -> bool:
    """Whether a message is the whole answer of a model whose integration gives no reasons, as some do not.

    Those that name their provider give a reason with the last chunk, so a message of theirs without one was cut off.
    """
    return (
        (message.id or "").startswith(_RUN_IDS)
        and "model_provider" not in message.response_metadata
        and not isinstance(message, AIMessageChunk)  # the most expensive of the three
    )


def _assistant_content(message: AIMessage, index: int) -> Content:
    """Convert the content, without blocks that repeat `tool_calls`."""
    content, extra = message.content, message.additional_kwargs
    thinking, text = _thinking_in(extra), _text_in(extra)
    if isinstance(content, str) and not (thinking or text):
        return content
    blocks = [content] if isinstance(content, str) else [*content]
    if text:
        blocks.append(text)
    blocks = [
        block
        for block in blocks
        if isinstance(block, str) or block.get("type") not in _TOOL_CALL_CONVERTERS
    ]
    parts = to_parts(blocks, _location(index))
    if thinking and not any(isinstance(part, ThinkingPart) for part in parts):
        parts = (ThinkingPart(thinking), *parts)
    provider = message.response_metadata.get("model_provider")
    if provider in _MISTRAL_PROVIDERS:
        return parts
    return tuple(_from_other_provider(part, provider, index) for part in parts)


def _thinking_in(additional_kwargs: Mapping[str, Any]) -> str:
    """Return thinking that other integrations keep outside the content, as text or as OpenAI's summaries."""
    match additional_kwargs.get("reasoning_content") or additional_kwargs.get("reasoning"):
        case str(text):
            return text
        case {"summary": list(summaries)}:
            return "\n".join(str(summary.get("text", "")) for summary in summaries)
    return ""


def _text_in(additional_kwargs: Mapping[str, Any]) -> str:
    """Return a refusal, or the words of an answer in sound, which OpenAI's models keep outside the content."""
    match additional_kwargs:
        case {"refusal": str(text)} | {"audio": {"transcript": str(text)}}:
            return text
    return ""


def _from_other_provider(part: Part, provider: str | None, index: int) -> Part:
    """Remove the other provider's signature, and refuse its own block types.

    A message without a provider was written by the caller, who may send any block as `non_standard`.
    """
    match part:
        case ThinkingPart(signature=str()):
            return replace(part, signature=None)
        case UnknownPart(raw=raw) if provider is not None:
            raise InvalidRequestError(
                f"{_location(index)}: a block of type {raw.get('type')!r} is specific to {provider} and cannot be "
                "sent to Mistral. Remove it from the history."
            )
    return part


# --- tool calls


def _tool_calls(message: AIMessage, index: int) -> tuple[ToolCall, ...]:
    """Convert the calls of a message; invalid ones too, because a tool message may answer them."""
    try:
        calls = [
            ToolCall(call["id"], call["name"], _json(call["args"])) for call in message.tool_calls
        ]
        if message.invalid_tool_calls:
            calls += [
                ToolCall(call["id"], call["name"] or "", as_received(call["args"] or "{}"))
                for call in message.invalid_tool_calls
            ]
        if not isinstance(message.content, str):
            calls += _tool_calls_in(message.content, known_ids={call.id for call in calls})
        extra = message.additional_kwargs
        if extra and not calls and isinstance(old := extra.get("function_call"), Mapping):
            calls.append(_function_call(old))
    except TypeError as error:
        raise InvalidRequestError(
            f"messages[{index}]: the arguments of a tool call cannot be written as JSON: {error}."
        ) from None
    return tuple(calls)


def _tool_calls_in(
    content: Sequence[str | Block], known_ids: Collection[str | None]
) -> list[ToolCall]:
    """Find calls that are in the content only, as in Anthropic's own histories."""
    calls = [
        _TOOL_CALL_CONVERTERS[block["type"]](block)
        for block in content
        if isinstance(block, dict) and block.get("type") in _TOOL_CALL_CONVERTERS
    ]
    return [call for call in calls if call.id not in known_ids]


# `json.dumps` makes an encoder at each call, unless all its arguments are the defaults.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(value: Any) -> str:
    return as_received(value) if isinstance(value, str) else _encode(value)


def _tool_call(block: Block) -> ToolCall:
    return ToolCall(block.get("id"), str(block.get("name") or ""), _json(block.get("args") or {}))


def _tool_use(block: Block) -> ToolCall:
    return ToolCall(block.get("id"), str(block.get("name") or ""), _json(block.get("input") or {}))


def _function_call(block: Block) -> ToolCall:
    return ToolCall(
        block.get("call_id") or block.get("id"),
        str(block.get("name") or ""),
        _json(block.get("arguments") or {}),
    )


_TOOL_CALL_CONVERTERS: Mapping[str | None, Callable[[Block], ToolCall]] = {
    "tool_call": _tool_call,
    "tool_call_chunk": _tool_call,
    "invalid_tool_call": _tool_call,
    "tool_use": _tool_use,
    "function_call": _function_call,
}

_Converter: TypeAlias = Callable[[Any, int], Sequence[Message]]

_CONVERTERS: Mapping[type, _Converter] = {
    AIMessage: _assistant,
    ToolMessage: _tool,
    FunctionMessage: _function,
    SystemMessage: _system,
    HumanMessage: _user,
    ChatMessage: _with_role,
}
