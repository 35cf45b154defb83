"""The interface of a state store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from portkey_mistral._routing.outcomes import Outcome
from portkey_mistral.budget import Counter
from portkey_mistral.config.values import Breaker
from portkey_mistral.state.usage import Exceeded, UsageRecord, UsageTotal

__all__ = ["State"]


class State(Protocol):
    """Stores circuit breakers, cached answers and rate limits, for several calls, threads, event loops and processes.

    `now` and the times of outcomes are `time.monotonic()`, except where wall-clock time is named. No method raises if
    the store cannot be reached.
    """

    @property
    def is_local(self) -> bool:
        """Whether calls return at once, so that an event loop may make them."""
        ...

    def open_targets(self, keys: Collection[str]) -> frozenset[str]:
        """Return the keys whose circuit breaker is open."""
        ...

    def admit(self, key: str, breaker: Breaker, now: float) -> bool:
        """Return whether a request may be sent to a target. After its cooldown a breaker admits one probe at a time."""
        ...

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        """Record the outcome of a request."""
        ...

    def cache_get(self, key: str, now: float) -> bytes | None:
        """Return the cached answer of a key; None if there is none or it has expired. `now` is wall-clock time."""
        ...

    def cache_set(self, key: str, value: bytes, expires: float | None) -> None:
        """Cache an answer until a wall-clock time; None keeps it as long as there is room."""
        ...

    def bind(self, key: str, choice: int, seconds: float, now: float) -> int:
        """Return the choice that is bound to a key; bind this one for `seconds` if there is none.

        `now` is wall-clock time.
        """
        ...

    def reserve(self, key: str, seconds: float, now: float, max_wait: float) -> float:
        """Reserve the next `seconds` of a rate; return how long to wait before sending.

        Nothing is reserved if the wait is longer than `max_wait`.
        """
        ...

    def postpone(self, key: str, seconds: float, now: float) -> None:
        """Let no reservation of a rate begin within the next `seconds`."""
        ...

    def reserve_money(self, counters: Sequence[Counter], amount: int) -> Exceeded | None:
        """Add an amount to all counters, and return None; or the counter that has no room, and then add nothing."""
        ...

    def record_usage(
        self, record: UsageRecord | None, counters: Sequence[Counter], difference: int
    ) -> None:
        """Add the usage of a request, and to all counters the difference between its cost and what was reserved."""
        ...

    def take_reserved(self, counter: Counter) -> int | None:
        """Remove a counter of its own, and return what was reserved on it.

        None if there is none, or the store cannot be reached: of several that take it, one gets it.
        """
        ...

    def usage(self, days: Collection[str]) -> Sequence[UsageTotal]:
        """Return the usage of days (ISO 8601, UTC)."""
        ...

    def close(self) -> None:
        """Close connections. They are opened again if the store is used again."""
        ...
