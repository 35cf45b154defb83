"""The state store shared by processes, in Redis. The rules are those of `_routing.circuit_breaker` and `rate_limit`.

A circuit is read, changed by the pure rules, and written back unless another process has changed it. Its times are on
the clock of the Redis server, which all processes share, and are converted to the process's own monotonic clock when it
is read. The names of Redis' keys contain digests only; the hashes of usage hold the models' names and the budgets' keys.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from redis import Redis, RedisError
from redis import TimeoutError as RedisTimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

from portkey_mistral._json import dumps, loads
from portkey_mistral._redaction import scrub, url_passwords, without_password
from portkey_mistral._routing import circuit_breaker
from portkey_mistral._routing.circuit_breaker import Circuit, CircuitState
from portkey_mistral._routing.outcomes import Outcome
from portkey_mistral.budget import Counter
from portkey_mistral.config.values import Breaker
from portkey_mistral.state.memory import MemoryState
from portkey_mistral.state.outage import Outage
from portkey_mistral.state.redis_usage import RedisLedger
from portkey_mistral.state.time_limit import within
from portkey_mistral.state.usage import Exceeded, UsageRecord, UsageTotal

if TYPE_CHECKING:
    from redis.commands.core import Script

__all__ = ["RedisState", "decode", "encode"]

T = TypeVar("T")

_CLOCK_ERROR = 1.0  # seconds; how far apart two readings of the shared clock may be
_TIMEOUT = 0.05  # seconds per read; `socket_timeout` in the URL overrides it
_MOST_READS = 4  # of a request: a new connection, its greeting and two commands
_MAX_CONFLICTS = 100
_MAX_THREADS = 32
_PREFIX = "portkey-mistral:1"
_DAY = 24 * 3600.0
_MAX_LIFETIME = 365 * _DAY
_MAX_CACHE_AGE = 7 * _DAY  # of an answer without max_age; Portkey's own default
_MAX_CACHED_BYTES = 1024 * 1024  # larger answers would take too long to transfer within the timeout
_MAX_MICROSECONDS = 1e15
_MAX_DIGITS = 9
_MAX_UNSENT = 10_000  # requests whose usage waits for the end of an outage

# Redis has no compare-and-set command. Returns the current value, or nothing once the new one is set.
_COMPARE_AND_SET = """
local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then return found end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false
"""

# The rules of `_routing.rate_limit` on the server's clock, in whole microseconds: Lua would print larger numbers with
# fewer digits. ARGV: the microseconds to reserve and the longest wait.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) - now
-- A key expires after its wait is over. One that would not was written before the clock was set back, or by others.
wait = math.max(0, math.min(wait, redis.call('PTTL', KEYS[1]) * 1000)) -- 0 also where the wait is NaN
if wait <= tonumber(ARGV[2]) then
    local free = string.format('%.0f', now + wait + ARGV[1])
    redis.call('SET', KEYS[1], free, 'PX', string.format('%.0f', (wait + ARGV[1]) / 1000 + 1000))
end
return string.format('%.0f', wait)
"""
# ARGV: the choice, and the milliseconds for which it is bound if there is none.
_BIND = """
local bound = redis.call('GET', KEYS[1])
if bound then return bound end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
# ARGV: the microseconds within which no reservation may begin.
_POSTPONE = """
local time = redis.call('TIME')
local free = time[1] * 1000000 + time[2] + ARGV[1]
if not ((tonumber(redis.call('GET', KEYS[1]) or '0') or 0) >= free) then
    redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', string.format('%.0f', ARGV[1] / 1000 + 1000))
end
"""


def encode(circuit: Circuit, *, ahead: float, cooldown: float) -> bytes:
    """Serialise a circuit. `ahead` is the shared clock minus the process's own, in seconds."""
    since, until = circuit.since + ahead, circuit.until + ahead
    return dumps([circuit.state.name, circuit.requests, circuit.failures, since, until, cooldown])


