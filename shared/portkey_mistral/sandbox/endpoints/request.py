"""The input of an endpoint: the request and the state of its sandbox that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox.answers import Answer
from portkey_mistral.sandbox.batch_jobs import JobStore, Outcome
from portkey_mistral.sandbox.errors import RefusalError, invalid_body
from portkey_mistral.sandbox.faults import Fault

__all__ = ["SandboxRequest", "deprecation", "parse", "request_limits", "token_limits"]

_TOKENS_PER_MINUTE = 2_000_000
_TOKENS_PER_MONTH = 10_000_000_000
_REQUESTS_PER_MINUTE = 3_600

RequestModel = TypeVar("RequestModel", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRequest:
    """One request. Id and time come from the sandbox, so that an endpoint is a function of its request.

    `scripted` pops the next scripted answer if there is one; `cached` returns the common start of a prompt
    and of the previous one under the same cache key; `answer` answers one request of a batch job, given its path and
    body. `jobs` has the files and batch jobs, `classifiers`
    the words of each label of each target, by model.
    """

    headers: Mapping[str, str]
    body: bytes
    fault: Fault
    id: str
    now: float
    scripted: Callable[[], Answer | None]
    cached: Callable[[str, str], str]
    answer: Callable[[str, Mapping[str, Any]], Outcome]
    jobs: JobStore
    classifiers: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now, UTC).date()


def parse(
    request: type[RequestModel], body: bytes, *, inside: Sequence[str] = ("body",)
) -> RequestModel:
    """Validate a body strictly (`3` is not a string, `"3"` not a number), with the service's error messages."""
    adapter: TypeAdapter[RequestModel] = _adapter(request)
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as strict:
        raise _validation_error(adapter, body, strict, inside) from None


def token_limits(cost: int) -> Mapping[str, str]:
    """Return the rate-limit headers of an answer that used this many tokens."""
    return {
        "x-ratelimit-limit-tokens-minute": str(_TOKENS_PER_MINUTE),
        "x-ratelimit-remaining-tokens-minute": str(max(0, _TOKENS_PER_MINUTE - cost)),
        "x-ratelimit-limit-tokens-month": str(_TOKENS_PER_MONTH),
        "x-ratelimit-remaining-tokens-month": str(max(0, _TOKENS_PER_MONTH - cost)),
        "x-ratelimit-tokens-query-cost": str(cost),
        **request_limits(),
    }


def request_limits() -> Mapping[str, str]:
    return {
        "x-ratelimit-limit-req-minute": str(_REQUESTS_PER_MINUTE),
        "x-ratelimit-remaining-req-minute": str(_REQUESTS_PER_MINUTE - 1),
    }


def deprecation(model: ModelInfo, today: date) -> Mapping[str, str]:
    """Return the header that announces the retirement of a deprecated model."""
    if model.status_on(today) != "deprecated" or model.retires is None:
        return {}
    return {"x-model-deprecation-timestamp": f"{model.retires.isoformat()}T00:00:00Z"}


def _validation_error(
    adapter: TypeAdapter[Any], body: bytes, strict: ValidationError, inside: Sequence[str]
) -> RefusalError:
    # The service validates in lax mode, so a string that is not a number is "int_parsing" there, not "int_type".
    try:
        adapter.validate_json(body)
    except ValidationError as lax:
        return invalid_body(lax, inside=inside)
    return invalid_body(strict, inside=inside)


@cache
def _adapter(request: type[RequestModel]) -> TypeAdapter[RequestModel]:
    return TypeAdapter(request)
