"""Converts the core's responses and stream deltas to LlamaIndex's `ChatResponse` and `CompletionResponse`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse, LogProb

from llamaindex_portkey_mistral._messages import from_message
from portkey_mistral import responses as core
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.messages import Message, Part, ThinkingPart

__all__ = ["from_delta", "from_fim_response", "from_response", "to_completion"]


def from_response(
    response: core.ChatResponse, tool_names: Mapping[str, str], *, single_call: bool
) -> ChatResponse:
    """Convert a complete response. `single_call` keeps only the first tool call.

    `raw` is the server's body with `usage` at the top level, where token counters look for it.
    Both have the `cost` of the call, as `Cost.to_dict` returns it, if it is known.
    `additional_kwargs` holds `finish_reason`, the token counts, `call_info` (mode, lane and every attempt)
    and, with n > 1, the texts of the other choices as `alternatives`.
    """
    choice = response.choices[0]
    message = _with_one_call(choice.message) if single_call else choice.message
    return ChatResponse(
        message=from_message(
            message, tool_names, complete=True, truncated=choice.finish_reason in core.TRUNCATED
        ),
        raw=_raw(response),
        logprobs=_logprobs(choice.logprobs) if choice.logprobs else None,
        additional_kwargs=_additional_kwargs(response),
    )


def from_delta(
    delta: core.Delta, message: Message, tool_names: Mapping[str, str], *, single_call: bool
) -> ChatResponse | None:
    """Convert one stream event, given the message so far; None if the event adds nothing visible."""
    if not (delta.text or delta.parts or delta.tool_calls):
        return None
    if single_call:
        message = _with_one_call(message)
    thinking = _thinking(delta.parts) if delta.parts else ""
    return ChatResponse(
        message=from_message(message, tool_names, complete=False),
        delta=delta.text,
        raw=delta.raw,
        logprobs=_logprobs(delta.logprobs) if delta.logprobs else None,
        additional_kwargs={"thinking_delta": thinking} if thinking else {},
    )


def _thinking(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, ThinkingPart))


def to_completion(response: ChatResponse) -> CompletionResponse:
    """Convert a chat response to a completion. The chat response is not changed."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs=response.message.additional_kwargs | response.additional_kwargs,
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def from_fim_response(response: core.ChatResponse) -> CompletionResponse:
    """Convert a fill-in-the-middle response."""
    return to_completion(from_response(response, {}, single_call=False))


def _with_one_call(message: Message) -> Message:
    if len(message.tool_calls) > 1:
        return replace(message, tool_calls=message.tool_calls[:1])
    return message


def _raw(response: core.ChatResponse) -> dict[str, Any]:
    raw = dict(response.raw)
    if raw.get("usage") is None and response.usage is not None:
        raw["usage"] = _token_counts(response.usage)
    if response.info.cost is not None:
        raw["cost"] = response.info.cost.to_dict()
    return raw


def _additional_kwargs(response: core.ChatResponse) -> dict[str, Any]:
    kwargs: dict[str, Any] = {"finish_reason": response.finish_reason}
    if response.usage is not None:
        kwargs |= _token_counts(response.usage)
    if len(response.choices) > 1:
        kwargs["alternatives"] = [choice.message.text for choice in response.choices[1:]]
    if response.info.cost is not None:
        kwargs["cost"] = response.info.cost.to_dict()
    kwargs["call_info"] = _call_info(response.info)
    return kwargs


def _token_counts(usage: core.Usage) -> dict[str, Any]:
    return drop_none(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        prompt_audio_seconds=usage.prompt_audio_seconds,
        service_tier=usage.service_tier,
        estimated=usage.estimated or None,
    )


def _call_info(info: core.CallInfo) -> dict[str, Any]:
    return drop_none(
        mode=info.mode,
        lane=info.lane,
        provider=info.provider,
        option_path=info.option_path,
        retry_count=info.retry_count,
        cache_status=info.cache_status,
        trace_id=info.trace_id,
        request_id=info.request_id,
        lost=list(info.lost) or None,
        guardrails=[each.as_dict() for each in info.guardrails] if info.guardrails else None,
        rate_limits=dict(info.rate_limits) or None,
        attempts=[record.to_dict(_token_counts) for record in info.attempts],
    )


def _logprobs(logprobs: Mapping[str, Any]) -> list[list[LogProb]] | None:
    """Return one list per token: the token itself, then its top alternatives."""
    if not logprobs.get("content"):
        return None
    return [_token_logprobs(entry) for entry in logprobs["content"]]


def _token_logprobs(entry: Mapping[str, Any]) -> list[LogProb]:
    alternatives: Sequence[Mapping[str, Any]] = [
        other for other in entry.get("top_logprobs") or () if other["token"] != entry["token"]
    ]
    return [
        LogProb(token=each["token"], logprob=each["logprob"], bytes=each.get("bytes") or [])
        for each in (entry, *alternatives)
    ]
