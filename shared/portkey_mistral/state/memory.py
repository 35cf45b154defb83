"""The store within one process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection

from portkey_mistral._engine import breaker as rules
from portkey_mistral._engine import pacing
from portkey_mistral._engine.breaker import Circuit
from portkey_mistral._engine.outcomes import Outcome
from portkey_mistral.config import Breaker

__all__ = ["MemoryState"]


class MemoryState:
    """Safe to use from several threads. The cache keeps `cache_bytes` of answers, those used last."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, cache_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._clock = clock
        self._capacity = self._room = cache_bytes
        self._lock = threading.Lock()
        self._circuits: dict[str, Circuit] = {}
        self._free_at: dict[str, float] = {}
        self._answers: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()

    @property
    def local(self) -> bool:
        return True

    def open_targets(self, keys: Collection[str]) -> frozenset[str]:
        now = self._clock()
        with self._lock:
            return frozenset(
                key
                for key in keys
                if key in self._circuits and rules.is_open(self._circuits[key], now)
            )

    def admit(self, key: str, breaker: Breaker, now: float) -> bool:
        with self._lock:
            if key not in self._circuits:
                return True
            self._circuits[key], admitted = rules.admit(self._circuits[key], breaker, now)
            return admitted

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        with self._lock:
            circuit = self._circuits.get(key, Circuit())
            self._circuits[key] = rules.record(circuit, breaker, outcome)

    def cached(self, key: str, now: float) -> bytes | None:
        with self._lock:
            if key not in self._answers:
                return None
            value, expires = self._answers[key]
            if expires is not None and now >= expires:
                self._forget(key)
                return None
            self._answers.move_to_end(key)
            return value

    def remember(self, key: str, value: bytes, expires: float | None) -> None:
        with self._lock:
            if key in self._answers:
                self._forget(key)
            if len(value) > self._capacity:
                return
            self._answers[key] = value, expires
            self._room -= len(value)
            while self._room < 0:
                self._forget(next(iter(self._answers)))

    def reserve(self, key: str, seconds: float, now: float, patience: float) -> float:
        with self._lock:
            free_at, wait = pacing.reserve(self._free_at.get(key, now), now, seconds, patience)
            self._free_at[key] = free_at
            return wait

    def hold(self, key: str, seconds: float, now: float) -> None:
        with self._lock:
            self._free_at[key] = pacing.hold(self._free_at.get(key, now), now, seconds)

    def close(self) -> None:
        """Nothing is open."""

    def _forget(self, key: str) -> None:
        value, _ = self._answers.pop(key)
        self._room += len(value)
