from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._routing.rate_limit import postpone, reserve, seconds_each

AMOUNTS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), max_size=50)


def test_reservations_are_consecutive() -> None:
    free_at, waits = 0.0, []
    for _ in range(3):
        free_at, wait = reserve(free_at, 10.0, 2.0)
        waits.append(wait)
    assert waits == [0.0, 2.0, 4.0]
    assert reserve(free_at, 20.0, 2.0) == (22.0, 0.0)


def test_nothing_is_reserved_beyond_the_longest_wait() -> None:
    assert reserve(18.0, 10.0, 1.0, 7.9) == (18.0, 8.0)
    assert reserve(18.0, 10.0, 1.0, 8.0) == (19.0, 8.0)


def test_a_postponed_rate_admits_nothing() -> None:
    free_at = postpone(0.0, 10.0, 7.0)
    assert reserve(free_at, 10.0, 1.0) == (18.0, 7.0)
    assert postpone(free_at, 10.0, 3.0) == free_at


@given(AMOUNTS)
def test_no_minute_exceeds_its_rate(requests: list[tuple[float, float]]) -> None:
    """The requests that start within a minute, except the last, do not exceed the rate."""
    free_at = now = 0.0
    turns = []
    for pause, amount in requests:
        now += pause
        free_at, wait = reserve(free_at, now, seconds_each(amount, per_minute=10.0))
        turns.append((now + wait, amount))
    for first, _ in turns:
        within = [amount for turn, amount in turns if first <= turn < first + 60.0 - 1e-6]
        assert sum(within[:-1]) <= 10.0 + 1e-6
