"""The shared state on a real Redis, among real processes."""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest

from driving import outcome_of
from embedding_server import EmbeddingNetwork
from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client, ConfigurationError, SharedStateWarning
from portkey_mistral.config import Breaker
from portkey_mistral.sandbox import Sandbox, get, reset
from portkey_mistral.state import MemoryState, State, connect
from portkey_mistral.state.outage import Outage
from portkey_mistral.state.redis import RedisState
from redis_server import RedisServer, free_port
from state_worker import admitted_at, call, embedded, record

# A Redis server is no package of Python's: where there is none, only `make test-all` asks for it.
pytestmark = pytest.mark.full

ALL = [*KINDS, *STREAMED]
ONE = Breaker(failure_threshold=1, cooldown_interval=0.2)
EAST, WEST = "config.targets[0]", "config.targets[1]"
SECRET = "a-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test alone, to be ended in the middle."""
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def clean(server: RedisServer) -> RedisServer:
    with server.client() as client:
        client.flushall()
    return server


@pytest.fixture(scope="module")
def processes() -> Iterator[list[ProcessPoolExecutor]]:
    """Four other processes, each for itself."""
    with ExitStack() as stack:
        others = [
            stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
            for _ in range(4)
        ]
        for started in [each.submit(record, "memory:", "k", ONE, []) for each in others]:
            started.result()
        yield others


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def config(name: str, root: str = "sandbox:", **breaker: object) -> dict[str, object]:
    """East, whose breaker opens at the third failure, then west. `name` keeps tests apart."""
    rules = {"failure_threshold": 3, "cooldown_interval": 60_000} | breaker
    return {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"api_key": f"{SECRET}-{name}", "custom_host": f"{root}east", "cb_config": rules},
            {"api_key": f"{SECRET}-{name}", "custom_host": f"{root}west"},
        ],
    }


def cached(name: str, **cache: object) -> dict[str, object]:
    return {"api_key": f"{SECRET}-{name}", "cache": {"mode": "simple"} | cache}


def client(server: RedisServer, portkey_config: object, **fields: object) -> Client:
    known = {"base_url": "sandbox:", "state": server.url(), "portkey_config": portkey_config}
    return Client(**(known | fields))


def attempts(answer: object) -> list[tuple[str, int | None]]:
    """Return the attempts that were sent."""
    return [(a.path, a.status) for a in answer.info.attempts if a.status]  # type: ignore[attr-defined]


