"""The circuit breaker of one target, as values: what state it is in, and what each event makes of it.

    CLOSED     requests go through and are counted
    OPEN       no request goes through until the cooldown is over
    HALF_OPEN  one request at a time goes through, to see

Portkey's `cb_config` closes a breaker when the cooldown is over and lets everything through again; here one
request is let through first. Counts cover one cooldown interval from their first request on, so failures of
long ago do not add up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from portkey_mistral._engine.outcomes import (
    Answered,
    Committed,
    Failed,
    Interrupted,
    Outcome,
    Skipped,
)
from portkey_mistral.config import Breaker

__all__ = ["TRANSITIONS", "Circuit", "Event", "State", "admit", "is_failure", "is_open", "record"]


class State(Enum):
    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class Event(Enum):
    SUCCEEDED = auto()
    FAILED = auto()
    TRIPPED = auto()  # failed, and by that reached a threshold
    COOLED = auto()


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.OPEN, Event.COOLED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.SUCCEEDED): State.CLOSED,
    (State.HALF_OPEN, Event.FAILED): State.OPEN,
    (State.HALF_OPEN, Event.TRIPPED): State.OPEN,
}
"""All others leave the state as it is: a late answer to a request sent before does not close a breaker."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A breaker's memory. Times are monotonic seconds.

    `until` is when an open breaker has cooled, and when a half-open one gives up on a probe that was never
    heard of again. `since` is the time of the first request counted.
    """

    state: State = State.CLOSED
    requests: int = 0
    failures: int = 0
    since: float = 0.0
    until: float = 0.0


def is_open(circuit: Circuit, now: float) -> bool:
    """Whether nothing may be sent: cooling, or a probe is on its way."""
    return circuit.state is not State.CLOSED and now < circuit.until


def admit(circuit: Circuit, breaker: Breaker, now: float) -> tuple[Circuit, bool]:
    """Ask to send. Once an open breaker has cooled, one asker gets a yes and the rest wait for its result."""
    if circuit.state is State.CLOSED:
        return circuit, True
    if is_open(circuit, now):
        return circuit, False
    state = TRANSITIONS.get((circuit.state, Event.COOLED), circuit.state)
    probing = dataclasses.replace(circuit, state=state, until=now + breaker.cooldown_interval)
    return probing, True


def record(circuit: Circuit, breaker: Breaker, outcome: Outcome) -> Circuit:
    """Return the circuit after an outcome. A skipped send tells nothing."""
    if isinstance(outcome, Skipped) or (isinstance(outcome, Answered) and outcome.cached):
        return circuit
    failed = is_failure(breaker, outcome)
    counted = _count(circuit, breaker, outcome.at, failed=failed)
    state = TRANSITIONS.get((circuit.state, _event(counted, breaker, failed=failed)), circuit.state)
    if state is circuit.state:
        return counted if state is State.CLOSED else circuit
    if state is State.OPEN:
        return Circuit(State.OPEN, until=outcome.at + breaker.cooldown_interval)
    return Circuit(state)


def is_failure(breaker: Breaker, outcome: Outcome) -> bool:
    """Whether an outcome counts against a target.

    Without `failure_status_codes` that is Portkey's "above 500", and everything that was no answer at all.
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
