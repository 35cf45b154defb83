"""The circuit breaker of one target: its states as values, and the transitions between them.

    CLOSED     requests pass and are counted
    OPEN       no request passes until the cooldown is over
    HALF_OPEN  one request passes as a probe; its outcome closes or opens the breaker

Configured by Portkey's `cb_config`. Hosted Portkey has no half-open state: after the cooldown it admits all requests
again (Portkey's documentation, "Circuit Breaker"). Counts cover one cooldown interval from the first request counted,
so old failures do not add up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from portkey_mistral._routing.outcomes import (
    Answered,
    Committed,
    Failed,
    Interrupted,
    Outcome,
    Skipped,
)
from portkey_mistral.config.values import Breaker

__all__ = [
    "TRANSITIONS",
    "Circuit",
    "CircuitState",
    "Event",
    "admit",
    "is_failure",
    "is_open",
    "record",
]


class CircuitState(Enum):
    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class Event(Enum):
    SUCCEEDED = auto()
    FAILED = auto()
    TRIPPED = auto()  # failed, and reached a threshold
    COOLED = auto()


TRANSITIONS: Mapping[tuple[CircuitState, Event], CircuitState] = {
    (CircuitState.CLOSED, Event.TRIPPED): CircuitState.OPEN,
    (CircuitState.OPEN, Event.COOLED): CircuitState.HALF_OPEN,
    (CircuitState.HALF_OPEN, Event.SUCCEEDED): CircuitState.CLOSED,
    (CircuitState.HALF_OPEN, Event.FAILED): CircuitState.OPEN,
    (CircuitState.HALF_OPEN, Event.TRIPPED): CircuitState.OPEN,
}
"""Other pairs leave the state as it is: a late response to an earlier request does not close an open breaker."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A breaker's state and counts. Times are monotonic seconds.

    `until` is when the cooldown of an open breaker ends, or when a half-open one gives up on a probe without an
    outcome. `since` is the time of the first request counted.
    """

    state: CircuitState = CircuitState.CLOSED
    requests: int = 0
    failures: int = 0
    since: float = 0.0
    until: float = 0.0


def is_open(circuit: Circuit, now: float) -> bool:
    """Whether nothing may be sent: the breaker is cooling, or a probe is in flight."""
    return circuit.state is not CircuitState.CLOSED and now < circuit.until


def admit(circuit: Circuit, breaker: Breaker, now: float) -> tuple[Circuit, bool]:
    """Return the circuit after a request, and whether it may be sent. After the cooldown one probe is admitted."""
    if circuit.state is CircuitState.CLOSED:
        return circuit, True
    if is_open(circuit, now):
        return circuit, False
    state = TRANSITIONS.get((circuit.state, Event.COOLED), circuit.state)
    probing = dataclasses.replace(circuit, state=state, until=now + breaker.cooldown_interval)
    return probing, True


def record(circuit: Circuit, breaker: Breaker, outcome: Outcome) -> Circuit:
    """Return the circuit after an outcome. One without a request (skipped, cached, over budget) changes nothing."""
    match outcome:
        case Skipped() | Answered(cached=True) | Failed(kind="budget"):
            return circuit
    failed = is_failure(breaker, outcome)
    counted = _count(circuit, breaker, outcome.at, failed=failed)
    state = TRANSITIONS.get((circuit.state, _event(counted, breaker, failed=failed)), circuit.state)
    if state is circuit.state:
        return counted if state is CircuitState.CLOSED else circuit
    if state is CircuitState.OPEN:
        return Circuit(CircuitState.OPEN, until=outcome.at + breaker.cooldown_interval)
    return Circuit(state)


def is_failure(breaker: Breaker, outcome: Outcome) -> bool:
    """Whether an outcome counts as a failure of its target.

    Without `failure_status_codes` that is Portkey's default, a status above 500, and every failure without a
    status from the server.
    """
    match outcome:
        case Answered() | Committed() | Skipped():
            return False
        case Interrupted():
            return True
        case Failed(kind=kind, status=status):
            if breaker.failure_status_codes is not None:
                return status in breaker.failure_status_codes
            return status > 500 or kind != "status"


def _count(circuit: Circuit, breaker: Breaker, at: float, *, failed: bool) -> Circuit:
    fresh = circuit.requests == 0 or at - circuit.since > breaker.cooldown_interval
    base = Circuit(circuit.state, since=at, until=circuit.until) if fresh else circuit
    return dataclasses.replace(base, requests=base.requests + 1, failures=base.failures + failed)


def _event(circuit: Circuit, breaker: Breaker, *, failed: bool) -> Event:
    if not failed:
        return Event.SUCCEEDED
    return Event.TRIPPED if _has_tripped(circuit, breaker) else Event.FAILED


def _has_tripped(circuit: Circuit, breaker: Breaker) -> bool:
    most, percentage = breaker.failure_threshold, breaker.failure_threshold_percentage
    if most is not None and circuit.failures >= most:
        return True
    if percentage is None or circuit.requests < (breaker.minimum_requests or 1):
        return False
    return 100 * circuit.failures >= percentage * circuit.requests
