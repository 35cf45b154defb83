"""The store shared by processes, in Redis. The rules stay those of `_engine.breaker`.

A circuit is read, changed by the pure rules, and put back if nobody else changed it meanwhile. Its times
are on the clock of the Redis server, which all processes share, and are brought to this process's own
monotonic clock when it is read. Keys hold digests only.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from portkey_mistral._engine import breaker as rules
from portkey_mistral._engine.breaker import Circuit
from portkey_mistral._engine.outcomes import Outcome
from portkey_mistral._wire.failures import scrub
from portkey_mistral.config import Breaker
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.state.circuits import decode, encode
from portkey_mistral.state.memory import MemoryState
from portkey_mistral.state.outage import Outage
from portkey_mistral.state.urls import passwords, without_password

if TYPE_CHECKING:
    from redis.commands.core import Script

__all__ = ["RedisState"]

T = TypeVar("T")

_PATIENCE = 0.05  # seconds for one answer of the server; the URL's `socket_timeout` overrules it
_PREFIX = "portkey-mistral:1"
_DAY = 24 * 3600.0
_LONGEST_LIFE = 7 * _DAY  # of an answer without max_age; Portkey's own default
_LARGEST_ANSWER = 1024 * 1024  # a larger one takes too long to carry within the patience

# Redis has no compare-and-set of its own. Gives what is there now, or nothing once it was set.
_SWAP = """
local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then return found end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return false
"""

# The rules of `_engine.pacing` on the server's clock, in whole microseconds: Lua would write larger numbers with
# fewer digits. ARGV: the seconds to take and the patience, or the seconds to hold it for.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') - now, 0)
if wait <= tonumber(ARGV[2]) then
    local free = string.format('%.0f', now + wait + ARGV[1])
    redis.call('SET', KEYS[1], free, 'PX', string.format('%.0f', (wait + ARGV[1]) / 1000 + 1000))
end
return string.format('%.0f', wait)
"""
_HOLD = """
local time = redis.call('TIME')
local free = time[1] * 1000000 + time[2] + ARGV[1]
if free > tonumber(redis.call('GET', KEYS[1]) or '0') then
    redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', string.format('%.0f', ARGV[1] / 1000 + 1000))
end
"""
_FOR_EVER = 1e15  # microseconds


