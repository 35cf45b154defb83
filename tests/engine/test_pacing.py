from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._engine.pacing import hold, reserve, seconds_each

AMOUNTS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), max_size=50)


def test_turns_lie_one_behind_the_other() -> None:
    free_at, waits = 0.0, []
    for _ in range(3):
        free_at, wait = reserve(free_at, 10.0, 2.0)
        waits.append(wait)
    assert waits == [0.0, 2.0, 4.0]
    assert reserve(free_at, 20.0, 2.0) == (22.0, 0.0)


def test_who_cannot_wait_so_long_takes_nothing() -> None:
    assert reserve(18.0, 10.0, 1.0, 7.9) == (18.0, 8.0)
    assert reserve(18.0, 10.0, 1.0, 8.0) == (19.0, 8.0)


def test_a_place_that_is_held_lets_nobody_begin() -> None:
    free_at = hold(0.0, 10.0, 7.0)
    assert reserve(free_at, 10.0, 1.0) == (18.0, 7.0)
    assert hold(free_at, 10.0, 3.0) == free_at


@given(AMOUNTS)
def test_no_minute_sees_more_than_its_share(asked: list[tuple[float, float]]) -> None:
    """Whoever begins within a minute has taken no more of it than there is, but for the last."""
    free_at = now = 0.0
    turns = []
    for pause, amount in asked:
        now += pause
        free_at, wait = reserve(free_at, now, seconds_each(amount, per_minute=10.0))
        turns.append((now + wait, amount))
    for first, _ in turns:
        within = [amount for turn, amount in turns if first <= turn < first + 60.0 - 1e-6]
        assert sum(within[:-1]) <= 10.0 + 1e-6
