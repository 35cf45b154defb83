"""One prepared call: its route, the builder of its requests, the decoder of its responses, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from portkey_mistral._routing.outcomes import Attempt, Outcome, RequestFacts
from portkey_mistral._transport.base import Timeouts
from portkey_mistral._transport.cancellation import JobCancellation
from portkey_mistral._transport.concurrency import ConcurrencyLimit
from portkey_mistral._transport.observer import Observe, unobserved
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral._wire.http_request import HTTPRequest
from portkey_mistral.budget import Account
from portkey_mistral.config.values import Node
from portkey_mistral.cost import Billing
from portkey_mistral.responses import ConnectionMode, Lane
from portkey_mistral.settings.limits import MAX_RESPONSE_BYTES
from portkey_mistral.state.base import State

if TYPE_CHECKING:
    from portkey_mistral._routing.sticky import StickyBalance

__all__ = ["Call", "Limits", "RateLimit", "RequestBuilder", "WireRequest"]

T = TypeVar("T")


@dataclass(slots=True)
class Limits:
    """Seconds, and the most bytes of a body; see `ConnectionSettings` for their meaning."""

    timeout: Timeouts
    first_token: float | None = None
    idle: float | None = None
    concurrency: ConcurrencyLimit | None = None
    max_bytes: int = MAX_RESPONSE_BYTES


def _billed_by_nobody_known(option_path: str | None) -> tuple[Billing, ...]:  # noqa: ARG001
    return ()


@dataclass(slots=True)
class WireRequest:
    """The request of one attempt. `model` is the requested one, after the target's overrides.

    `lost_at` returns the parameters that were not sent to the target, given the headers of the response: behind a
    gateway only they name the target. `prefix` is the text that the response is to continue. `billed_at` returns who
    bills the target at an option path; for None, who may bill, whichever target is chosen. `awaits_verdicts` is set if
    verdicts of guardrails may follow a streamed response. `trace_headers` are the names of the W3C trace context's
    headers that may be sent to this server.
    """

    request: HTTPRequest
    provider: str
    model: str | None
    lane: Lane | None = None
    lost_at: Callable[[Mapping[str, str]], tuple[str, ...]] | None = None
    prefix: str = ""
    billed_at: Callable[[str | None], tuple[Billing, ...]] = _billed_by_nobody_known
    awaits_verdicts: bool = False
    trace_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How a request is spaced from others with the same key at the same host.

    `reservations` holds the seconds to reserve on each rate, by its name. `wait_after`, if set, is called with the
    outcome and the headers of each attempt, and returns for how many seconds all requests then have to wait.
    """

    reservations: tuple[tuple[str, float], ...]
    wait_after: Callable[[Outcome, Mapping[str, str]], float] | None = None


class RequestBuilder(Protocol):
    """Writes the HTTP request of an attempt. Pure: nothing is sent, and no state is read.

    `so_far` is the text of an interrupted attempt that this one continues, or empty.
    """

    def build(self, attempt: Attempt, so_far: str) -> WireRequest:
        """Build the request.

        Raises:
            CapabilityError: the model of the attempt's target lacks a capability that the request requires.
            PortkeyMistralError: the request cannot be sent to this target at all.
        """
        ...

    def not_resumable(self, attempt: Attempt) -> str | None:
        """Return why the interrupted attempt cannot be resumed; None if it can."""
        ...

    def cannot_resume_on(self, attempt: Attempt) -> str | None:
        """Return why the target of this attempt cannot continue the text; None if it can."""
        ...


@dataclass(slots=True, kw_only=True)
class Call(Generic[T]):
    """One prepared call: everything needed to follow its plan and to decode its response.

    `root` is the tree of targets that the plan visits, and `facts` are the inputs of its decisions. `decode` turns the
    parsed JSON of a response into a value, and raises ValueError if the body is not what the API promises.
    `breaker_keys` maps the option path of a target to the key of its circuit breaker in `state`. `resume` says whether
    an interrupted stream is continued. `assumed_prefix` is text that does not belong to the response if a stream
    repeats it; `decode` removes it from a whole response. `cancellation` belongs to the job that the call is part of.
    Calls share cached responses only within a `cache_partition`. `observe` creates the observer that logs and traces the
    call. `default_url` is the gateway's URL, or that of targets without a `custom_host`; `trace_parent` are the user's
    own headers of the W3C trace context. `accounts` are the budgets that the call is
    charged to.
    """

    mode: ConnectionMode
    root: Node
    facts: RequestFacts
    builder: RequestBuilder
    decode: Callable[[Any], T]
    transport_options: TransportOptions
    limits: Limits
    state: State
    max_retries: int = 0
    breaker_keys: Mapping[str, str] = field(default_factory=dict)
    sticky: tuple[StickyBalance, ...] = ()
    rate_limit: RateLimit | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    trace_id: str | None = None
    streams: bool = False
    resume: bool = False
    assumed_prefix: str = ""
    cancellation: JobCancellation | None = None
    refresh_cache: bool = False
    cache_partition: bytes = field(default=b"", repr=False)
    observe: Observe = unobserved
    default_url: str = ""
    trace_parent: Mapping[str, str] = field(default_factory=dict)
    accounts: tuple[Account, ...] = ()

    def parameter(self, attempt: Attempt, name: str) -> Any:
        """Return a parameter of the request of an attempt, after the target's overrides."""
        return attempt.target.override_params.get(name, self.facts.params.get(name))

    @property
    def deadline(self) -> float | None:
        """The time by which all attempts have to end, in monotonic seconds."""
        return self.facts.deadline
