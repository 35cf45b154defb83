"""Converts token usage and call information to LangChain's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.messages.ai import UsageMetadata

from portkey_mistral.adapter_support import drop_none
from portkey_mistral.responses import CallInfo, ChatResponse, Delta, Usage

if TYPE_CHECKING:
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails

__all__ = [
    "PROVIDER",
    "TRACED_FIELDS",
    "TRACED_PROVIDER",
    "AnswerMetadata",
    "answer_metadata",
    "langsmith_params",
    "llm_output",
    "sum_token_usage",
    "token_usage",
    "usage_metadata",
]

# The `model_provider` of messages. A name of our own, because block translators are registered by it and registering
# "mistralai" would replace langchain-mistralai's. `_get_ls_params` has the same one: LangChain's summarisation
# middleware trusts reported token counts only where the two are equal.
PROVIDER = "portkey-mistral"

# The `ls_provider` of traces: Phoenix, OpenTelemetry's instrumentation and LangSmith know Mistral, its prices among
# the rest, by LangChain's name for it.
TRACED_PROVIDER = "mistralai"

TRACED_FIELDS = ("model", "temperature", "max_tokens", "stop")
"""The fields of a model that `langsmith_params` reads."""


@dataclass
class AnswerMetadata:
    """The metadata of an answer that is streamed."""

    model: str | None = None
    id: str | None = None
    created: int | None = None
    finish_reason: str | None = None
    usage: Usage | None = None

    def record(self, delta: Delta) -> None:
        """Update the facts from a delta of the stream."""
        self.model = delta.model or self.model
        if delta.id != self.id and delta.id:
            self.id = delta.id
            self.created = delta.raw.get("created")
        if delta.finish_reason:
            self.finish_reason = delta.finish_reason
        if delta.usage:
            self.usage = delta.usage

    def as_dict(self, info: CallInfo) -> dict[str, Any]:
        """Return the facts with those about the call; see `answer_metadata`."""
        return answer_metadata(self, self.finish_reason, info)


_NO_USAGE = Usage()


def answer_metadata(
    answer: ChatResponse | AnswerMetadata,
    finish_reason: str | None,
    info: CallInfo,
    logprobs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the facts about one choice of an answer, and about the call.

    Values are JSON, and unknown ones are left out. Of the usage, it has the part that `UsageMetadata` has no field for.
    """
    usage = answer.usage or _NO_USAGE
    return drop_none(
        model_name=answer.model,
        model_provider=PROVIDER,
        finish_reason=finish_reason,
        id=answer.id,
        created=answer.created,
        service_tier=usage.service_tier,
        prompt_audio_seconds=usage.prompt_audio_seconds,
        usage_estimated=usage.estimated or None,
        mode=info.mode,
        lane=info.lane,
        provider=info.provider,
        option_path=info.option_path,
        retry_count=info.retry_count,
        cache_status=info.cache_status,
        trace_id=info.trace_id,
        request_id=info.request_id,
        rate_limits=dict(info.rate_limits) or None,
        attempts=[record.to_dict(usage_metadata) for record in info.attempts] or None,
        lost=list(info.lost) or None,
        cost=None if info.cost is None else info.cost.to_dict(),
        guardrails=[each.as_dict() for each in info.guardrails] if info.guardrails else None,
        logprobs=logprobs,
    )


def llm_output(response: ChatResponse) -> dict[str, Any]:
    """Return what `sum_token_usage` combines; `cost` is left out if it is not known."""
    output = {"model_name": response.model, "token_usage": token_usage(response.usage)}
    if response.info.cost is not None:
        output["cost"] = response.info.cost.to_dict()
    return output


# --- token usage


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Convert usage; details that the server did not report are left out."""
    metadata = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )
    cached, audio = usage.cached_tokens, usage.prompt_audio_tokens
    if cached is not None or audio is not None:
        details = drop_none(cache_read=cached, audio=audio)
        metadata["input_token_details"] = cast("InputTokenDetails", details)
    reasoning, audio = usage.reasoning_tokens, usage.completion_audio_tokens
    if reasoning is not None or audio is not None:
        details = drop_none(reasoning=reasoning, audio=audio)
        metadata["output_token_details"] = cast("OutputTokenDetails", details)
    return metadata


def token_usage(usage: Usage | None) -> dict[str, Any]:
    """Convert usage to OpenAI's names, which cost callbacks and tracing tools read from `llm_output`.

    Details that the server did not report are left out.
    """
    if usage is None:
        return {}
    counts: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    cached, audio = usage.cached_tokens, usage.prompt_audio_tokens
    if cached is not None or audio is not None:
        counts["prompt_tokens_details"] = drop_none(cached_tokens=cached, audio_tokens=audio)
    reasoning, audio = usage.reasoning_tokens, usage.completion_audio_tokens
    if reasoning is not None or audio is not None:
        details = drop_none(reasoning_tokens=reasoning, audio_tokens=audio)
        counts["completion_tokens_details"] = details
    return counts


def sum_token_usage(outputs: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Combine the `llm_output` of several calls; LangChain passes None for a streamed one.

    `cost` is the sum of the costs that are known.
    """
    total: dict[str, Any] = {}
    models: set[str] = set()
    costs: list[Decimal] = []
    for output in outputs:
        if output:
            models.add(output["model_name"])
            if cost := output.get("cost"):
                costs.append(Decimal(cost["amount"]))
            usage = output.get("token_usage", {})
            total = _sum_counts(total, usage) if total else dict(usage)
    combined: dict[str, Any] = {"token_usage": total}
    if models:
        combined["model_name"] = "+".join(sorted(models))
    if costs:
        combined["cost"] = {"amount": f"{sum(costs):f}", "currency": "USD"}
    return combined


def _sum_counts(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Add counts, and those of their details, name by name."""
    total = dict(one)
    for name, count in other.items():
        if isinstance(count, dict):
            total[name] = _sum_counts(total.get(name, {}), count)
        else:
            total[name] = total.get(name, 0) + count
    return total


# --- tracing


def langsmith_params(
    parameters: Mapping[str, Any], stop: list[str] | None, model_type: Literal["chat", "llm"]
) -> LangSmithParams:
    """Return the parameters of a request under the names that LangSmith reads."""
    own_stop = parameters.get("stop")
    named = drop_none(
        ls_provider=PROVIDER,
        ls_model_type=model_type,
        ls_model_name=parameters["model"],
        ls_temperature=parameters.get("temperature"),
        ls_max_tokens=parameters.get("max_tokens"),
        ls_stop=stop or ([own_stop] if isinstance(own_stop, str) else own_stop),
    )
    return cast("LangSmithParams", named)
