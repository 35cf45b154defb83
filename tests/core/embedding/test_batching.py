from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._embedding.batching import batches, halves


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        ([], []),
        ([5], [1]),
        ([1] * 1024, [512, 512]),
        ([1] * 1025, [512, 512, 1]),
        ([8192] * 5, [2, 2, 1]),
        ([16384, 1], [1, 1]),
        ([20000, 1, 20000], [1, 1, 1]),
        ([0] * 600, [512, 88]),
    ],
)
def test_batches(counts: list[int], sizes: list[int]) -> None:
    assert [len(batch) for batch in batches(counts, int)] == sizes


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 7), st.integers(1, 60))
def test_batches_keep_both_limits_and_lose_nothing(
    counts: list[int], inputs: int, tokens: int
) -> None:
    cut = list(batches(counts, int, max_inputs=inputs, max_tokens=tokens))
    assert [count for batch in cut for count in batch] == counts
    for batch in cut:
        assert 1 <= len(batch) <= inputs
        assert len(batch) == 1 or sum(batch) <= tokens


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 60))
def test_no_two_neighbours_would_fit_together(counts: list[int], tokens: int) -> None:
    cut = batches(counts, int, max_inputs=512, max_tokens=tokens)
    for batch, after in pairwise(cut):
        assert sum(batch) + after[0] > tokens


def test_at_most_one_item_is_read_ahead() -> None:
    read: list[int] = []
    counts = (read.append(1) or 1 for _ in range(100))  # type: ignore[func-returns-value]
    next(batches(counts, int, max_inputs=10))
    assert len(read) == 11


@given(st.lists(st.integers(), min_size=2, max_size=40))
def test_halves_are_the_whole(items: list[int]) -> None:
    first, second = halves(items)
    assert [*first, *second] == items
    assert 0 <= len(first) - len(second) <= 1
