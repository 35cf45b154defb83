"""Converts token usage and call information to LangChain's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.messages.ai import UsageMetadata

from portkey_mistral.adapter_support import drop_none
from portkey_mistral.responses import AttemptRecord, CallInfo, ChatResponse, Delta, Usage

if TYPE_CHECKING:
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails

__all__ = [
    "PROVIDER",
    "TRACED_FIELDS",
    "TRACED_PROVIDER",
    "AnswerMetadata",
    "cost_dict",
    "langsmith_params",
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
    """The metadata of one answer."""

    model: str | None = None
    id: str | None = None
    created: int | None = None
    finish_reason: str | None = None
    usage: Usage | None = None

    @classmethod
    def of(cls, response: ChatResponse, choice: int = 0) -> AnswerMetadata:
        """Return the facts about one choice of a response."""
        finish_reason = response.choices[choice].finish_reason
        return cls(response.model, response.id, response.created, finish_reason, response.usage)

    def record(self, delta: Delta) -> None:
        """Update the facts from a delta of a stream."""
        self.model = delta.model or self.model
        if delta.id and delta.id != self.id:
            self.id = delta.id
            self.created = delta.raw.get("created")
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage

    def as_dict(self, info: CallInfo) -> dict[str, Any]:
        """Return the facts with those about the call; values are JSON, and unknown ones are left out."""
        facts = drop_none(
            model_name=self.model,
            model_provider=PROVIDER,
            finish_reason=self.finish_reason,
            id=self.id,
            created=self.created,
        )
        return facts | _usage_extras(self.usage) | _call_facts(info)


def _usage_extras(usage: Usage | None) -> dict[str, Any]:
    """Return the part of the API's usage that `UsageMetadata` has no field for."""
    if usage is None:
        return {}
    return drop_none(
        service_tier=usage.service_tier,
        prompt_audio_seconds=usage.prompt_audio_seconds,
        usage_estimated=usage.estimated or None,
    )


def _call_facts(info: CallInfo) -> dict[str, Any]:
    return drop_none(
        mode=info.mode,
        lane=info.lane,
        provider=info.provider,
        option_path=info.option_path,
        retry_count=info.retry_count,
        cache_status=info.cache_status,
        trace_id=info.trace_id,
        request_id=info.request_id,
        rate_limits=dict(info.rate_limits) or None,
        attempts=[_attempt(record) for record in info.attempts] or None,
        lost=list(info.lost) or None,
        cost=cost_dict(info),
        guardrails=[verdict.as_dict() for verdict in info.guardrails] or None,
    )


_ATTEMPT_FIELDS = tuple(field.name for field in fields(AttemptRecord))


def _attempt(record: AttemptRecord) -> dict[str, Any]:
    facts = {name: getattr(record, name) for name in _ATTEMPT_FIELDS}
    facts["usage"] = None if record.usage is None else usage_metadata(record.usage)
    facts["cost"] = None if record.cost is None else record.cost.to_dict()
    return facts


def cost_dict(info: CallInfo) -> dict[str, Any] | None:
    """Return what a call cost as JSON values; None if that is not known."""
    return None if info.cost is None else info.cost.to_dict()


# --- token usage


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Convert usage; details that the server did not report are left out."""
    metadata = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )
    if details := drop_none(cache_read=usage.cached_tokens, audio=usage.prompt_audio_tokens):
        metadata["input_token_details"] = cast("InputTokenDetails", details)
    if details := drop_none(reasoning=usage.reasoning_tokens, audio=usage.completion_audio_tokens):
        metadata["output_token_details"] = cast("OutputTokenDetails", details)
    return metadata


def token_usage(usage: Usage | None) -> dict[str, Any]:
    """Convert usage to OpenAI's names, which cost callbacks and tracing tools read from `llm_output`.

    Details that the server did not report are left out.
    """
    if usage is None:
        return {}
    prompt = drop_none(cached_tokens=usage.cached_tokens, audio_tokens=usage.prompt_audio_tokens)
    completion = drop_none(
        reasoning_tokens=usage.reasoning_tokens, audio_tokens=usage.completion_audio_tokens
    )
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    return counts | drop_none(
        prompt_tokens_details=prompt or None, completion_tokens_details=completion or None
    )


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
            total = _sum_counts(total, output.get("token_usage", {}))
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
        if isinstance(count, Mapping):
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