# --- among processes -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_one_process_sees_the_failures_and_the_other_stops_sending(
    kind: Kind,
    clean: RedisServer,
    processes: list[ProcessPoolExecutor],
    mistral_sandbox_url: str,
) -> None:
    root = mistral_sandbox_url.removesuffix("/v1") + "/s/"
    document = config(kind.name, root)
    for target in document["targets"]:  # type: ignore[attr-defined]
        target["custom_host"] += "/v1"
    settings = {"base_url": mistral_sandbox_url, "api_key": "k", "state": clean.url()}
    settings["portkey_config"] = document
    get("east").fail(503, times=None)
    one, other = processes[:2]

    seen = one.submit(call, kind.name, settings, ["a", "b", "c", "d"]).result()
    assert [tried for _, _, tried in seen] == [
        [(EAST, 503), (WEST, 200)],
        [(EAST, 503), (WEST, 200)],
        [(EAST, 503), (WEST, 200)],
        [(WEST, 200)],
    ]
    results = other.submit(call, kind.name, settings, ["e", "f"]).result()
    assert [tried for _, _, tried in results] == [[(WEST, 200)], [(WEST, 200)]]
    assert (len(get("east").requests), len(get("west").requests)) == (3, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_processes_share_cached_answers(
    kind: Kind,
    clean: RedisServer,
    processes: list[ProcessPoolExecutor],
    mistral_sandbox: Sandbox,
    mistral_sandbox_url: str,
) -> None:
    settings = {
        "base_url": mistral_sandbox_url,
        "state": clean.url(),
        "portkey_config": cached(kind.name, max_age=60),
    }
    one, other = processes[:2]
    ((paid, fresh, _),) = one.submit(call, kind.name, settings, ["Grüße an 北京 🎉"]).result()
    ((got, again, _),) = other.submit(call, kind.name, settings, ["Grüße an 北京 🎉"]).result()
    assert (got, fresh, again) == (paid, False, True)
    assert len(mistral_sandbox.requests) == 1


def test_a_cooled_breaker_lets_one_prober_through_among_all_processes(
    clean: RedisServer, processes: list[ProcessPoolExecutor]
) -> None:
    breaker = Breaker(failure_threshold=1, cooldown_interval=1.0)
    for key in "abc":
        record(clean.url(), key, breaker, [503])
        instant = time.time() + 1.2
        admissions = [e.submit(admitted_at, clean.url(), key, breaker, instant) for e in processes]
        assert sum(answer.result() for answer in admissions) == 1


def test_no_outcome_is_lost_when_many_threads_record_them(
    clean: RedisServer, processes: list[ProcessPoolExecutor]
) -> None:
    patient = Breaker(failure_threshold=10_000, cooldown_interval=600.0)
    results = [
        each.submit(record, clean.url(), "k", patient, [200, 503] * 50) for each in processes
    ]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: record(clean.url(), "k", patient, [503] * 10), range(16)))
    for each in results:
        each.result()
    with clean.client() as redis:
        (name,) = redis.keys()
        _, requests, failures, *_ = re.findall(rb"[\w.]+", redis.get(name))
    assert (int(requests), int(failures)) == (4 * 100 + 160, 4 * 50 + 160)


def test_a_machine_that_was_started_at_another_time_reads_the_same_breaker(
    clean: RedisServer,
) -> None:
    def elsewhere() -> float:
        return time.monotonic() - 1e6

    here, there = RedisState(clean.url()), RedisState(clean.url(), clock=elsewhere)
    there.record("k", ONE, outcome_of(503, elsewhere()))
    assert here.open_targets(["k"]) == there.open_targets(["k"]) == {"k"}
    assert not here.admit("k", ONE, time.monotonic())
    time.sleep(0.25)
    assert here.open_targets(["k"]) == there.open_targets(["k"]) == frozenset()
    assert there.admit("k", ONE, elsewhere())
    assert not here.admit("k", ONE, time.monotonic())
    there.record("k", ONE, outcome_of(200, elsewhere()))
    assert here.admit("k", ONE, time.monotonic())
    here.close()
    there.close()


def test_a_breaker_does_not_stay_open_because_the_servers_clock_was_set_back(
    clean: RedisServer,
) -> None:
    state = RedisState(clean.url())
    state.record("k", ONE, outcome_of(503, time.monotonic() + 3600))
    assert state.open_targets(["k"]) == frozenset()
    assert state.admit("k", ONE, time.monotonic())
    assert not state.admit("k", ONE, time.monotonic())
    state.record("k", ONE, outcome_of(200, time.monotonic()))
    assert state.admit("k", ONE, time.monotonic())
    state.close()


@pytest.mark.parametrize(
    "found",
    [b"", b"{", b"[]", b'["AJAR",0,0,0,0,1]', b'["OPEN",0,0,"",0,1]', b'["OPEN",0,0,0,1e999,1e999]', b'["OPEN",1e999,0,0,0,1]',
     b'["OPEN",0,0,0,NaN,1]', b"[" * 100_000, b"\xff"],
)  # fmt: skip
def test_an_unreadable_circuit_counts_as_new(found: bytes, clean: RedisServer) -> None:
    state = RedisState(clean.url())
    state.record("k", ONE, outcome_of(503, time.monotonic()))
    with clean.client() as redis:
        (name,) = redis.keys()
        redis.set(name, found)
    assert state.open_targets(["k"]) == frozenset()
    assert state.admit("k", ONE, time.monotonic())
    state.record("k", ONE, outcome_of(503, time.monotonic()))
    assert state.open_targets(["k"]) == {"k"}
    state.close()


