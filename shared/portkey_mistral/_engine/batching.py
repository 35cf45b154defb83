"""Cuts a list of texts into requests that keep both of Mistral's limits for embeddings."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MAX_INPUTS", "MAX_TOKENS", "batches", "halves"]

MAX_INPUTS = 512
MAX_TOKENS = 16_384


def batches(
    token_counts: Sequence[int], *, max_inputs: int = MAX_INPUTS, max_tokens: int = MAX_TOKENS
) -> list[range]:
    """Return ranges of indices, in order and without gaps, each one request.

    A text beyond `max_tokens` by itself gets a request of its own: counts may be estimates, so whether it
    is really too long is the server's to say.
    """
    ranges: list[range] = []
    start = tokens = 0
    for index, count in enumerate(token_counts):
        if index > start and (index - start >= max_inputs or tokens + count > max_tokens):
            ranges.append(range(start, index))
            start, tokens = index, 0
        tokens += count
    if start < len(token_counts):
        ranges.append(range(start, len(token_counts)))
    return ranges


def halves(span: range) -> tuple[range, range]:
    """Cut a request that was too large in two; the first half is the larger of an odd number."""
    middle = len(span) - len(span) // 2
    return span[:middle], span[middle:]
