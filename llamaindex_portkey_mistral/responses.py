"""The core's answers and deltas, as LlamaIndex shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse, LogProb

from llamaindex_portkey_mistral.answers import answer
from llamaindex_portkey_mistral.messages import from_message
from portkey_mistral import responses as core
from portkey_mistral.messages import Message, ThinkingPart

__all__ = ["from_delta", "from_response", "text_response", "to_completion"]

_USAGE = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "prompt_audio_seconds",
    "service_tier",
)
_OF_AN_ATTEMPT = tuple(field.name for field in fields(core.AttemptRecord))
_INFO = (
    "way",
    "lane",
    "provider",
    "option_path",
    "retry_count",
    "cache_status",
    "trace_id",
    "request_id",
)


def from_response(
    response: core.ChatResponse, names: Mapping[str, str], *, single: bool
) -> ChatResponse:
    """Show a whole answer, or the whole of a stream. `single` keeps only the first tool call.

    `raw` is the server's body with its usage at the top, where token counters look. `additional_kwargs`
    holds `finish_reason`, the token counts, `call_info` (which way the call went, and every attempt) and,
    for more than one answer, the texts of the others as `alternatives`.
    """
    return answer(
        from_message(_trimmed(response.message, single=single), names),
        _raw(response),
        _logprobs(response.choices[0].logprobs),
        _facts(response),
    )


def from_delta(
    delta: core.Delta, message: Message, names: Mapping[str, str], *, single: bool
) -> ChatResponse | None:
    """Show one event of a stream beside the message so far; None where it adds nothing to be seen."""
    if not (delta.text or delta.parts or delta.tool_calls):
        return None
    thinking = "".join(part.text for part in delta.parts if isinstance(part, ThinkingPart))
    return ChatResponse(
        message=from_message(_trimmed(message, single=single), names),
        delta=delta.text,
        raw=delta.raw,
        logprobs=_logprobs(delta.logprobs),
        additional_kwargs={"thinking_delta": thinking} if thinking else {},
    )


def to_completion(response: ChatResponse) -> CompletionResponse:
    """Show a chat answer as text; the chat response is left as it is."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs=response.message.additional_kwargs | response.additional_kwargs,
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def text_response(response: core.ChatResponse) -> CompletionResponse:
    """Show a filled middle."""
    return to_completion(from_response(response, {}, single=False))


def _trimmed(message: Message, *, single: bool) -> Message:
    if single and len(message.tool_calls) > 1:
        return replace(message, tool_calls=message.tool_calls[:1])
    return message


def _raw(response: core.ChatResponse) -> dict[str, Any]:
    raw = dict(response.raw)
    if raw.get("usage") is None and response.usage is not None:
        raw["usage"] = _tokens(response.usage)
    return raw


def _facts(response: core.ChatResponse) -> dict[str, Any]:
    facts: dict[str, Any] = {"finish_reason": response.finish_reason}
    if response.usage is not None:
        facts |= _tokens(response.usage)
    if len(response.choices) > 1:
        facts["alternatives"] = [choice.message.text for choice in response.choices[1:]]
    facts["call_info"] = _call_info(response.info)
    return facts


def _tokens(usage: core.Usage) -> dict[str, Any]:
    counts = _known(usage, _USAGE)
    if usage.estimated:
        counts["estimated"] = True
    return counts


def _call_info(info: core.CallInfo) -> dict[str, Any]:
    facts = _known(info, _INFO)
    if info.lost:
        facts["lost"] = list(info.lost)
    if info.rate_limits:
        facts["rate_limits"] = dict(info.rate_limits)
    facts["attempts"] = [
        {name: getattr(attempt, name) for name in _OF_AN_ATTEMPT} for attempt in info.attempts
    ]
    return facts


def _known(value: core.Usage | core.CallInfo, names: Sequence[str]) -> dict[str, Any]:
    """Give these attributes, but for those that are None."""
    return {name: found for name in names if (found := getattr(value, name)) is not None}


def _logprobs(logprobs: Mapping[str, Any] | None) -> list[list[LogProb]] | None:
    """Give each token a list: the token, then the alternatives to it that were asked for."""
    if not logprobs or not logprobs.get("content"):
        return None
    return [_token(entry) for entry in logprobs["content"]]


def _token(entry: Mapping[str, Any]) -> list[LogProb]:
    rivals: Sequence[Mapping[str, Any]] = [
        other for other in entry.get("top_logprobs") or () if other["token"] != entry["token"]
    ]
    return [
        LogProb(token=each["token"], logprob=each["logprob"], bytes=each.get("bytes") or [])
        for each in (entry, *rivals)
    ]
