"""The words in which a plan and its driver talk. A plan yields `Attempt`, and is sent an `Outcome`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import field
from typing import Any, Literal, Protocol, TypeAlias

from portkey_mistral._records import record
from portkey_mistral.config import Target
from portkey_mistral.requests import Operation

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

FailureKind: TypeAlias = Literal["status", "connect", "timeout", "transport", "body", "route"]


@record()
class Attempt:
    """One send that the plan wants made, not before `not_before` (monotonic seconds; 0 is at once).

    `path` is Portkey's option path. The overrides, timeout and headers are the target's own: inheritance
    was settled when the config was read. `forced` means that every breaker in the way was open, so none is
    asked: an answer is still likelier than none. An answer with one of the `unwanted` statuses is thrown away
    by what comes next in the plan, so nobody may see a stream that begins with one.
    """

    path: str
    target: Target
    number: int = 1
    not_before: float = 0.0
    forced: bool = False
    unwanted: tuple[int, ...] = ()


@record()
class Answered:
    """A whole answer with a good status. `cached` when it never left this process."""

    at: float
    status: int = 200
    cached: bool = False


@record()
class Committed:
    """A stream gave content, which the caller has seen, and came to its end: nothing may replay it.

    An `Answered` with a status that the config retries or falls back on is sent again, as in the gateway;
    a `Committed` never is.
    """

    at: float
    status: int = 200


@record()
class Failed:
    """No usable answer. `status` is what the rules of the config look at, also where no server spoke:
    500 for a transport failure, 503 for a connect timeout, 408 for a request timeout.

    `retry_after` is what the server asked to wait, in seconds. The kind "route" is the plan's own: no
    condition led to a target, for which `reason` tells why.
    """

    at: float
    kind: FailureKind
    status: int
    retry_after: float | None = None
    reason: str = ""


@record()
class Interrupted:
    """A stream broke off after content, and the driver is able to continue it on another attempt."""

    at: float
    status: int = 500


@record()
class Skipped:
    """Nobody was asked: the target's breaker is open or probing, or it may not have this request."""

    at: float
    reason: str


Outcome: TypeAlias = Answered | Committed | Failed | Interrupted | Skipped
Plan: TypeAlias = Generator[Attempt, Outcome, Outcome]


class Random(Protocol):
    """What a plan needs of `random.Random`."""

    def random(self) -> float: ...


@record()
class Health:
    """Which targets a circuit breaker holds open, as seen before the plan was made; by option path."""

    open: frozenset[str] = frozenset()


@record()
class RequestFacts:
    """All that routing may look at: the canonical body before overrides, Portkey metadata, the URL path.

    `needs` names capabilities ("vision", "tools", ...) and `prompt_tokens` gives an estimate when it is called,
    both for `strategy.skip`. `deadline` is monotonic; no attempt starts after it. `operation` decides what a
    target may serve: an embedding never changes its model, a chat never goes to a FIM target.
    """

    operation: Operation
    params: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pathname: str = "/v1/chat/completions"
    needs: frozenset[str] = frozenset()
    prompt_tokens: Callable[[], int] = int  # which gives 0
    deadline: float | None = None
