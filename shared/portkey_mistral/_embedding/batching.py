"""Splits texts into requests within both of Mistral's limits for embeddings: inputs and tokens per request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["MAX_INPUTS", "MAX_TOKENS", "batches", "halves"]

T = TypeVar("T")

MAX_INPUTS = 512
MAX_TOKENS = 16_384


def batches(
    items: Iterable[T],
    tokens: Callable[[T], int],
    *,
    max_inputs: int = MAX_INPUTS,
    max_tokens: int = MAX_TOKENS,
) -> Iterator[list[T]]:
    """Yield lists of consecutive items, one list per request; reads at most one item ahead.

    An item with more than `max_tokens` gets a request of its own: counts may be estimates, so whether it is really too
    long is for the server to decide.
    """
    batch: list[T] = []
    total = 0
    for item in items:
        count = tokens(item)
        if batch and (len(batch) >= max_inputs or total + count > max_tokens):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += count
    if batch:
        yield batch


def halves(batch: list[T]) -> tuple[list[T], list[T]]:
    """Split a batch that was too large; of an odd number of items the first half has one more."""
    middle = len(batch) - len(batch) // 2
    return batch[:middle], batch[middle:]
