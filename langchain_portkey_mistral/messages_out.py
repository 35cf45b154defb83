"""Turns a whole answer into LangChain's messages and results. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, InvalidToolCall
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.outputs import ChatResult

from langchain_portkey_mistral.answers import answer, spoken
from langchain_portkey_mistral.content_out import to_message_content
from langchain_portkey_mistral.metadata import (
    PROVIDER,
    call_metadata,
    known,
    token_usage,
    usage_extras,
    usage_metadata,
)
from portkey_mistral.messages import ToolCall
from portkey_mistral.responses import ChatResponse, Choice

__all__ = ["to_chat_result", "to_tool_calls"]


def to_chat_result(response: ChatResponse, names: Mapping[str, str] | None = None) -> ChatResult:
    """Map an answer; every choice becomes a generation. The usage, billed once, stands on the first.

    `names` maps names of tools on the wire to the caller's own, where they differ.
    """
    if names:
        response = _with_own_names(response, names)
    said = [
        (
            _message(choice, response, with_usage=position == 0),
            known(finish_reason=choice.finish_reason, logprobs=choice.logprobs),
        )
        for position, choice in enumerate(response.choices)
    ]
    output = {"model_name": response.model, "token_usage": token_usage(response.usage)}
    return answer(said, output)


def _with_own_names(response: ChatResponse, names: Mapping[str, str]) -> ChatResponse:
    choices = []
    for choice in response.choices:
        calls = [
            replace(call, name=names.get(call.name, call.name))
            for call in choice.message.tool_calls
        ]
        choices.append(replace(choice, message=replace(choice.message, tool_calls=tuple(calls))))
    return replace(response, choices=tuple(choices))


def _message(choice: Choice, response: ChatResponse, *, with_usage: bool) -> AIMessage:
    content = to_message_content(choice.message.content)
    calls, unreadable = to_tool_calls(choice.message.tool_calls)
    usage = usage_metadata(response.usage) if with_usage and response.usage else None
    return spoken(content, calls, unreadable, usage, _response_metadata(choice, response))


def _response_metadata(choice: Choice, response: ChatResponse) -> dict[str, Any]:
    return {
        "model_name": response.model,
        "model_provider": PROVIDER,
        **known(
            finish_reason=choice.finish_reason,
            id=response.id,
            created=response.created,
            logprobs=choice.logprobs,
        ),
        **usage_extras(response.usage),
        **call_metadata(response.info),
    }


def to_tool_calls(
    calls: tuple[ToolCall, ...],
) -> tuple[list[LangChainToolCall], list[InvalidToolCall]]:
    """Parse the arguments; a call whose arguments are no JSON object is given with what is wrong."""
    valid: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in calls:
        match _arguments(call.arguments):
            case str(fault):
                invalid.append(
                    InvalidToolCall(
                        type="invalid_tool_call",
                        id=call.id,
                        name=call.name,
                        args=call.arguments,
                        error=fault,
                    )
                )
            case arguments:
                valid.append(
                    LangChainToolCall(name=call.name, args=arguments, id=call.id, type="tool_call")
                )
    return valid, invalid


def _arguments(text: str) -> dict[str, Any] | str:
    """Return the arguments, or what is wrong with them."""
    try:
        # Models put raw line breaks into strings; strict JSON would refuse them.
        arguments = json.loads(text, strict=False) if text.strip() else {}
    except ValueError as error:
        return f"The arguments are not JSON: {error}"
    if not isinstance(arguments, dict):
        return f"The arguments must be a JSON object, got {type(arguments).__name__}."
    return arguments