def decode(data: bytes | None, *, ahead: float, now: float) -> Circuit:
    """Deserialise a circuit, with its times on the process's own clock, which is at `now`.

    A missing or unreadable one counts as new. One that would stay open for longer than its cooldown was written before
    the shared clock was set back, so its cooldown counts as over.
    """
    if not data:
        return Circuit()
    try:
        name, requests, failures, since, until, cooldown = loads(data)
        if not all(map(math.isfinite, (since, until, cooldown))):
            return Circuit()
        until -= ahead
        return Circuit(
            CircuitState[name],
            int(requests),
            int(failures),
            since=min(since - ahead, now),
            until=until if until <= now + cooldown + _CLOCK_ERROR else now - _CLOCK_ERROR,
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return Circuit()


class RedisState:
    """The state of all processes with the same Redis; while it cannot be reached, of this process alone."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._redis = _client(url)
        timeout = self._redis.get_connection_kwargs().get("socket_timeout") or _TIMEOUT
        self._limit = _MOST_READS * timeout
        self._threads = ThreadPoolExecutor(_MAX_THREADS, "portkey-mistral-state")
        self._compare_and_set: Script = self._redis.register_script(_COMPARE_AND_SET)
        self._bind: Script = self._redis.register_script(_BIND)
        self._reserve: Script = self._redis.register_script(_RESERVE)
        self._postpone: Script = self._redis.register_script(_POSTPONE)
        self._secrets = url_passwords(url)
        self._outage = Outage(without_password(url), clock=clock)
        # Records every outcome too, so that its circuits are current when Redis cannot be reached.
        self._fallback = MemoryState(clock=clock)
        self._unsent: deque[tuple[str, Breaker, Outcome]] = deque()
        self._sending = threading.Lock()
        self._ledger = RedisLedger(self._redis, _PREFIX)
        self._unsent_usage: deque[tuple[UsageRecord | None, Sequence[Counter], int]] = deque(
            maxlen=_MAX_UNSENT
        )
        self._sending_usage = threading.Lock()

    @property
    def is_local(self) -> bool:
        return False

    def open_targets(self, keys: Collection[str]) -> frozenset[str]:
        return self._try(
            lambda: self._open_targets(tuple(keys)), lambda: self._fallback.open_targets(keys)
        )

    def admit(self, key: str, breaker: Breaker, now: float) -> bool:
        def rule(circuit: Circuit) -> tuple[Circuit, bool]:
            return circuit_breaker.admit(circuit, breaker, now)

        return self._try(
            lambda: self._change(key, breaker, rule),
            lambda: self._fallback.admit(key, breaker, now),
        )

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        self._fallback.record(key, breaker, outcome)
        self._unsent.append((key, breaker, outcome))
        # One thread sends the updates queued by all, so that they do not compete for a key.
        with self._sending:
            self._try(self._send_outcomes, self._unsent.clear)

    def cache_get(self, key: str, now: float) -> bytes | None:
        found = self._try(lambda: self._get(_name("answer", key)), lambda: None)
        return self._fallback.cache_get(key, now) if found is None else found

    def cache_set(self, key: str, value: bytes, expires: float | None) -> None:
        seconds = _MAX_CACHE_AGE if expires is None else min(expires - time.time(), _MAX_LIFETIME)
        if seconds <= 0:
            return
        if len(value) > _MAX_CACHED_BYTES:
            self._fallback.cache_set(key, value, expires)
            return
        self._try(
            lambda: self._set(_name("answer", key), value, seconds),
            lambda: self._fallback.cache_set(key, value, expires),
        )

    def bind(self, key: str, choice: int, seconds: float, now: float) -> int:
        milliseconds = max(int(1000 * min(seconds, _MAX_LIFETIME)), 1)

        def bind() -> int:
            bound: bytes = self._bind(keys=[_name("sticky", key)], args=[choice, milliseconds])
            return int(bound) if bound.isdigit() and len(bound) <= _MAX_DIGITS else choice

        return self._try(bind, lambda: self._fallback.bind(key, choice, seconds, now))

    def reserve(self, key: str, seconds: float, now: float, max_wait: float) -> float:
        arguments = [_microseconds(seconds), _microseconds(max_wait)]

        def reserve() -> float:
            wait = int(self._reserve(keys=[_name("turn", key)], args=arguments)) / 1e6
            if not 0 <= wait <= _DAY:
                raise ValueError(f"{wait} is no number of seconds to wait")
            return wait

        return self._try(reserve, lambda: self._fallback.reserve(key, seconds, now, max_wait))

    def postpone(self, key: str, seconds: float, now: float) -> None:
        self._fallback.postpone(key, seconds, now)
        self._try(
            lambda: self._postpone(keys=[_name("turn", key)], args=[_microseconds(seconds)]),
            lambda: None,
        )

    def reserve_money(self, counters: Sequence[Counter], amount: int) -> Exceeded | None:
        return self._try(
            lambda: self._reserve_shared(counters, amount),
            lambda: self._reserve_local(counters, amount),
        )

    def record_usage(
        self, record: UsageRecord | None, counters: Sequence[Counter], difference: int
    ) -> None:
        self._fallback.record_usage(record, counters, difference)
        self._unsent_usage.append((record, counters, difference))
        with self._sending_usage:
            self._try(self._send_usage, lambda: None)

    def take_reserved(self, counter: Counter) -> int | None:
        self._fallback.take_reserved(counter)
        return self._try(lambda: self._ledger.take(counter), lambda: None)

    def usage(self, days: Collection[str]) -> Sequence[UsageTotal]:
        return self._try(
            lambda: list(self._ledger.totals(days)), lambda: self._fallback.usage(days)
        )

    def close(self) -> None:
        self._redis.close()

    def _try(self, shared: Callable[[], T], local: Callable[[], T]) -> T:
        """Use Redis; this process's own state if Redis does not answer in time, or answers nonsense."""
        if not self._outage.may_try():
            return local()
        started = self._clock()
        try:
            answer = within(self._limit, self._threads, shared)
        except Exception as error:  # noqa: BLE001  whatever answers, no call fails because of it
            if isinstance(error, TimeoutError):
                self._redis.connection_pool.disconnect()  # ends the thread that still waits
            reason = scrub(f"{type(error).__name__}: {error}", self._secrets)
            self._outage.failed(reason, started=started)
            return local()
        self._outage.succeeded()
        return answer

    def _open_targets(self, keys: Collection[str]) -> frozenset[str]:
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.mget([_name("breaker", key) for key in keys])
            pipeline.time()
            found, server_time = pipeline.execute()
        now = self._clock()
        ahead = _seconds(server_time) - now
        return frozenset(
            key
            for key, data in zip(keys, found, strict=True)
            if circuit_breaker.is_open(decode(data, ahead=ahead, now=now), now)
        )

    def _send_outcomes(self) -> None:
        unsent = [self._unsent.popleft() for _ in range(len(self._unsent))]
        for key in dict.fromkeys(key for key, _, _ in unsent):
            outcomes = [(breaker, outcome) for other, breaker, outcome in unsent if other == key]
            self._change(key, outcomes[-1][0], partial(_record_all, outcomes=outcomes))

    def _change(
        self, key: str, breaker: Breaker, rule: Callable[[Circuit], tuple[Circuit, T]]
    ) -> T:
        """Change a circuit by a rule; retry if another process changed it."""
        name = _name("breaker", key)
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(name)
            pipeline.time()
            found, server_time = pipeline.execute()
        ahead = _seconds(server_time) - self._clock()
        lifetime = int(1000 * min(_DAY + breaker.cooldown_interval, _MAX_LIFETIME))
        for _ in range(_MAX_CONFLICTS):
            circuit = decode(found, ahead=ahead, now=self._clock())
            changed, result = rule(circuit)
            if changed == circuit:
                return result
            data = encode(changed, ahead=ahead, cooldown=breaker.cooldown_interval)
            found = self._compare_and_set(keys=[name], args=[found or b"", data, lifetime])
            if found is None:
                return result
        raise RedisError("it never takes a new value")

    def _reserve_shared(self, counters: Sequence[Counter], amount: int) -> Exceeded | None:
        reply = self._ledger.reserve(counters, amount)
        if isinstance(reply, Exceeded):
            return reply
        # So that this process knows what others spent when Redis cannot be reached.
        self._fallback.set_spent(counters, reply)
        return None

    def _reserve_local(self, counters: Sequence[Counter], amount: int) -> Exceeded | None:
        exceeded = self._fallback.reserve_money(counters, amount)
        if exceeded is None:
            self._unsent_usage.append((None, counters, amount))
        return exceeded

    def _send_usage(self) -> None:
        unsent = [self._unsent_usage.popleft() for _ in range(len(self._unsent_usage))]
        try:
            self._ledger.send(unsent)
        except RedisTimeoutError:
            raise  # Redis may have added them, and would do so twice
        except (RedisError, OSError):
            self._unsent_usage.extendleft(reversed(unsent))
            raise

    def _get(self, name: str) -> bytes | None:
        found = self._redis.get(name)
        if found is None or isinstance(found, bytes):
            return found
        raise TypeError(f"the value of a key is {type(found).__name__}")

    def _set(self, name: str, value: bytes, seconds: float) -> None:
        self._redis.set(name, value, px=max(int(1000 * seconds), 1))


def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def _name(kind: str, key: str) -> str:
    return f"{_PREFIX}:{kind}:{key}"


def _microseconds(seconds: float) -> int:
    return round(min(seconds * 1e6, _MAX_MICROSECONDS))


def _seconds(server_time: Any) -> float:
    seconds, microseconds = server_time
    return int(seconds) + int(microseconds) / 1e6


def _record_all(
    circuit: Circuit, *, outcomes: Collection[tuple[Breaker, Outcome]]
) -> tuple[Circuit, None]:
    for breaker, outcome in outcomes:
        circuit = circuit_breaker.record(circuit, breaker, outcome)
    return circuit, None
