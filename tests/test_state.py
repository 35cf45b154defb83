from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from driving import outcome_of
from portkey_mistral.config import Breaker
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.state import MemoryState, State, connect

ONE = Breaker(failure_threshold=1, cooldown_interval=10.0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_cools_and_probes() -> None:
    clock = Clock()
    state: State = MemoryState(clock=clock)
    assert state.local
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


def test_the_cache_expires() -> None:
    state = MemoryState()
    state.remember("k", b"answer", 20.0)
    state.remember("for ever", b"x", None)
    assert state.cached("k", 19.9) == b"answer"
    assert state.cached("k", 20.0) is None
    assert state.cached("k", 0.0) is None
    assert state.cached("for ever", 1e12) == b"x"
    assert state.cached("unknown", 0.0) is None


def test_a_later_answer_replaces_an_earlier_one() -> None:
    state = MemoryState()
    state.remember("k", b"old", None)
    state.remember("k", b"new", None)
    assert state.cached("k", 0.0) == b"new"


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    state = MemoryState(cache_bytes=10)
    for key in "ab":
        state.remember(key, b"12345", None)
    assert state.cached("a", 0.0)
    state.remember("c", b"12345", None)
    assert state.cached("b", 0.0) is None
    assert state.cached("a", 0.0)
    assert state.cached("c", 0.0)


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    state = MemoryState(cache_bytes=10)
    state.remember("a", b"12345", None)
    state.remember("huge", b"x" * 11, None)
    assert state.cached("huge", 0.0) is None
    assert state.cached("a", 0.0) == b"12345"
    state.remember("a", b"x" * 11, None)
    assert state.cached("a", 0.0) is None


def test_turns_are_given_one_after_the_other() -> None:
    state: State = MemoryState()
    assert [state.reserve("k", 2.0, 100.0, 10.0) for _ in range(3)] == [0.0, 2.0, 4.0]
    assert state.reserve("k", 2.0, 100.0, 5.9) == 6.0  # too long to wait for: not taken
    assert state.reserve("k", 2.0, 100.0, 6.0) == 6.0
    assert state.reserve("other", 2.0, 100.0, 0.0) == 0.0
    state.hold("k", 30.0, 101.0)
    assert state.reserve("k", 0.0, 101.0, 60.0) == 30.0
    state.hold("k", 1.0, 101.0)
    assert state.reserve("k", 0.0, 101.0, 60.0) == 30.0


def test_no_turn_is_given_twice() -> None:
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
    mine.remember("k", b"v", None)
    child = os.fork()
    if child == 0:
        os._exit(0 if connect("memory:fork").cached("k", 0.0) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert connect("memory:fork") is mine
