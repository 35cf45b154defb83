"""Puts usage and the facts of a call into LangChain's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages.ai import UsageMetadata

from portkey_mistral.responses import AttemptRecord, CallInfo, Usage

if TYPE_CHECKING:
    from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails

__all__ = [
    "PROVIDER",
    "add_token_usage",
    "call_metadata",
    "known",
    "token_usage",
    "usage_extras",
    "usage_metadata",
]

# `ls_provider` and `model_provider` have to be the same: LangChain's summarisation trusts reported tokens
# only then. It is our own name, so that our block translator never replaces another package's.
PROVIDER = "portkey-mistral"

_OF_AN_ATTEMPT = tuple(field.name for field in fields(AttemptRecord))


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Give the tokens of a call; a detail that the server did not report is left out."""
    metadata = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )
    if read := known(cache_read=usage.cached_tokens, audio=usage.prompt_audio_tokens):
        metadata["input_token_details"] = cast("InputTokenDetails", read)
    if written := known(reasoning=usage.reasoning_tokens, audio=usage.completion_audio_tokens):
        metadata["output_token_details"] = cast("OutputTokenDetails", written)
    return metadata


def usage_extras(usage: Usage | None) -> dict[str, Any]:
    """Give what belongs to usage but is not counted in tokens."""
    if usage is None:
        return {}
    return known(
        service_tier=usage.service_tier,
        prompt_audio_seconds=usage.prompt_audio_seconds,
        usage_estimated=usage.estimated or None,
    )


def token_usage(usage: Usage | None) -> dict[str, int]:
    """Give the figures under the names that LangChain's older cost callbacks look for."""
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def add_token_usage(outputs: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Sum the usage of several calls; LangChain gives None for one that was streamed."""
    total: dict[str, int] = {}
    models: set[str] = set()
    for output in outputs:
        if output:
            models.add(output["model_name"])
            for name, count in output.get("token_usage", {}).items():
                total[name] = total.get(name, 0) + count
    summed: dict[str, Any] = {"token_usage": total}
    if models:
        summed["model_name"] = "+".join(sorted(models))
    return summed


def call_metadata(info: CallInfo) -> dict[str, Any]:
    """Give how the call went, in values that can be written as JSON; what is unknown is left out."""
    attempts = [
        {name: getattr(attempt, name) for name in _OF_AN_ATTEMPT} for attempt in info.attempts
    ]
    return known(
        way=info.way,
        lane=info.lane,
        provider=info.provider,
        option_path=info.option_path,
        retry_count=info.retry_count,
        cache_status=info.cache_status,
        trace_id=info.trace_id,
        request_id=info.request_id,
        rate_limits=dict(info.rate_limits) or None,
        attempts=attempts or None,
        lost=list(info.lost) or None,
    )


def known(**values: Any) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in values.items() if value is not None}
