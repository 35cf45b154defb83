"""What an endpoint is given: the request, and what its sandbox lends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox.answers import Answer
from portkey_mistral.sandbox.errors import RefusalError, invalid_body
from portkey_mistral.sandbox.faults import Fault

__all__ = ["Order", "deprecation", "parse", "request_limits", "token_limits"]

_TOKENS_A_MINUTE = 2_000_000
_TOKENS_A_MONTH = 10_000_000_000
_REQUESTS_A_MINUTE = 3_600

RequestModel = TypeVar("RequestModel", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One request. Id and time come from the sandbox, so that an endpoint depends on its order alone.

    `scripted` takes the next ordered answer if there is one; `cached` gives what a prompt has in common
    with the one before it under the same cache key.
    """

    headers: Mapping[str, str]
    body: bytes
    fault: Fault
    id: str
    now: float
    scripted: Callable[[], Answer | None]
    cached: Callable[[str, str], str]

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now, UTC).date()


def parse(
    request: type[RequestModel], body: bytes, *, inside: Sequence[str] = ("body",)
) -> RequestModel:
    """Validate a body: `3` is no text and `"3"` no number, but faults are worded as the service does."""
    adapter: TypeAdapter[RequestModel] = _adapter(request)
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as strict:
        raise _worded(adapter, body, strict, inside) from None


def token_limits(cost: int) -> Mapping[str, str]:
    """Return the rate-limit headers of an answer that cost this many tokens."""
    return {
        "x-ratelimit-limit-tokens-minute": str(_TOKENS_A_MINUTE),
        "x-ratelimit-remaining-tokens-minute": str(max(0, _TOKENS_A_MINUTE - cost)),
        "x-ratelimit-limit-tokens-month": str(_TOKENS_A_MONTH),
        "x-ratelimit-remaining-tokens-month": str(max(0, _TOKENS_A_MONTH - cost)),
        "x-ratelimit-tokens-query-cost": str(cost),
        **request_limits(),
    }


def request_limits() -> Mapping[str, str]:
    return {
        "x-ratelimit-limit-req-minute": str(_REQUESTS_A_MINUTE),
        "x-ratelimit-remaining-req-minute": str(_REQUESTS_A_MINUTE - 1),
    }


def deprecation(model: ModelInfo, today: date) -> Mapping[str, str]:
    """Return the header that announces the end of a deprecated model."""
    if model.status_on(today) != "deprecated" or model.retires is None:
        return {}
    return {"x-model-deprecation-timestamp": f"{model.retires.isoformat()}T00:00:00Z"}


def _worded(
    adapter: TypeAdapter[Any], body: bytes, strict: ValidationError, inside: Sequence[str]
) -> RefusalError:
    # The service validates laxly, so a text that is no number is "int_parsing" there, not "int_type".
    try:
        adapter.validate_json(body)
    except ValidationError as lax:
        return invalid_body(lax, inside=inside)
    return invalid_body(strict, inside=inside)


@cache
def _adapter(request: type[RequestModel]) -> TypeAdapter[RequestModel]:
    return TypeAdapter(request)
