from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._engine.batching import batches, halves


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
    assert [len(span) for span in batches(counts)] == sizes


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 7), st.integers(1, 60))
def test_batches_keep_both_limits_and_lose_nothing(
    counts: list[int], inputs: int, tokens: int
) -> None:
    spans = batches(counts, max_inputs=inputs, max_tokens=tokens)
    assert [index for span in spans for index in span] == list(range(len(counts)))
    for span in spans:
        assert 1 <= len(span) <= inputs
        assert len(span) == 1 or sum(counts[index] for index in span) <= tokens


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 60))
def test_no_two_neighbours_would_fit_together(counts: list[int], tokens: int) -> None:
    spans = batches(counts, max_inputs=512, max_tokens=tokens)
    for span, after in pairwise(spans):
        assert sum(counts[index] for index in span) + counts[after[0]] > tokens


@given(st.integers(0, 40), st.integers(2, 40))
def test_halves_are_the_whole(start: int, length: int) -> None:
    first, second = halves(range(start, start + length))
    assert [*first, *second] == list(range(start, start + length))
    assert 0 <= len(first) - len(second) <= 1
