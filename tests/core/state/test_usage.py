"""Counters of money and sums of usage: in memory, in Redis, and among processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from multiprocessing import get_context

import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Budget, Client, InvalidRequestError, SharedStateWarning
from portkey_mistral.budget import Counter
from portkey_mistral.sandbox import Sandbox
from portkey_mistral.state import MemoryState, State, connect
from portkey_mistral.state.redis import RedisState
from portkey_mistral.state.usage import Exceeded, UsageCounts, UsageRecord, UsageTotal, last_days
from redis_server import RedisServer
from state_worker import spend

ALL = [*KINDS, *STREAMED]
# What the sandbox's answer to `ask()` costs: 6 tokens in, 54 out.
CALL = Decimal("0.0000333")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(
    params=[
        "memory",
        # A Redis server is no package of Python's: where there is none, only `make test-all` asks for it.
        pytest.param("redis", marks=pytest.mark.full),
    ]
)
def state(request: pytest.FixtureRequest) -> State:
    if request.param == "memory":
        return MemoryState()
    return RedisState(clean(request.getfixturevalue("server")))


def clean(server: RedisServer) -> str:
    with server.client() as redis:
        redis.flushall()
    return server.url()


def counter(name: str, limit: int | None = None) -> Counter:
    return Counter(name, limit, time.time() + 1000)


def test_an_amount_is_added_to_all_counters_or_to_none(state: State) -> None:
    wide, narrow = counter("wide", 100), counter("narrow", 10)
    assert state.reserve_money([wide, narrow], 8) is None
    assert state.reserve_money([wide, narrow], 3) == Exceeded(1, 8)
    assert state.reserve_money([wide, narrow], 2) is None
    assert state.reserve_money([wide], 91) == Exceeded(0, 10)
    assert state.reserve_money([counter("unlimited")], 10**18) is None


def test_a_settled_reservation_makes_room(state: State) -> None:
    narrow = counter("narrow", 10)
    assert state.reserve_money([narrow], 10) is None
    state.record_usage(None, [narrow], -7)
    assert state.reserve_money([narrow], 8) == Exceeded(0, 3)
    assert state.reserve_money([narrow], 7) is None


def test_a_counter_is_taken_away_by_one(state: State) -> None:
    own, shared = counter("own"), counter("shared", 10)
    assert state.take_reserved(own) is None
    assert state.reserve_money([shared, own], 0) is None
    assert state.take_reserved(own) == 0
    assert state.reserve_money([shared, own], 7) is None
    assert [state.take_reserved(own) for _ in range(2)] == [7, None]
    assert state.reserve_money([shared], 4) == Exceeded(0, 7)


def test_large_sums_are_exact(state: State) -> None:
    large = counter("large", 9 * 10**18)
    assert state.reserve_money([large], 10**18 + 1) is None
    state.record_usage(None, [large], 1)
    assert state.reserve_money([large], 9 * 10**18) == Exceeded(0, 10**18 + 2)


def test_usage_is_summed_by_day_model_and_key(state: State) -> None:
    counts = UsageCounts(1, 10, 5, 10**12, 0)
    for day, keys in (("2026-11-29", ("",)), ("2026-11-30", ("", "team")), ("2026-11-30", ("",))):
        state.record_usage(UsageRecord(day, "m", keys, counts), [], 0)
    assert sorted(state.usage(["2026-11-30"]), key=lambda total: total.key) == [
        UsageTotal(date(2026, 11, 30), "m", "", 2, 20, 10, Decimal(2), 0),
        UsageTotal(date(2026, 11, 30), "m", "team", 1, 10, 5, Decimal(1), 0),
    ]
    assert state.usage(["2026-11-28"]) == []


def test_the_days_that_can_be_asked_for() -> None:
    assert last_days(2, date(2026, 12, 1)) == ("2026-11-30", "2026-12-01")
    for count in (0, 63):
        with pytest.raises(InvalidRequestError, match="62 days"):
            last_days(count, date(2026, 12, 1))


# --- Redis


@pytest.mark.full
def test_every_key_of_redis_expires(server: RedisServer, mistral_sandbox: Sandbox) -> None:
    budgets = [Budget(1, per="day", key="metadata.user"), Budget(1, per="month"), Budget(1)]
    client = Client(
        base_url="sandbox:",
        state=clean(server),
        budget=budgets,
        portkey_metadata={"user": "ada@example.com"},
    )
    client.chat(ask())
    with server.client() as redis:
        keys = redis.keys("*")
        assert len(keys) == 4  # three counters, and the usage of a day
        assert all(0 < redis.ttl(key) <= 400 * 24 * 3600 + 1 for key in keys)
        assert not any(b"ada@" in key for key in keys)  # "ada" alone may be part of a digest


@pytest.mark.full
@pytest.mark.parametrize("kind", ALL)
def test_calls_of_every_kind_are_counted_in_redis(
    kind: Kind, server: RedisServer, mistral_sandbox: Sandbox
) -> None:
    client = Client(base_url="sandbox:", state=clean(server), budget=Budget(CALL, output_tokens=1))
    kind.run(client, ask(), None)
    (row,) = client.usage()
    assert (row.model, row.key, row.requests, row.cost) == ("mistral-small-2603", "", 1, CALL)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as others:
        yield others


@pytest.mark.full
@pytest.mark.parametrize(
    ("output_tokens", "in_flight"),
    [
        (1024, 0),  # no call costs more than was reserved for it, so the budget is never passed
        (0, 8),  # every call does: what is in flight may pass it
    ],
)
def test_eight_processes_never_spend_more_than_the_budget(
    server: RedisServer, processes: ProcessPoolExecutor, output_tokens: int, in_flight: int
) -> None:
    limit = 40 * CALL + Decimal("0.00062")  # room for some forty calls, and what one reserves
    settings = {
        "base_url": "sandbox:",
        "state": clean(server),
        "budget": Budget(limit, per="month", key="team", output_tokens=output_tokens),
    }
    runs = [processes.submit(spend, settings, 60) for _ in range(8)]
    results = [run.result() for run in runs]
    total = sum((cost for cost, _, _ in results), Decimal(0))
    dearest = max(cost for _, cost, _ in results)
    assert all(refused for _, _, refused in results)
    assert total <= limit + in_flight * dearest
    assert total > limit / 3  # it was used, too
    rows = {
        row.key: row for row in connect(server.url()).usage(last_days(2, datetime.now(UTC).date()))
    }
    assert rows["team"].cost == rows[""].cost == total


@pytest.mark.full
def test_in_an_outage_a_process_goes_on_from_what_it_knows(server: RedisServer, tmp_path) -> None:
    with RedisServer(tmp_path) as mortal:
        state, limited = RedisState(mortal.url()), counter("narrow", 10)
        other = RedisState(mortal.url())
        assert other.reserve_money([limited], 5) is None
        assert state.reserve_money([limited], 2) is None
        mortal.kill()
        with pytest.warns(SharedStateWarning):
            assert state.reserve_money([limited], 4) == Exceeded(0, 7)
        assert state.reserve_money([limited], 3) is None
