"""Requests in Mistral's own JSON: the canonical body that routing reads and every dialect starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from portkey_mistral._wire.history import repair
from portkey_mistral._wire.parts import encode_content
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import Message, ToolCall
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    Request,
    ResponseFormat,
    Tool,
    ToolChoice,
)

__all__ = ["ALIASES", "canonical", "encode_message", "renamed", "settled"]

# Other vendors' names for the same thing. Mistral's bodies are closed, so these would be refused.
ALIASES: Mapping[str, str] = {
    "seed": "random_seed",
    "max_completion_tokens": "max_tokens",
    "safe_mode": "safe_prompt",
    "dimensions": "output_dimension",
}

# Fields that travel under their own name and as they are.
_SAMPLING = ("temperature", "top_p", "max_tokens", "min_tokens", "random_seed")
_COMMON = ("prompt_cache_key",)
_CHAT = (
    *_SAMPLING,
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "top_k",
    "n",
    "logprobs",
    "top_logprobs",
    "safe_prompt",
    "prompt_mode",
    "reasoning_effort",
    "parallel_tool_calls",
    *_COMMON,
    "service_tier",
)
_FIM = ("suffix", *_SAMPLING, *_COMMON)
_EMBEDDING = ("output_dimension", "output_dtype", "encoding_format")

# Without tools these ask for nothing, and some servers refuse them.
_ONLY_WITH_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_ASKS_FOR_NO_CALL = (None, "auto", "none")


def canonical(request: Request, *, stream: bool) -> dict[str, Any]:
    """Return the body of a request as Mistral spells it, before any target's `override_params`.

    The history is repaired. What is None, and an empty list of tools, is not there.

    Raises:
        InvalidRequestError: the request cannot succeed anywhere.
    """
    body = settled(_fields(request))
    if stream:
        body["stream"] = True
    return body


def _fields(request: Request) -> dict[str, Any]:
    match request:
        case ChatRequest():
            return _chat(request)
        case FIMRequest():
            return {
                "model": request.model,
                "prompt": request.prompt,
                **_named(request, _FIM),
                "stop": _stop(request.stop),
                "metadata": request.metadata,
                **_extra(request.extra),
            }
        case EmbeddingRequest():
            return {
                "model": request.model,
                "input": list(request.inputs),
                **_named(request, _EMBEDDING),
                "metadata": request.metadata,
                **_extra(request.extra),
            }
        case ModerationRequest():
            return {"model": request.model, "input": _moderated(request)}
    assert_never(request)


def _chat(request: ChatRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "messages": [encode_message(message) for message in repair(request.messages)],
        **_named(request, _CHAT),
        "stop": _stop(request.stop),
        "tools": [_tool(tool) for tool in request.tools],
        "tool_choice": _tool_choice(request.tool_choice),
        "response_format": _response_format(request.response_format),
        "prediction": _prediction(request.prediction),
        "guardrails": None if request.guardrails is None else list(request.guardrails),
        "metadata": request.metadata,
        **_extra(request.extra),
    }


def _named(request: Request, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(request, name)) is not None}


def _extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    if "stream" in extra:
        raise InvalidRequestError(
            "'stream' is not a parameter of a request: call the streaming method instead."
        )
    if not extra:
        return {}
    # Mistral refuses stream_options, and reports the usage of a stream without being asked.
    return {name: value for name, value in renamed(extra).items() if name != "stream_options"}


def renamed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under Mistral's names."""
    return {ALIASES.get(name, name): value for name, value in fields.items()}


def settled(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing: None, an empty list of tools, and what only goes with tools.

    Raises:
        InvalidRequestError: a tool call is demanded, but there is no tool.
    """
    kept = {name: value for name, value in body.items() if value is not None}
    if kept.get("tools"):
        return kept
    if kept.get("tool_choice") not in _ASKS_FOR_NO_CALL:
        raise InvalidRequestError(
            f"tool_choice demands a tool call ({kept['tool_choice']!r}), but no tools are given."
        )
    for name in _ONLY_WITH_TOOLS:
        kept.pop(name, None)
    return kept


# --- messages ---------------------------------------------------------------------------------------


def encode_message(message: Message) -> dict[str, Any]:
    """Write one message with the members that its role has, and no others: bodies are closed."""
    body: dict[str, Any] = {"role": message.role, "content": encode_content(message.content)}
    match message.role:
        case "assistant":
            if message.tool_calls:
                body["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
            if message.prefix:
                body["prefix"] = True
        case "tool":
            body["tool_call_id"] = message.tool_call_id
            if message.name:
                body["name"] = message.name
        case _:
            pass
    return body


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _moderated(request: ModerationRequest) -> list[Any]:
    # Not repaired: what is judged is what was said, and a last answer is no prefix here.
    match request.inputs, request.messages:
        case None, list() | tuple() as messages:
            return [encode_message(message) for message in messages]
        case inputs, None if inputs is not None:
            return list(inputs)
        case _:
            raise InvalidRequestError(
                "Moderation takes either `inputs` or `messages`, one of them."
            )


# --- fields with a shape of their own ---------------------------------------------------------------


def _stop(stop: str | Sequence[str] | None) -> str | list[str] | None:
    if stop is None or isinstance(stop, str):
        return stop or None
    return list(stop) or None


def _tool(tool: Tool | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(tool, Tool):
        return dict(tool)
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice | None) -> str | dict[str, Any] | None:
    if choice is None:
        return None
    if choice.function is not None:
        return {"type": "function", "function": {"name": choice.function}}
    return choice.mode


def _response_format(wanted: ResponseFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    if wanted.schema is None:
        raise InvalidRequestError("response_format of type 'json_schema' needs a schema.")
    schema = {
        "name": wanted.name or wanted.schema.get("title") or "answer",
        "schema": wanted.schema,
        "strict": wanted.strict,
        "description": wanted.description,
    }
    given = {name: value for name, value in schema.items() if value is not None}
    return {"type": "json_schema", "json_schema": given}


def _prediction(prediction: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if isinstance(prediction, str):
        return {"type": "content", "content": prediction}
    return prediction
