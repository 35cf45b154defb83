"""What a store of breakers, answers and turns has to do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from portkey_mistral._engine.outcomes import Outcome
from portkey_mistral.config import Breaker

__all__ = ["State"]


class State(Protocol):
    """A store that several calls, threads, loops and perhaps processes use at once.

    `now` and the times of outcomes are `time.monotonic()`; the cache keeps wall-clock time, so that it can
    be shared. No method raises because the store cannot be reached.
    """

    @property
    def local(self) -> bool:
        """Whether it answers at once, so that an event loop may call it."""
        ...

    def open_targets(self, keys: Collection[str]) -> frozenset[str]:
        """Return those of the keys whose breaker lets nothing through at present."""
        ...

    def admit(self, key: str, breaker: Breaker, now: float) -> bool:
        """Ask to send to a target. A cooled breaker says yes to one asker at a time."""
        ...

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        """Tell what came of a send."""
        ...

    def cached(self, key: str, now: float) -> bytes | None:
        """Return the answer remembered under a key, unless it expired (`now` is wall-clock time)."""
        ...

    def remember(self, key: str, value: bytes, expires: float | None) -> None:
        """Keep an answer until a wall-clock time; None keeps it for as long as there is room."""
        ...

    def reserve(self, key: str, seconds: float, now: float, patience: float) -> float:
        """Take the next `seconds` of a place; return how long to wait for their beginning.

        A wait longer than `patience` takes nothing.
        """
        ...

    def hold(self, key: str, seconds: float, now: float) -> None:
        """Let nobody's turn at a place come within the next `seconds`."""
        ...

    def close(self) -> None:
        """Let go of connections. A store that is used again opens them again."""
        ...