class RedisState:
    """Breakers, answers and turns of every process with the same Redis; of this process alone while it is away.

    Raises:
        ConfigurationError: the URL or one of its options is not understood.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._redis = _client(url)
        self._swap: Script = self._redis.register_script(_SWAP)
        self._reserve: Script = self._redis.register_script(_RESERVE)
        self._hold: Script = self._redis.register_script(_HOLD)
        self._secrets = passwords(url)
        self._outage = Outage(without_password(url), clock=clock)
        # It is told of every outcome, so that it knows the targets when it has to stand in.
        self._own = MemoryState(clock=clock)
        self._untold: deque[tuple[str, Breaker, Outcome]] = deque()
        self._telling = threading.Lock()

    @property
    def local(self) -> bool:
        return False

    def open_targets(self, keys: Collection[str]) -> frozenset[str]:
        return self._ask(
            lambda: self._open_targets(tuple(keys)), lambda: self._own.open_targets(keys)
        )

    def admit(self, key: str, breaker: Breaker, now: float) -> bool:
        return self._ask(
            lambda: self._change(key, breaker, lambda circuit: rules.admit(circuit, breaker, now)),
            lambda: self._own.admit(key, breaker, now),
        )

    def record(self, key: str, breaker: Breaker, outcome: Outcome) -> None:
        self._own.record(key, breaker, outcome)
        self._untold.append((key, breaker, outcome))
        # Whoever comes first tells what the others left here meanwhile: threads do not compete for a key.
        with self._telling:
            self._ask(self._tell, self._untold.clear)

    def cached(self, key: str, now: float) -> bytes | None:
        found = self._ask(lambda: self._get(_name("answer", key)), lambda: None)
        return self._own.cached(key, now) if found is None else found

    def remember(self, key: str, value: bytes, expires: float | None) -> None:
        left = _LONGEST_LIFE if expires is None else expires - time.time()
        if left <= 0:
            return
        if len(value) > _LARGEST_ANSWER:
            self._own.remember(key, value, expires)
            return
        self._ask(
            lambda: self._set(_name("answer", key), value, left),
            lambda: self._own.remember(key, value, expires),
        )

    def reserve(self, key: str, seconds: float, now: float, patience: float) -> float:
        asked = [_micro(seconds), _micro(patience)]
        return self._ask(
            lambda: int(self._reserve(keys=[_name("turn", key)], args=asked)) / 1e6,
            lambda: self._own.reserve(key, seconds, now, patience),
        )

    def hold(self, key: str, seconds: float, now: float) -> None:
        self._own.hold(key, seconds, now)
        self._ask(
            lambda: self._hold(keys=[_name("turn", key)], args=[_micro(seconds)]), lambda: None
        )

    def close(self) -> None:
        self._redis.close()

    def _ask(self, shared: Callable[[], T], own: Callable[[], T]) -> T:
        """Ask Redis; where it does not answer, this process."""
        if not self._outage.may_try():
            return own()
        asked = self._clock()
        try:
            answer = shared()
        except (RedisError, OSError) as fault:
            reason = scrub(f"{type(fault).__name__}: {fault}", self._secrets)
            self._outage.failed(reason, asked=asked)
            return own()
        self._outage.answered()
        return answer

    def _open_targets(self, keys: Collection[str]) -> frozenset[str]:
        with self._redis.pipeline(transaction=False) as both:
            both.mget([_name("breaker", key) for key in keys])
            both.time()
            found, server_time = both.execute()
        now = self._clock()
        ahead = _seconds(server_time) - now
        return frozenset(
            key
            for key, data in zip(keys, found, strict=True)
            if rules.is_open(decode(data, ahead=ahead, now=now), now)
        )

    def _tell(self) -> None:
        untold = [self._untold.popleft() for _ in range(len(self._untold))]
        for key in dict.fromkeys(key for key, _, _ in untold):
            mine = [(breaker, outcome) for other, breaker, outcome in untold if other == key]
            self._change(key, mine[-1][0], partial(_after, told=mine))

    def _change(
        self, key: str, breaker: Breaker, rule: Callable[[Circuit], tuple[Circuit, T]]
    ) -> T:
        """Change a circuit by a rule, however many others change it at the same time."""
        name = _name("breaker", key)
        with self._redis.pipeline(transaction=False) as both:
            both.get(name)
            both.time()
            found, server_time = both.execute()
        ahead = _seconds(server_time) - self._clock()
        life = int(1000 * (_DAY + breaker.cooldown_interval))
        while True:
            circuit = decode(found, ahead=ahead, now=self._clock())
            changed, result = rule(circuit)
            if changed == circuit:
                return result
            data = encode(changed, ahead=ahead, cooldown=breaker.cooldown_interval)
            found = self._swap(keys=[name], args=[found or b"", data, life])
            if found is None:
                return result

    def _get(self, name: str) -> bytes | None:
        return cast("bytes | None", self._redis.get(name))

    def _set(self, name: str, value: bytes, seconds: float) -> None:
        self._redis.set(name, value, px=max(int(1000 * seconds), 1))


def _client(url: str) -> Redis:
    try:
        client = Redis.from_url(
            url,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )
        # Options of the URL are not looked at before there is a connection; making one sends nothing.
        client.connection_pool.make_connection()
    except (TypeError, ValueError, RedisError):
        # The text of these may repeat the URL.
        raise ConfigurationError(
            "The URL in state= (or PORTKEY_MISTRAL_STATE) is no Redis URL: "
            "redis://[USER:PASSWORD@]HOST[:PORT][/DB], with options of the Redis client behind a '?'."
        ) from None
    return client


def _name(kind: str, key: str) -> str:
    return f"{_PREFIX}:{kind}:{key}"


def _micro(seconds: float) -> int:
    return round(min(seconds * 1e6, _FOR_EVER))


def _seconds(server_time: Any) -> float:
    seconds, microseconds = server_time
    return int(seconds) + int(microseconds) / 1e6


def _after(circuit: Circuit, *, told: Collection[tuple[Breaker, Outcome]]) -> tuple[Circuit, None]:
    for breaker, outcome in told:
        circuit = rules.record(circuit, breaker, outcome)
    return circuit, None
