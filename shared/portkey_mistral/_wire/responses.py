"""Decodes whole responses: chat completions, usage, moderations and the list of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from portkey_mistral._wire.content import decode_content, refusal, refusal_in
from portkey_mistral._wire.json_members import (
    choice_index,
    counts,
    finish_reason,
    integer,
    logprobs,
    string,
)
from portkey_mistral._wire.malformed import MalformedResponse, json_object
from portkey_mistral._wire.tool_call_decoder import whole_arguments_text
from portkey_mistral._wire.tool_call_ids import known_id, short_id
from portkey_mistral.messages import Content, Message, TextPart, ThinkingPart, ToolCall
from portkey_mistral.responses import (
    TRUNCATED,
    ChatResponse,
    Choice,
    ClassificationResponse,
    ModelCard,
    ModerationResponse,
    Usage,
)

__all__ = [
    "decode_chat",
    "decode_classification",
    "decode_models",
    "decode_moderation",
    "decode_usage",
]


def decode_usage(raw: object, *, service_tier: str | None = None) -> Usage | None:
    """Decode a `usage` object; None if there is none. A count that is no number of tokens is absent."""
    if not isinstance(raw, dict):
        return None
    of_request = counts(raw)
    of_prompt = counts(raw.get("prompt_tokens_details"))
    of_completion = counts(raw.get("completion_tokens_details"))
    prompt = of_request.get("prompt_tokens", 0)
    completion = of_request.get("completion_tokens", 0)
    cached = of_prompt.get("cached_tokens")
    if cached is None:
        cached = counts(raw.get("prompt_token_details")).get("cached_tokens")
    if cached is None:  # in early 2026
        cached = of_request.get("num_cached_tokens")
    tier = raw.get("service_tier") or service_tier
    return Usage(
        prompt,
        completion,
        of_request.get("total_tokens", prompt + completion),
        cached,
        of_completion.get("reasoning_tokens"),
        of_request.get("prompt_audio_seconds"),
        tier if isinstance(tier, str) else None,
        prompt_audio_tokens=of_prompt.get("audio_tokens"),
        completion_audio_tokens=of_completion.get("audio_tokens"),
    )


_MESSAGE_MEMBERS = frozenset(
    {"role", "content", "tool_calls", "prefix", "reasoning_content", "reasoning", "refusal"}
)


def decode_chat(body: object) -> ChatResponse:
    """Decode a response of the chat or the fill-in-the-middle endpoint.

    Raises:
        MalformedResponse: it is not a chat completion.
    """
    response = json_object(body, "the response")
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedResponse("the response has no choices")
    id_ = string(response, "id")
    return ChatResponse(
        id=id_,
        model=string(response, "model") or "",
        choices=tuple(_choice(raw, at, str(id_)) for at, raw in enumerate(choices)),
        usage=decode_usage(response.get("usage"), service_tier=response.get("service_tier")),
        created=integer(response, "created"),
        raw=response,
    )


def _choice(raw: object, at: int, seed: str) -> Choice:
    choice = json_object(raw, f"choices[{at}]")
    index = choice_index(choice, at)
    reason = finish_reason(choice)
    return Choice(
        index=index,
        message=_message(choice, at, f"{seed}:{index}", truncated=reason in TRUNCATED),
        finish_reason=reason,
        logprobs=logprobs(choice) if "logprobs" in choice else None,
    )


def _message(choice: Mapping[str, Any], at: int, seed: str, *, truncated: bool) -> Message:
    # If Mistral ran built-in tools, a choice has several messages.
    raw_messages = choice.get("messages")
    if isinstance(raw_messages, list) and choice.get("message") is None:
        messages = [
            _one_message(raw, at, seed, truncated=truncated)
            for raw in raw_messages
            if _is_assistants(raw)
        ]
        return Message(
            "assistant",
            _join([message.content for message in messages]),
            tuple(call for message in messages for call in message.tool_calls),
            extra={"messages": raw_messages},
        )
    return _one_message(choice.get("message"), at, seed, truncated=truncated)


def _is_assistants(raw: object) -> bool:
    return isinstance(raw, Mapping) and raw.get("role") in (None, "assistant")


def _one_message(raw: object, at: int, seed: str, *, truncated: bool) -> Message:
    message = json_object(raw, f"choices[{at}].message")
    content, calls = decode_content(message.get("content")), message.get("tool_calls")
    # vLLM, DeepSeek and others send the reasoning next to the content.
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        content = _join([(ThinkingPart(reasoning),), content])
    if (refused := refusal_in(message)) is not None:
        content = _join([content, (refusal(refused),)])
    return Message(
        "assistant",
        content,
        _tool_calls(calls, seed, truncated=truncated) if calls else (),
        extra={name: value for name, value in message.items() if name not in _MESSAGE_MEMBERS},
    )


def _join(contents: Sequence[Content]) -> Content:
    """Join contents; if all are strings, the result is one string."""
    if all(isinstance(content, str) for content in contents):
        return "".join(content for content in contents if isinstance(content, str))
    return tuple(
        part
        for content in contents
        for part in ((TextPart(content),) if isinstance(content, str) and content else content)
        if not isinstance(part, str)
    )


def _tool_calls(raw: object, seed: str, *, truncated: bool) -> tuple[ToolCall, ...]:
    if not isinstance(raw, list):
        raise MalformedResponse("tool_calls is not a list")
    calls: dict[str | None, ToolCall] = {}
    for at, each in enumerate(raw):
        call = _tool_call(each, f"{seed}:{at}", truncated=truncated)
        if call.id in calls:  # the results of two calls with one id could not be told apart
            call = replace(call, id=short_id(f"{seed}:{at}"))
        calls[call.id] = call
    return tuple(calls.values())


def _tool_call(raw: object, seed: str, *, truncated: bool) -> ToolCall:
    call = json_object(raw, "a tool call")
    function = json_object(call.get("function"), "the function of a tool call")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise MalformedResponse("the function of a tool call has no name")
    id_ = known_id(call.get("id")) or short_id(seed)
    arguments = whole_arguments_text(function.get("arguments"), truncated=truncated)
    return ToolCall(id_, name, arguments)


# --- the rest ---------------------------------------------------------------------------------------


_Classified = TypeVar("_Classified", ModerationResponse, ClassificationResponse)


def decode_moderation(body: object) -> ModerationResponse:
    """Decode a response of one of the two moderation endpoints."""
    return _classifications(body, ModerationResponse, json_object)


def decode_classification(body: object) -> ClassificationResponse:
    """Decode a response of one of the two classification endpoints."""
    return _classifications(body, ClassificationResponse, _scores)


def _classifications(
    body: object,
    response_class: type[_Classified],
    decode_result: Callable[[object, str], Mapping[str, Any]],
) -> _Classified:
    response = json_object(body, "the response")
    results = response.get("results")
    if not isinstance(results, list):
        raise MalformedResponse("the response has no list of results")
    return response_class(
        id=string(response, "id"),
        model=string(response, "model") or "",
        results=tuple(decode_result(raw, f"results[{at}]") for at, raw in enumerate(results)),
        usage=decode_usage(response.get("usage")),
    )


def _scores(raw: object, what: str) -> Mapping[str, Mapping[str, float]]:
    targets = json_object(raw, what)
    return {
        name: json_object(
            json_object(target, f"{what}.{name}").get("scores"), f"{what}.{name}.scores"
        )
        for name, target in targets.items()
    }


def decode_models(body: object) -> tuple[ModelCard, ...]:
    """Decode the list of models; some servers send the list without the object around it."""
    cards = body if isinstance(body, list) else json_object(body, "the response").get("data")
    if not isinstance(cards, list):
        raise MalformedResponse("the response has no list of models")
    rows = [json_object(card, f"data[{at}]") for at, card in enumerate(cards)]
    return tuple(ModelCard(str(row["id"]), row) for row in rows if row.get("id"))
