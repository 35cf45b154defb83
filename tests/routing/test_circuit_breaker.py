from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from driving import Line, outcome_of
from portkey_mistral._routing.circuit_breaker import (
    TRANSITIONS,
    Circuit,
    CircuitState,
    Event,
    admit,
    is_failure,
    is_open,
    record,
)
from portkey_mistral._routing.outcomes import Answered
from portkey_mistral.config import Breaker

THREE = Breaker(failure_threshold=3, cooldown_interval=30.0)


def after(breaker: Breaker, *lines: Line, at: float = 100.0, step: float = 1.0) -> Circuit:
    circuit = Circuit()
    for index, line in enumerate(lines):
        circuit = record(circuit, breaker, outcome_of(line, at + index * step))
    return circuit


def test_it_opens_at_the_threshold() -> None:
    assert after(THREE, 503, 503).state is CircuitState.CLOSED
    assert after(THREE, 503, 503, 503).state is CircuitState.OPEN
    assert after(THREE, 503, 200, 503, 200, 503).state is CircuitState.OPEN


def test_old_failures_do_not_add_up() -> None:
    assert after(THREE, 503, 503, 503, step=20.0).state is CircuitState.CLOSED


@pytest.mark.parametrize(
    ("rules", "lines", "state"),
    [
        ({"failure_threshold_percentage": 50}, [200, 200, 503], CircuitState.CLOSED),
        ({"failure_threshold_percentage": 50}, [200, 503], CircuitState.OPEN),
        ({"failure_threshold_percentage": 50}, [503], CircuitState.OPEN),
        (
            {"failure_threshold_percentage": 50, "minimum_requests": 4},
            [503] * 3,
            CircuitState.CLOSED,
        ),
        ({"failure_threshold_percentage": 50, "minimum_requests": 4}, [503] * 4, CircuitState.OPEN),
        ({"failure_threshold_percentage": 100}, [503], CircuitState.OPEN),
        (
            {"failure_threshold": 2, "failure_threshold_percentage": 90},
            [200] * 5 + [503] * 2,
            CircuitState.OPEN,
        ),
    ],
)
def test_percentage(rules: dict[str, Any], lines: list[int], state: CircuitState) -> None:
    assert after(Breaker(**rules), *lines).state is state


@pytest.mark.parametrize(
    ("line", "codes", "counts"),
    [
        (500, None, False),
        (501, None, True),
        (503, None, True),
        (429, None, False),
        ("reset", None, True),
        ("refused", None, True),
        ("timeout", None, True),
        ("no json", None, True),
        ("cut", None, True),
        (200, None, False),
        ("commit", None, False),
        ("skip", None, False),
        (429, (401, 429), True),
        (503, (401, 429), False),
        ("reset", (500,), True),
        ("reset", (503,), False),
    ],
)
def test_what_counts_as_a_failure(line: Line, codes: tuple[int, ...] | None, counts: bool) -> None:
    breaker = Breaker(failure_threshold=1, failure_status_codes=codes)
    assert is_failure(breaker, outcome_of(line, 1.0)) is counts


def test_an_open_breaker_admits_nothing_before_its_cooldown() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)  # the third failure is at 102
    assert is_open(circuit, 131.9)
    assert admit(circuit, THREE, 131.9) == (circuit, False)
    assert not is_open(circuit, 132.0)


def test_a_half_open_breaker_admits_one_probe() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)
    circuit, first = admit(circuit, THREE, 140.0)
    circuit, second = admit(circuit, THREE, 140.1)
    assert (first, second) == (True, False)
    assert circuit.state is CircuitState.HALF_OPEN
    assert is_open(circuit, 140.1)


def test_the_probe_decides() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)
    probing, _ = admit(circuit, THREE, 140.0)
    assert record(probing, THREE, outcome_of(200, 141.0)) == Circuit()
    failed = record(probing, THREE, outcome_of(503, 141.0))
    assert failed.state is CircuitState.OPEN
    assert is_open(failed, 170.9)
    assert not is_open(failed, 171.0)


def test_a_lost_probe_does_not_block_forever() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)
    circuit, _ = admit(circuit, THREE, 140.0)
    assert admit(circuit, THREE, 169.9)[1] is False
    assert admit(circuit, THREE, 170.0)[1] is True


def test_a_late_answer_does_not_close_it() -> None:
    circuit = after(THREE, 503, 503, 503)
    assert record(circuit, THREE, outcome_of(200, 104.0)) == circuit


def test_a_cached_answer_does_not_count() -> None:
    circuit = after(THREE, 503, 503)
    assert record(circuit, THREE, Answered(103.0, cached=True)) == circuit


def test_the_table_names_every_state_and_event() -> None:
    assert {state for state, _ in TRANSITIONS} == set(CircuitState)
    assert {event for _, event in TRANSITIONS} == set(Event)


class BreakerMachine(RuleBasedStateMachine):
    """The invariants of a breaker hold for any order of sends, answers and waits."""

    breaker = Breaker(failure_threshold=2, failure_threshold_percentage=60, cooldown_interval=10.0)

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.0
        self.circuit = Circuit()
        self.in_flight = 0

    @rule(seconds=st.floats(0.1, 8.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def send(self) -> None:
        was_open = is_open(self.circuit, self.now)
        was_closed = self.circuit.state is CircuitState.CLOSED
        self.circuit, admitted = admit(self.circuit, self.breaker, self.now)
        assert admitted is not was_open
        if admitted and not was_closed:
            assert self.circuit.state is CircuitState.HALF_OPEN
        self.in_flight += admitted

    @precondition(lambda self: self.in_flight > 0)
    @rule(line=st.sampled_from([200, 429, 500, 503, "reset", "cut", "skip"]))
    def answer(self, line: Line) -> None:
        self.in_flight -= 1
        self.circuit = record(self.circuit, self.breaker, outcome_of(line, self.now))

    @invariant()
    def is_never_shut_for_good(self) -> None:
        assert not is_open(self.circuit, self.now + self.breaker.cooldown_interval)

    @invariant()
    def counts_are_sane(self) -> None:
        assert 0 <= self.circuit.failures <= self.circuit.requests


TestBreakerMachine = BreakerMachine.TestCase