@pytest.mark.parametrize("found", [b"9" * 15, b"9" * 30, b"1e999", b"nan", b"text", b""])
@pytest.mark.parametrize("lifetime", [{}, {"px": 1}, {"ex": 3600}], ids=str)
def test_a_rate_that_others_wrote_delays_no_call_for_longer_than_it_lasts(
    found: bytes, lifetime: dict[str, int], clean: RedisServer
) -> None:
    state = RedisState(clean.url())
    assert state.reserve("k", 2.0, 0.0, 60.0) == 0.0
    with clean.client() as redis:
        (name,) = redis.keys()
        redis.set(name, found, **lifetime)
    wait = state.reserve("k", 2.0, 0.0, 1e9)
    assert 0 <= wait <= lifetime.get("ex", 1)
    state.postpone("k", 1.0, 0.0)
    state.close()


def test_a_circuit_that_never_takes_a_new_value_is_an_outage(
    clean: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = "portkey_mistral.state.redis._COMPARE_AND_SET"
    monkeypatch.setattr(never, "return redis.call('GET', KEYS[1]) or '[]'")
    state = RedisState(clean.url())
    with pytest.warns(SharedStateWarning, match="never takes a new value"):
        state.record("k", ONE, outcome_of(503, time.monotonic()))
    assert state.open_targets(["k"]) == {"k"}  # in this process
    state.close()


def test_everything_that_is_kept_expires(clean: RedisServer) -> None:
    """However long a config wants to keep it."""
    state = RedisState(clean.url())
    for_ever = Breaker(failure_threshold=1, cooldown_interval=1e300)
    state.record("k", for_ever, outcome_of(503, time.monotonic()))
    state.cache_set("k", b"answer", time.time() + 1e300)
    state.cache_set("no age", b"answer", None)
    state.bind("k", 1, 1e300, time.time())
    state.reserve("k", 1.0, 0.0, 60.0)
    state.postpone("other", 1.0, 0.0)
    with clean.client() as redis:
        lifetimes = [redis.ttl(name) for name in redis.scan_iter()]
    assert len(lifetimes) == 6
    assert all(0 < seconds <= 366 * 24 * 3600 for seconds in lifetimes)
    state.close()


@pytest.mark.parametrize("seed", range(8))
def test_it_decides_as_the_memory_state_does(seed: int, clean: RedisServer) -> None:
    dice = random.Random(seed)
    breaker = Breaker(
        failure_threshold=dice.choice([None, 2]),
        failure_threshold_percentage=60,
        minimum_requests=4,
        cooldown_interval=3600.0,
    )
    shared, own = RedisState(clean.url()), MemoryState()
    for _ in range(60):
        key, now = dice.choice("ab"), time.monotonic()
        assert shared.admit(key, breaker, now) == own.admit(key, breaker, now)
        outcome = outcome_of(dice.choice([200, 200, 503, "reset", "skip", "commit", "cut"]), now)
        shared.record(key, breaker, outcome)
        own.record(key, breaker, outcome)
        assert shared.open_targets(["a", "b", "c"]) == own.open_targets(["a", "b", "c"])
    shared.close()


# --- the cache -------------------------------------------------------------------------------------


# --- turns: one rate for all ------------------------------------------------------------------------------


def test_reservations_follow_each_other(clean: RedisServer) -> None:
    state = RedisState(clean.url())
    waits = [state.reserve("k", 20.0, 0.0, 3600.0) for _ in range(3)]
    assert waits == pytest.approx([0.0, 20.0, 40.0], abs=2.0)
    assert state.reserve("k", 20.0, 0.0, 30.0) == pytest.approx(60.0, abs=2.0)  # not taken
    assert state.reserve("k", 0.0, 0.0, 3600.0) == pytest.approx(60.0, abs=2.0)
    state.postpone("k", 500.0, 0.0)
    state.postpone("k", 5.0, 0.0)
    assert state.reserve("k", 0.0, 0.0, 3600.0) == pytest.approx(500.0, abs=2.0)
    assert state.reserve("other", 1.0, 0.0, float("inf")) == 0.0
    with clean.client() as redis:
        lives = sorted(redis.pttl(key) for key in redis.keys("*turn*"))
    assert lives == pytest.approx([2_000, 501_000], abs=2_000)
    state.close()


@pytest.mark.timeout(120)
def test_eight_processes_that_embed_together_stay_under_one_rate(clean: RedisServer) -> None:
    """Each sends 6 requests; all together may send 20 a second, evenly."""
    network = EmbeddingNetwork()
    texts = [f"text number {number}" for number in range(512 * 5 + 1)]
    with (
        network.over_http() as url,
        ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool,
    ):
        fields = {
            "api_key": "k",
            "base_url": url,
            "state": clean.url(),
            "requests_per_minute": 1200,
        }
        assert {*pool.map(embedded, [fields] * 8, [["warm up"]] * 8)} == {1}
        network.came.clear()
        began = time.monotonic()
        assert list(pool.map(embedded, [fields] * 8, [texts] * 8)) == [len(texts)] * 8
    assert len(network.came) == 48
    # The nth may come late, but never before n turns have passed.
    assert all(came - began >= 0.05 * at - 0.05 for at, came in enumerate(network.came))


def test_without_redis_each_process_keeps_to_the_rate_by_itself(mortal: RedisServer) -> None:
    network = EmbeddingNetwork()
    mine = network.client(state=mortal.url(), requests_per_minute=600)
    mortal.kill()
    began = time.monotonic()
    with pytest.warns(SharedStateWarning, match="rate limits"):
        mine.chat(ask())
    for _ in range(3):
        mine.chat(ask())
    assert all(came - began >= 0.1 * at - 0.01 for at, came in enumerate(network.came))


def test_a_choice_is_bound_for_all_processes_until_it_expires(clean: RedisServer) -> None:
    one, other = RedisState(clean.url()), RedisState(clean.url())
    assert one.bind("short", 2, 0.2, time.time()) == 2
    assert other.bind("short", 0, 60.0, time.time()) == 2
    time.sleep(0.25)
    assert other.bind("short", 0, 60.0, time.time()) == 0
    assert one.bind("short", 1, 60.0, time.time()) == 0
    assert one.bind("endless", 1, 1e300, time.time()) == 1
    with clean.client() as redis:
        assert all(0 < redis.ttl(name) <= 365 * 24 * 3600 for name in redis.keys("*"))
        redis.set(redis.keys("*short")[0], b"no number")
    assert one.bind("short", 3, 60.0, time.time()) == 3
    one.close()
    other.close()


@pytest.mark.parametrize("kind", ALL)
def test_a_sticky_load_balance_keeps_its_target_in_every_process(
    kind: Kind,
    clean: RedisServer,
    processes: list[ProcessPoolExecutor],
    mistral_sandbox_url: str,
) -> None:
    root = mistral_sandbox_url.removesuffix("/v1") + "/s/"
    targets = [
        {"api_key": f"{SECRET}-{kind.name}", "custom_host": f"{root}{n}/v1"} for n in range(8)
    ]
    rules = {"mode": "loadbalance", "sticky": {"enabled": True, "hash_fields": ["metadata.user"]}}
    settings = {
        "base_url": mistral_sandbox_url,
        "state": clean.url(),
        "portkey_config": {"strategy": rules, "targets": targets},
        "portkey_metadata": {"user": "zoë"},
    }
    runs = [each.submit(call, kind.name, settings, ["a", "b", "c"]) for each in processes]
    paths = {path for run in runs for _, _, tried in run.result() for path, _ in tried}
    assert len(paths) == 1


def test_without_redis_each_process_keeps_its_own_choice(mortal: RedisServer) -> None:
    state = RedisState(mortal.url())
    assert state.bind("k", 2, 60.0, time.time()) == 2
    mortal.kill()
    with pytest.warns(SharedStateWarning):
        assert state.bind("k", 1, 60.0, time.time()) == 1
    assert state.bind("k", 0, 60.0, time.time()) == 1
    state.close()


def test_an_answer_is_cached_until_it_expires(clean: RedisServer) -> None:
    one, other = RedisState(clean.url()), RedisState(clean.url())
    now = time.time()
    one.cache_set("short", b"\x00\xff", now + 0.2)
    one.cache_set("long", b"x", None)
    one.cache_set("never", b"x", now - 1)
    assert other.cache_get("short", now) == b"\x00\xff"
    assert other.cache_get("never", now) is None
    time.sleep(0.25)
    assert other.cache_get("short", time.time()) is None
    assert other.cache_get("long", time.time()) == b"x"
    with clean.client() as redis:
        (name,) = redis.keys()
        assert 0 < redis.ttl(name) <= 7 * 24 * 3600
    one.close()
    other.close()


@pytest.mark.parametrize("found", [b"", b"\x00{", b"{}", b'{"choices": []}', b"[1]"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unreadable_cached_answer_is_ignored(
    kind: Kind, found: bytes, clean: RedisServer
) -> None:
    config = {"custom_host": "sandbox:kept", "cache": {"mode": "simple", "max_age": 60}}
    mine = Client(base_url="sandbox:", portkey_config=config, state=clean.url())
    kind.run(mine, ask(), None)
    with clean.client() as store:
        (key,) = store.keys("*:answer:*")
        store.set(key, found)
    assert kind.run(mine, ask(), None).info.cache_status is None
    assert kind.run(mine, ask(), None).info.cache_status == "HIT"


def test_a_very_large_answer_stays_in_its_process(clean: RedisServer) -> None:
    one, other = RedisState(clean.url()), RedisState(clean.url())
    one.cache_set("k", b"x" * 2_000_000, None)
    assert one.cache_get("k", time.time()) == b"x" * 2_000_000
    assert other.cache_get("k", time.time()) is None
    one.close()
    other.close()


# --- when Redis goes away ----------------------------------------------------------------------------


def outages(caught: list[warnings.WarningMessage]) -> list[str]:
    return [str(each.message) for each in caught if each.category is SharedStateWarning]


@pytest.mark.parametrize("kind", ALL)
def test_redis_may_go_away_and_come_back(kind: Kind, mortal: RedisServer) -> None:
    mine = client(mortal, config(kind.name))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert attempts(kind.run(mine, ask("one"), None)) == [(EAST, 200)]
        assert outages(caught) == []

        mortal.kill()
        get("east").fail(503, times=None)
        tried = [attempts(kind.run(mine, ask(f"away {n}"), None)) for n in range(6)]
        assert tried == [[(EAST, 503), (WEST, 200)]] * 3 + [[(WEST, 200)]] * 3
        (text,) = outages(caught)
        assert f"redis://127.0.0.1:{mortal.port}/0" in text

        mortal.start()
        get("east").reset()
        with mortal.client() as redis:
            while not redis.keys():
                time.sleep(0.1)
                back = kind.run(mine, ask("back"), None)
        assert attempts(back) == [(EAST, 200)]
        assert len(outages(caught)) == 1


def test_a_hanging_redis_delays_one_call_briefly(mortal: RedisServer) -> None:
    mine = client(mortal, config("hangs"), state=mortal.url(query="socket_timeout=0.05"))
    mine.chat(ask("one"))
    mortal.freeze()
    started = time.monotonic()
    with pytest.warns(SharedStateWarning, match="Timeout"):
        assert mine.chat(ask("two")).text
    assert time.monotonic() - started >= 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(5):
            assert mine.chat(ask(f"more {n}")).text
    mortal.thaw()


def test_an_outage_warns_once_and_one_caller_at_a_time_tries_again() -> None:
    now = 100.0
    outage = Outage("redis://host/0", clock=lambda: now)
    assert outage.may_try()
    with pytest.warns(SharedStateWarning, match=r"redis://host/0 cannot be used \(refused\)"):
        outage.failed("refused", started=now)
    tried = []
    for quarter in range(4 * 60):
        now = 100.0 + quarter / 4
        if outage.may_try():
            assert not outage.may_try()
            tried.append(now - 100.0)
            outage.failed("refused", started=now)
    assert tried == [1.0, 3.0, 7.0, 15.0, 31.0]

    outage.succeeded()
    assert outage.may_try()
    outage.failed("admissions before it was back", started=now - 1)
    assert outage.may_try()
    now += 1
    with pytest.warns(SharedStateWarning):
        outage.failed("refused", started=now)


def test_a_crowd_is_warned_once(mortal: RedisServer) -> None:
    mine = client(mortal, config("crowd"))
    mine.chat(ask("one"))
    mortal.kill()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda n: mine.chat(ask(f"{n}")).text, range(64)))

        async def ask_all() -> list[str]:
            return [
                answer.text
                for answer in await asyncio.gather(*(mine.achat(ask(f"{n}")) for n in range(64)))
            ]

        answers += asyncio.run(ask_all())
    assert all(answers)
    assert len(answers) == 128
    assert len(outages(caught)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_redis_that_was_never_reachable(kind: Kind, tmp_path: Path) -> None:
    nowhere = RedisServer(tmp_path)
    mine = client(nowhere, cached("nowhere", max_age=60))
    with pytest.warns(SharedStateWarning) as caught:
        first, second = (kind.run(mine, ask("one"), None) for _ in range(2))
    assert len(caught) == 1
    assert (first.info.cache_status, second.info.cache_status) == (None, "HIT")


def test_calls_without_shared_state_do_not_use_redis(tmp_path: Path) -> None:
    plain = {"strategy": {"mode": "fallback"}, "targets": [{"api_key": "k"}, {"api_key": "k"}]}
    assert client(RedisServer(tmp_path), plain).chat(ask("no warning")).text


# --- secrets ----------------------------------------------------------------------------------------


def test_redis_stores_no_secret(clean: RedisServer) -> None:
    document = config("results")
    document["cache"] = {"mode": "simple"}
    client(clean, document).chat(ask("one"))
    with clean.client() as redis:
        names = redis.keys()
        stored = b"".join([*names, *(redis.get(name) for name in names)])
    assert sorted(name.split(b":")[2] for name in names) == [b"answer", b"breaker"]
    for name in names:
        assert re.fullmatch(rb"portkey-mistral:1:\w+:[0-9a-f]{32,}(:config[\w.\[\]]*)?", name)
    assert SECRET.encode() not in stored


@pytest.mark.parametrize("password", ["right-horse", "wrong-horse"])
def test_a_password_is_used_and_never_shown(password: str, tmp_path: Path) -> None:
    with RedisServer(tmp_path, requirepass="right-horse") as guarded:
        url = guarded.url(password=password)
        mine = client(guarded, config(password), state=url)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert mine.chat(ask("one")).text
        with guarded.client(password="right-horse") as redis:
            assert len(redis.keys()) == (password == "right-horse")
    assert len(outages(caught)) == (password == "wrong-horse")
    settings = mine.settings
    shown = [settings, settings.model_dump(), settings.model_dump_json(), mine, connect(url)]
    assert "-horse" not in repr([*shown, *outages(caught)])


def test_a_password_that_the_server_repeats_is_replaced(tmp_path: Path) -> None:
    """A server that does not know a command quotes it with its arguments."""
    conf = tmp_path / "redis.conf"
    conf.write_text('rename-command AUTH ""\nrename-command HELLO ""\n')
    with RedisServer(tmp_path, conf=conf) as strange:
        state = RedisState(strange.url(password="pass%2Fw0rd"))
        with pytest.warns(SharedStateWarning, match="unknown command") as caught:
            assert state.admit("k", ONE, 0.0)
        state.close()
    assert "w0rd" not in str(caught[0].message)


def test_tls_certificates_are_verified(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*command, *names], check=True, capture_output=True)
    options = {"tls-port": str(free_port()), "tls-auth-clients": "no"}
    options |= {"tls-key-file": str(key), "tls-cert-file": str(certificate)}
    with RedisServer(tmp_path, **options):
        url = f"rediss://127.0.0.1:{options['tls-port']}/0?socket_timeout=5"
        known, stranger = RedisState(f"{url}&ssl_ca_certs={certificate}"), RedisState(url)
        known.cache_set("k", b"v", None)
        assert known.cache_get("k", 0.0) == b"v"
        with pytest.warns(SharedStateWarning, match="CERTIFICATE_VERIFY_FAILED"):
            assert stranger.cache_get("k", 0.0) is None
        known.close()
        stranger.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pass-word@host:no-port/0",
        "redis://:pass-word@host/0?unknown_option=1",
        "redis://:pass-word@host/0?socket_timeout=long",
        "rediss://:pass-word@host/0?ssl_cert_reqs=perhaps",
        "redis://:pass-word@[half/0",
    ],
)
def test_an_invalid_url_is_refused_at_construction_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a Redis URL") as caught:
        Client(base_url="sandbox:", state=url)
    assert "pass-word" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"portkey-mistral\[redis\]") as caught:
        Client(base_url="sandbox:", state="redis://:pass-word@another.example/0")
    assert "pass-word" not in str(caught.value)


