from __future__ import annotations

from portkey_mistral._embedding.concurrency import Backpressure


def test_a_wave_of_refusals_counts_once() -> None:
    pressure = Backpressure(8)
    assert [pressure.refused(1.0, None) for _ in range(8)] == [1.0] * 8
    assert pressure.in_flight == 4
    assert pressure.refused(1.9, None) == 1.0  # was on its way when the first was refused
    assert pressure.in_flight == 4
    assert pressure.refused(3.0, None) == 2.0
    assert pressure.refused(5.0, None) == 4.0
    assert pressure.in_flight == 1
    assert pressure.refused(9.0, None) == 8.0
    assert pressure.in_flight == 1


def test_retry_after_takes_precedence() -> None:
    pressure = Backpressure(8)
    assert pressure.refused(0.0, 0.25) == 0.25
    assert pressure.refused(0.2, 3.0) == 3.0  # another of the same wave knows better
    assert pressure.in_flight == 4
    assert pressure.refused(3.1, 5.0) == 5.0  # the next wave, for the first lasted until 3.2
    assert pressure.in_flight == 4


def test_a_round_of_answers_adds_one_request() -> None:
    pressure = Backpressure(8)
    pressure.refused(0.0, None)
    for _ in range(4):
        pressure.answered()
    assert pressure.in_flight == 4
    pressure.answered()
    assert pressure.in_flight == 5
    for _ in range(100):
        pressure.answered()
    assert pressure.in_flight == 8
    assert pressure.refused(9.0, None) == 1.0  # waits begin anew


def test_retrying_stops_after_five_minutes_of_429() -> None:
    pressure = Backpressure(2)
    assert not pressure.is_hopeless(1e9)
    now, waited = 0.0, []
    while not pressure.is_hopeless(now):
        waited.append(pressure.refused(now, None))
        now += waited[-1]
    assert waited[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert 300.0 < now <= 400.0
    pressure.answered()
    assert not pressure.is_hopeless(now)
