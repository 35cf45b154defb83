"""The values that a plan and its driver exchange: a plan yields an `Attempt` and is sent its `Outcome`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from portkey_mistral._api import Operation
from portkey_mistral.config.values import Target

__all__ = [
    "Answered",
    "Attempt",
    "Committed",
    "Failed",
    "FailureKind",
    "Health",
    "Interrupted",
    "Outcome",
    "Plan",
    "Random",
    "RequestFacts",
    "Skipped",
]

FailureKind: TypeAlias = Literal[
    "status", "completion", "connect", "timeout", "transport", "body", "route", "budget", "rate"
]


@dataclass(slots=True)
class Attempt:
    """One request to send, not before `not_before` (monotonic seconds; 0 is at once).

    With a reason in `skipped` it is not to be sent: the plan passes over the target, and reports it so that the driver
    can record that. Its outcome is `Skipped`.
    `path` is Portkey's option path, and `number` counts the attempts on this target from 1. `forced` ignores circuit
    breakers, because all on the route were open. A response with one of the `unwanted` statuses is discarded by the
    config, although it may be a success, so nothing of its stream may reach the caller.
    """

    path: str
    target: Target
    number: int = 1
    not_before: float = 0.0
    forced: bool = False
    unwanted: tuple[int, ...] = ()
    skipped: str | None = None


@dataclass(slots=True)
class Answered:
    """A whole response with a success status. `cached` if it came from the cache and nothing was sent."""

    at: float
    status: int = 200
    cached: bool = False


@dataclass(slots=True)
class Committed:
    """A stream whose content has reached the caller, and that ended well. It is never replayed.

    Unlike `Answered`, whose status may be one that the config retries or falls back on, as in the gateway.
    """

    at: float
    status: int = 200


@dataclass(slots=True)
class Failed:
    """No usable response. `status` is what the config's rules test, also without a response: 500 for a transport
    failure, 503 for a connect timeout, 408 for a request timeout (as observed in the open-source gateway).

    `retry_after` is in seconds. The kind "completion" is a model's own failure, in a response with a success status. The
    kind "budget" ends the plan: a budget has no room for the request. The kind "route" comes from the plan itself: no
    condition led to a target, as `reason` explains. "rate" is a request that a rate would let through only after the
    deadline.
    """

    at: float
    kind: FailureKind
    status: int
    retry_after: float | None = None
    reason: str = ""


@dataclass(slots=True)
class Interrupted:
    """A stream broke off after content had reached the caller, and another attempt can continue it."""

    at: float
    status: int = 500


@dataclass(slots=True)
class Skipped:
    """Nothing was sent: the target's circuit breaker is open or probing, or the target is not eligible."""

    at: float
    reason: str


Outcome: TypeAlias = Answered | Committed | Failed | Interrupted | Skipped
Plan: TypeAlias = Generator[Attempt, Outcome, Outcome]


class Random(Protocol):
    """The part of `random.Random` that a plan uses."""

    def random(self) -> float: ...


@dataclass(slots=True)
class Health:
    """A snapshot of the state store at the start of a plan.

    `open` contains the option paths of the targets whose circuit breaker is open; `picks` maps the option path of a
    sticky load balance to the index of the target that this request is bound to.
    """

    open: frozenset[str] = frozenset()
    picks: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class RequestFacts:
    """All that routing may depend on: the canonical body before overrides, Portkey metadata, the URL path.

    `required_capabilities` ("vision", "tools", ...) and `prompt_tokens`, which returns an estimate when called,
    are for `strategy.skip`. No attempt starts after `deadline` (monotonic). Because of `operation`, an embedding
    request never reaches another model, and a chat request never a fill-in-the-middle target.
    """

    operation: Operation
    params: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pathname: str = "/v1/chat/completions"
    required_capabilities: frozenset[str] = frozenset()
    prompt_tokens: Callable[[], int] = int  # int() is 0
    deadline: float | None = None
