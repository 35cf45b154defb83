from __future__ import annotations

import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest

from driving import outcome_of
from portkey_mistral.config import Breaker
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.state import MemoryState, State, connect
from portkey_mistral.state.memory import _ENTRY_BYTES

ONE = Breaker(failure_threshold=1, cooldown_interval=10.0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_cools_and_probes() -> None:
    clock = Clock()
    state: State = MemoryState(clock=clock)
    assert state.is_local
    assert state.open_targets(["a", "b"]) == frozenset()
    assert state.admit("a", ONE, clock.now)
    state.record("a", ONE, outcome_of(503, clock.now))
    assert state.open_targets(["a", "b"]) == {"a"}
    assert not state.admit("a", ONE, clock.now)

    clock.now = 110.0
    assert state.open_targets(["a"]) == frozenset()
    assert state.admit("a", ONE, clock.now)
    assert state.open_targets(["a"]) == {"a"}
    assert not state.admit("a", ONE, clock.now)
    state.record("a", ONE, outcome_of(200, clock.now))
    assert state.open_targets(["a"]) == frozenset()
    assert state.admit("a", ONE, clock.now)


def test_one_probe_among_many_threads() -> None:
    state = MemoryState(clock=Clock())
    state.record("a", ONE, outcome_of(503, 50.0))
    together = threading.Barrier(8)

    def ask(_: int) -> bool:
        together.wait()
        return state.admit("a", ONE, 100.0)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1


def test_a_choice_is_bound_until_it_expires() -> None:
    state: State = MemoryState()
    assert state.bind("k", 2, 10.0, now=0.0) == 2
    assert state.bind("k", 0, 10.0, now=9.9) == 2
    assert state.bind("other", 0, 10.0, now=9.9) == 0
    assert state.bind("k", 1, 10.0, now=10.0) == 1
    assert state.bind("k", 0, 10.0, now=19.9) == 1


def test_the_oldest_choices_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portkey_mistral.state.memory._MAX_CHOICES", 2)
    state = MemoryState()
    for number, key in enumerate("abc"):
        state.bind(key, number, 100.0, now=float(number))
    assert [state.bind(key, 9, 100.0, now=3.0) for key in "cba"] == [2, 1, 9]


def test_the_circuits_and_rates_of_many_tenants_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("portkey_mistral.state.memory._MAX_CIRCUITS", 2)
    monkeypatch.setattr("portkey_mistral.state.memory._MAX_RATES", 2)
    state = MemoryState(clock=Clock())
    for tenant in "abac":
        state.record(tenant, ONE, outcome_of(503, 100.0))
        state.reserve(tenant, 10.0, 100.0, 60.0)
    assert state.open_targets("abc") == {"a", "c"}
    assert [state.reserve(tenant, 0.0, 100.0, 60.0) for tenant in "ca"] == [10.0, 20.0]
    assert state.reserve("b", 0.0, 100.0, 60.0) == 0.0
    state.postpone("d", 5.0, 100.0)
    assert state.reserve("d", 0.0, 100.0, 60.0) == 5.0


def test_small_answers_count_with_what_keeping_them_takes() -> None:
    state = MemoryState(cache_bytes=100_000)
    for number in range(1000):
        state.cache_set(str(number), b"", None)
    kept = [number for number in range(1000) if state.cache_get(str(number), 0.0) is not None]
    assert kept == list(range(1000 - 100_000 // _ENTRY_BYTES, 1000))


def test_the_stores_of_many_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portkey_mistral.state._states", states := OrderedDict())
    monkeypatch.setattr("portkey_mistral.state._MAX_STATES", 2)
    first = connect("memory:a")
    for name in "bac":
        connect(f"memory:{name}")
    assert [*states] == ["memory:a", "memory:c"]
    assert connect("memory:a") is first


def test_threads_that_bind_at_the_same_time_get_one_choice() -> None:
    state = MemoryState()
    together = threading.Barrier(8)

    def bind(choice: int) -> int:
        together.wait()
        return state.bind("k", choice, 60.0, now=0.0)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(bind, range(8)))) == 1


def test_the_cache_expires() -> None:
    state = MemoryState()
    state.cache_set("k", b"answer", 20.0)
    state.cache_set("for ever", b"x", None)
    assert state.cache_get("k", 19.9) == b"answer"
    assert state.cache_get("k", 20.0) is None
    assert state.cache_get("k", 0.0) is None
    assert state.cache_get("for ever", 1e12) == b"x"
    assert state.cache_get("unknown", 0.0) is None


def test_a_later_answer_replaces_an_earlier_one() -> None:
    state = MemoryState()
    state.cache_set("k", b"old", None)
    state.cache_set("k", b"new", None)
    assert state.cache_get("k", 0.0) == b"new"


def test_the_cache_evicts_the_least_recently_used_answer() -> None:
    state = MemoryState(cache_bytes=2 * (5 + _ENTRY_BYTES))
    for key in "ab":
        state.cache_set(key, b"12345", None)
    assert state.cache_get("a", 0.0)
    state.cache_set("c", b"12345", None)
    assert state.cache_get("b", 0.0) is None
    assert state.cache_get("a", 0.0)
    assert state.cache_get("c", 0.0)


def test_an_answer_larger_than_the_cache_is_not_cached() -> None:
    state = MemoryState(cache_bytes=10 + _ENTRY_BYTES)
    state.cache_set("a", b"12345", None)
    state.cache_set("huge", b"x" * 11, None)
    assert state.cache_get("huge", 0.0) is None
    assert state.cache_get("a", 0.0) == b"12345"
    state.cache_set("a", b"x" * 11, None)
    assert state.cache_get("a", 0.0) is None


def test_reservations_follow_each_other() -> None:
    state: State = MemoryState()
    assert [state.reserve("k", 2.0, 100.0, 10.0) for _ in range(3)] == [0.0, 2.0, 4.0]
    assert state.reserve("k", 2.0, 100.0, 5.9) == 6.0  # too long to wait for: not taken
    assert state.reserve("k", 2.0, 100.0, 6.0) == 6.0
    assert state.reserve("other", 2.0, 100.0, 0.0) == 0.0
    state.postpone("k", 30.0, 101.0)
    assert state.reserve("k", 0.0, 101.0, 60.0) == 30.0
    state.postpone("k", 1.0, 101.0)
    assert state.reserve("k", 0.0, 101.0, 60.0) == 30.0


def test_threads_get_different_reservations() -> None:
    state = MemoryState()
    with ThreadPoolExecutor(8) as pool:
        turns = list(pool.map(lambda _: state.reserve("k", 1.0, 0.0, 1e9), range(200)))
    assert sorted(turns) == list(range(200))


def test_a_url_is_one_store_in_this_process() -> None:
    assert connect("memory:") is connect("memory:")
    assert connect("memory:one") is not connect("memory:two")


@pytest.mark.parametrize("url", ["http://:secret@host/0", "memory", "", "secret", "file:/x"])
def test_other_urls_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="state must be 'memory:'") as caught:
        connect(url)
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_has_stores_of_its_own() -> None:
    mine = connect("memory:fork")
    mine.cache_set("k", b"v", None)
    child = os.fork()
    if child == 0:
        os._exit(0 if connect("memory:fork").cache_get("k", 0.0) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert connect("memory:fork") is mine