# --- the life of a process ------------------------------------------------------------------------------


def test_the_url_from_the_environment(clean: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTKEY_MISTRAL_STATE", clean.url())
    Client(base_url="sandbox:", portkey_config=config("environment")).chat(ask("one"))
    with clean.client() as redis:
        assert len(redis.keys()) == 1


def test_objects_pickle_with_it(clean: RedisServer) -> None:
    mine = client(clean, config("pickled"), state=clean.url())
    mine.chat(ask("one"))
    settings = pickle.loads(pickle.dumps(mine.settings))
    assert settings.state == clean.url()
    assert Client.from_settings(settings).chat(ask("two")).text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_fork_takes_connections_of_its_own(clean: RedisServer) -> None:
    mine = connect(clean.url())
    mine.cache_set("k", b"parent", None)
    child = os.fork()
    if child == 0:
        theirs: State = connect(clean.url())
        seen = theirs.cache_get("k", 0.0)
        theirs.cache_set("k", b"child", None)
        os._exit(0 if seen == b"parent" and theirs is not mine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert mine.cache_get("k", 0.0) == b"child"


def test_a_process_ends_without_leaving_anything_open(clean: RedisServer) -> None:
    program = (
        "import asyncio, sys\n"
        "from portkey_mistral import Client, ChatRequest, Message\n"
        "mine = Client(base_url='sandbox:', state=sys.argv[1], portkey_config="
        "{'api_key': 'k', 'cache': {'mode': 'simple'}, 'cb_config': {'failure_threshold': 1}})\n"
        "request = ChatRequest(model='mistral-small-latest', messages=[Message.user('hi')])\n"
        "mine.chat(request)\n"
        "asyncio.run(mine.achat(request))\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, clean.url()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_closed_it_opens_again(clean: RedisServer) -> None:
    state = RedisState(clean.url(query="client_name=closing"))
    state.cache_set("k", b"v", None)
    state.close()
    with clean.client() as redis:
        assert "closing" not in [each["name"] for each in redis.client_list()]
    assert state.cache_get("k", 0.0) == b"v"
    state.close()
