"""How far an embedding job is, and how that is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["EmbeddingProgress", "ShowProgress"]


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """How far an embedding job is.

    `done` and `total` count texts; `total` is None where they are read from an iterator. `tokens` is what the
    server counted so far, `seconds` the time since the beginning, `cost` what the tokens cost in USD by the
    model catalog, None for a model without a known price. Vectors from a resume store count as done, and cost
    nothing.
    """

    done: int
    total: int | None
    tokens: int
    seconds: float
    cost: float | None

    @property
    def rate(self) -> float:
        """Texts a second, on average."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None where nobody can know."""
        if self.total is None or not self.rate:
            return None
        return (self.total - self.done) / self.rate


ShowProgress: TypeAlias = bool | Callable[[EmbeddingProgress], None]
"""True shows a bar on standard error (needs `tqdm`); a function is called after every answer."""
