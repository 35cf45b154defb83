"""What outlives a call: circuit breakers and cached answers. In this process, shared by all clients."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from portkey_mistral._engine import breaker as rules
from portkey_mistral._engine.breaker import Circuit
from portkey_mistral._engine.outcomes import Outcome
from portkey_mistral.config import Breaker
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["MemoryState", "State", "connect"]


class State(Protocol):
    """A store that several calls, threads, loops and perhaps processes use at once.

    `now` and the times of outcomes are `time.monotonic()`; the cache keeps wall-clock time, so that it can
    be shared.
    """

    @property
    def local(self) -> bool:
        """Whether it answers at once, so that an event loop may call it."""
        ...

    def open_targets(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those of the keys whose breaker lets nothing through at present."""
        ...

    def admit(self, key: str, now: float) -> bool:
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


class MemoryState:
    """A store within this process. The cache keeps `cache_bytes` of answers, those used last."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, cache_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._clock = clock
        self._capacity = self._room = cache_bytes
        self._lock = threading.Lock()
        self._circuits: dict[str, tuple[Circuit, Breaker]] = {}
        self._answers: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()

    @property
    def local(self) -> bool:
        return True

    def open_targets(self, keys: Iterable[str]) -> frozenset[str]:
        now = self._clock()
        with self._lock:
            return frozenset(
                key
                for key in keys
                if key in self._circuits and rules.is_open(self._circuits[key][0], now)
            )

    def admit(self, key: str, now: float) -> bool:
        with self._lock:
            if key not in self._circuits:
                return True
            circuit, breaker = self._circuits[key]
            circuit, admitted = rules.admit(circuit, breaker, now)
            self._circuits[key] = circuit, breaker
            return admitted

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        with self._lock:
            circuit, _ = self._circuits.get(key, (Circuit(), breaker))
            self._circuits[key] = rules.record(circuit, breaker, outcome), breaker

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

    def _forget(self, key: str) -> None:
        value, _ = self._answers.pop(key)
        self._room += len(value)


_states: dict[str, State] = {}
_registry = threading.Lock()


def connect(url: str) -> State:
    """Return the store of a URL, the same one for everybody in this process: `memory:`, `memory:NAME`.

    Raises:
        ConfigurationError: for any other URL.
    """
    if not url.startswith("memory:"):
        raise ConfigurationError(
            f"state must be 'memory:' or 'memory:NAME'; {url.partition(':')[0]!r} is no store that this "
            "release knows (redis:// comes with a later one)."
        )
    with _registry:
        return _states.setdefault(url, MemoryState())


def _start_anew() -> None:
    """A forked child gets stores of its own: its parent's locks may be held by threads that are not there."""
    global _registry  # noqa: PLW0603
    _registry = threading.Lock()
    _states.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_start_anew)
