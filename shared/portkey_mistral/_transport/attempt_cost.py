"""What an attempt cost: from its usage, and from who bills it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from portkey_mistral._routing.outcomes import (
    Answered,
    Attempt,
    Committed,
    Failed,
    Interrupted,
    Skipped,
)
from portkey_mistral._transport.results import AttemptResult, Counted, FinishedAttempt
from portkey_mistral._wire.response_headers import OPTION_PATH
from portkey_mistral.cost import Billing, cost_of
from portkey_mistral.exceptions import GuardrailDeniedError
from portkey_mistral.ocr import OCRResponse
from portkey_mistral.prices import NOT_BILLED, Cost
from portkey_mistral.responses import (
    ChatResponse,
    ClassificationResponse,
    EmbeddingResponse,
    ModerationResponse,
)

if TYPE_CHECKING:
    from portkey_mistral._transport.call import Call
    from portkey_mistral.responses import Usage

__all__ = ["add_cost", "counted_in"]

_COUNTED = (
    ChatResponse,
    EmbeddingResponse,
    ModerationResponse,
    ClassificationResponse,
    OCRResponse,
)
# Failures that a server answers before it does any work, or that reach none.
_UNBILLED_FAILURES = frozenset({"status", "connect", "budget", "route", "rate"})
# Statuses by which a proxy or a gateway reports that it no longer waits; the server behind it may have answered.
_TIMED_OUT = frozenset({408, 499, 504, 524})


def counted_in(result: AttemptResult[Any]) -> Counted:
    """Return what a whole response reports."""
    value = result.value
    if isinstance(value, _COUNTED):
        return Counted(value.usage, value.model or None)
    return result.counted


def add_cost(call: Call[Any], finished: FinishedAttempt[Any], counted: Counted) -> None:
    """Add the usage and the cost to an attempt that was sent."""
    finished.usage, finished.cost = counted.usage, _cost(call, finished, counted)


def _cost(call: Call[Any], finished: FinishedAttempt[Any], counted: Counted) -> Cost | None:
    """Return what an attempt cost; None if that is not known.

    A refusal is not billed. An attempt that timed out, broke off or failed in the model may be; how much is known only
    if the response has a usage.
    """
    match finished.result.outcome:
        case Answered(cached=False) | Committed() | Interrupted():
            pass
        case Skipped() | Answered():
            return NOT_BILLED
        case Failed() if counted.usage is not None:
            pass
        case Failed(kind="status", status=status) if status in _TIMED_OUT or _has_denied_answer(
            finished
        ):
            return None
        case Failed(kind=kind):
            return NOT_BILLED if kind in _UNBILLED_FAILURES else None
    headers, usage, wire_request = finished.headers, counted.usage, finished.wire_request
    if "HIT" in headers.get("x-portkey-cache-status", ""):
        return NOT_BILLED
    if usage is None or wire_request is None or _tier_is_unknown(call, finished.attempt, usage):
        return None
    billings = wire_request.billed_at(headers.get(OPTION_PATH))
    costs = [_cost_as_answered(each, usage, counted.model, headers) for each in billings]
    return costs[0] if costs and costs.count(costs[0]) == len(costs) else None


def _has_denied_answer(finished: FinishedAttempt[Any]) -> bool:
    """Whether a guardrail has denied the answer of a model, which was billed all the same."""
    error = finished.result.error
    return isinstance(error, GuardrailDeniedError) and any(
        verdict.denied and verdict.side == "output" for verdict in error.guardrails
    )


def _tier_is_unknown(call: Call[Any], attempt: Attempt, usage: Usage) -> bool:
    """Whether the request left the service tier to the server, and the response does not name it."""
    return usage.service_tier is None and call.parameter(attempt, "service_tier") == "auto"


def _cost_as_answered(
    billing: Billing, usage: Usage, model: str | None, headers: Mapping[str, str]
) -> Cost | None:
    """Return the cost with what only the response tells: the provider behind a slug, and the model that answered.

    A server may name the model otherwise than the request. Where the target is known, so is the requested model.
    """
    if billing.provider and (not model or model == billing.model):
        return cost_of(usage, billing)
    provider = billing.provider or headers.get("x-portkey-provider", "")
    cost = cost_of(usage, Billing(provider, model or billing.model, billing.host))
    return cost_of(usage, billing) if cost is None and billing.provider else cost
