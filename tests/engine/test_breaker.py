from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from driving import Line, outcome_of
from portkey_mistral._engine.breaker import (
    TRANSITIONS,
    Circuit,
    Event,
    State,
    admit,
    is_failure,
    is_open,
    record,
)
from portkey_mistral._engine.outcomes import Answered
from portkey_mistral.config import Breaker

THREE = Breaker(failure_threshold=3, cooldown_interval=30.0)


def after(breaker: Breaker, *lines: Line, at: float = 100.0, step: float = 1.0) -> Circuit:
    circuit = Circuit()
    for index, line in enumerate(lines):
        circuit = record(circuit, breaker, outcome_of(line, at + index * step))
    return circuit


def test_it_opens_at_the_threshold() -> None:
    assert after(THREE, 503, 503).state is State.CLOSED
    assert after(THREE, 503, 503, 503).state is State.OPEN
    assert after(THREE, 503, 200, 503, 200, 503).state is State.OPEN


def test_old_failures_do_not_add_up() -> None:
    assert after(THREE, 503, 503, 503, step=20.0).state is State.CLOSED


@pytest.mark.parametrize(
    ("rules", "lines", "state"),
    [
        ({"failure_threshold_percentage": 50}, [200, 200, 503], State.CLOSED),
        ({"failure_threshold_percentage": 50}, [200, 503], State.OPEN),
        ({"failure_threshold_percentage": 50}, [503], State.OPEN),
        ({"failure_threshold_percentage": 50, "minimum_requests": 4}, [503] * 3, State.CLOSED),
        ({"failure_threshold_percentage": 50, "minimum_requests": 4}, [503] * 4, State.OPEN),
        ({"failure_threshold_percentage": 100}, [503], State.OPEN),
        (
            {"failure_threshold": 2, "failure_threshold_percentage": 90},
            [200] * 5 + [503] * 2,
            State.OPEN,
        ),
    ],
)
def test_percentage(rules: dict[str, Any], lines: list[int], state: State) -> None:
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


def test_open_lets_nothing_through_until_it_has_cooled() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)  # the third failure is at 102
    assert is_open(circuit, 131.9)
    assert admit(circuit, THREE, 131.9) == (circuit, False)
    assert not is_open(circuit, 132.0)


def test_half_open_lets_one_through() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)
    circuit, first = admit(circuit, THREE, 140.0)
    circuit, second = admit(circuit, THREE, 140.1)
    assert (first, second) == (True, False)
    assert circuit.state is State.HALF_OPEN
    assert is_open(circuit, 140.1)


def test_the_probe_decides() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)
    probing, _ = admit(circuit, THREE, 140.0)
    assert record(probing, THREE, outcome_of(200, 141.0)) == Circuit()
    failed = record(probing, THREE, outcome_of(503, 141.0))
    assert failed.state is State.OPEN
    assert is_open(failed, 170.9)
    assert not is_open(failed, 171.0)


def test_a_probe_that_is_never_heard_of_again_does_not_block_for_ever() -> None:
    circuit = after(THREE, 503, 503, 503, at=100.0)
    circuit, _ = admit(circuit, THREE, 140.0)
    assert admit(circuit, THREE, 169.9)[1] is False
    assert admit(circuit, THREE, 170.0)[1] is True


def test_a_late_answer_does_not_close_it() -> None:
    circuit = after(THREE, 503, 503, 503)
    assert record(circuit, THREE, outcome_of(200, 104.0)) == circuit


def test_a_cached_answer_says_nothing_about_the_server() -> None:
    circuit = after(THREE, 503, 503)
    assert record(circuit, THREE, Answered(103.0, cached=True)) == circuit


def test_the_table_names_every_state_and_event() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


class BreakerMachine(RuleBasedStateMachine):
    """Any order of sends, answers and waits keeps the promises of a breaker."""

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
        was_closed = self.circuit.state is State.CLOSED
        self.circuit, admitted = admit(self.circuit, self.breaker, self.now)
        assert admitted is not was_open
        if admitted and not was_closed:
            assert self.circuit.state is State.HALF_OPEN
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
