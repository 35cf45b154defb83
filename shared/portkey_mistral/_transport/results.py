"""The result of one attempt: an outcome for the plan, with the value or the error for the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from portkey_mistral._routing.outcomes import Attempt, Outcome
from portkey_mistral.budget import Counter
from portkey_mistral.exceptions import PortkeyMistralError
from portkey_mistral.guardrails import GuardrailVerdict
from portkey_mistral.prices import Cost
from portkey_mistral.responses import Usage

if TYPE_CHECKING:
    from portkey_mistral._transport.call import WireRequest

__all__ = [
    "AttemptResult",
    "Counted",
    "FinishedAttempt",
    "Reservation",
    "StalledError",
    "is_success",
]

T = TypeVar("T")


class Counted(NamedTuple):
    """The usage that a response reports, and the model that it names."""

    usage: Usage | None = None
    model: str | None = None


_NOTHING = Counted()


@dataclass(slots=True)
class AttemptResult(Generic[T]):
    """How an attempt ended. At most one of `value` and `error` is set; a skipped attempt has neither.

    `counted` is what a failed response reports; an answer reports it in `value`.
    """

    outcome: Outcome
    value: T | None = None
    error: PortkeyMistralError | None = None
    guardrails: tuple[GuardrailVerdict, ...] = ()
    counted: Counted = _NOTHING


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money that was added to counters before a request was sent, in the units of `budget.to_units`."""

    counters: tuple[Counter, ...]
    amount: int


@dataclass(slots=True)
class FinishedAttempt(Generic[T]):
    """An attempt that has ended. `started` is monotonic; `wire_request` is None if nothing had to be sent.

    `headers` and `body` are the response's; the body of a stream is not kept. `usage` is what the server counted, or an
    estimate for a stream that broke off; `cost` is None if it is not known. `sent` is False if no request was sent.
    """

    attempt: Attempt
    result: AttemptResult[T]
    started: float
    wire_request: WireRequest | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    usage: Usage | None = None
    cost: Cost | None = None
    reservation: Reservation | None = None
    sent: bool = True


class StalledError(TimeoutError):
    """The body of a response did not arrive in time."""


def is_success(status: int) -> bool:
    """2xx. Includes Portkey's 246: a guardrail failed, but does not deny."""
    return 200 <= status < 300
