"""The state store of one process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from portkey_mistral._routing import circuit_breaker, rate_limit
from portkey_mistral._routing.circuit_breaker import Circuit
from portkey_mistral._routing.outcomes import Outcome
from portkey_mistral.budget import Counter
from portkey_mistral.config.values import Breaker
from portkey_mistral.state.usage import Exceeded, Ledger, UsageRecord, UsageTotal

__all__ = ["MemoryState"]

T = TypeVar("T")

# Keys depend on configs, API keys and requests: an application with many tenants adds new ones without end.
_MAX_CIRCUITS = 10_000
_MAX_RATES = 10_000
_MAX_CHOICES = 100_000  # of sticky load balances; beyond it the oldest is removed
_ENTRY_BYTES = 500  # memory of a cached answer beside its bytes


class MemoryState:
    """Thread-safe. The cache holds up to `cache_bytes` of the most recently used answers.

    The numbers of circuit breakers, rates and choices are limited too; the least recently used are removed.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, cache_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._clock = clock
        self._capacity = self._free = cache_bytes
        self._lock = threading.Lock()
        self._circuits: OrderedDict[str, Circuit] = OrderedDict()
        self._free_at: OrderedDict[str, float] = OrderedDict()
        self._answers: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._ledger = Ledger()
        self._choices: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def is_local(self) -> bool:
        return True

    def open_targets(self, keys: Collection[str]) -> frozenset[str]:
        now = self._clock()
        with self._lock:
            return frozenset(
                key
                for key in keys
                if key in self._circuits and circuit_breaker.is_open(self._circuits[key], now)
            )

    def admit(self, key: str, breaker: Breaker, now: float) -> bool:
        with self._lock:
            if key not in self._circuits:
                return True
            self._circuits[key], admitted = circuit_breaker.admit(self._circuits[key], breaker, now)
            return admitted

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        with self._lock:
            circuit = self._circuits.get(key, Circuit())
            changed = circuit_breaker.record(circuit, breaker, outcome)
            _put(self._circuits, key, changed, _MAX_CIRCUITS)

    def cache_get(self, key: str, now: float) -> bytes | None:
        with self._lock:
            if key not in self._answers:
                return None
            value, expires = self._answers[key]
            if expires is not None and now >= expires:
                self._evict(key)
                return None
            self._answers.move_to_end(key)
            return value

    def cache_set(self, key: str, value: bytes, expires: float | None) -> None:
        with self._lock:
            if key in self._answers:
                self._evict(key)
            if _size(value) > self._capacity:
                return
            self._answers[key] = value, expires
            self._free -= _size(value)
            while self._free < 0:
                self._evict(next(iter(self._answers)))

    def bind(self, key: str, choice: int, seconds: float, now: float) -> int:
        with self._lock:
            bound, expires = self._choices.get(key, (choice, now))
            if now < expires:
                return bound
            _put(self._choices, key, (choice, now + seconds), _MAX_CHOICES)
            return choice

    def reserve(self, key: str, seconds: float, now: float, max_wait: float) -> float:
        with self._lock:
            free_at, wait = rate_limit.reserve(self._free_at.get(key, now), now, seconds, max_wait)
            _put(self._free_at, key, free_at, _MAX_RATES)
            return wait

    def postpone(self, key: str, seconds: float, now: float) -> None:
        with self._lock:
            free_at = rate_limit.postpone(self._free_at.get(key, now), now, seconds)
            _put(self._free_at, key, free_at, _MAX_RATES)

    def reserve_money(self, counters: Sequence[Counter], amount: int) -> Exceeded | None:
        with self._lock:
            return self._ledger.reserve(counters, amount)

    def set_spent(self, counters: Sequence[Counter], spent: Sequence[int]) -> None:
        """Set counters to the sums of a store that others share."""
        with self._lock:
            for counter, units in zip(counters, spent, strict=True):
                self._ledger.set_spent(counter, units)

    def record_usage(
        self, record: UsageRecord | None, counters: Sequence[Counter], difference: int
    ) -> None:
        with self._lock:
            self._ledger.add(counters, difference)
            if record is not None:
                self._ledger.record(record)

    def take_reserved(self, counter: Counter) -> int | None:
        with self._lock:
            return self._ledger.take(counter)

    def usage(self, days: Collection[str]) -> Sequence[UsageTotal]:
        with self._lock:
            return list(self._ledger.totals(days))

    def close(self) -> None:
        """There is nothing to close."""

    def _evict(self, key: str) -> None:
        value, _ = self._answers.pop(key)
        self._free += _size(value)


def _put(items: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    """Set an item as the last one; beyond `most` items remove the first."""
    items[key] = value
    items.move_to_end(key)
    if len(items) > most:
        items.popitem(last=False)


def _size(value: bytes) -> int:
    return len(value) + _ENTRY_BYTES
