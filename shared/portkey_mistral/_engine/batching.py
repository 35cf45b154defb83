"""Cuts texts into requests that keep both of Mistral's limits for embeddings."""

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
    """Give neighbouring items, each list one request; reads no further ahead than the next item.

    An item beyond `max_tokens` by itself gets a request of its own: counts may be estimates, so whether it
    is really too long is the server's to say.
    """
    batch: list[T] = []
    load = 0
    for item in items:
        count = tokens(item)
        if batch and (len(batch) >= max_inputs or load + count > max_tokens):
            yield batch
            batch, load = [], 0
        batch.append(item)
        load += count
    if batch:
        yield batch


def halves(batch: list[T]) -> tuple[list[T], list[T]]:
    """Cut a request that was too large in two; the first half is the larger of an odd number."""
    middle = len(batch) - len(batch) // 2
    return batch[:middle], batch[middle:]
