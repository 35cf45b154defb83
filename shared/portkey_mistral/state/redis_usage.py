"""Counters of money and sums of usage in Redis."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from redis import Redis

from portkey_mistral._json import dumps, loads
from portkey_mistral.budget import Counter
from portkey_mistral.state.usage import (
    KEPT_DAYS,
    Exceeded,
    UsageCounts,
    UsageRecord,
    UsageTotal,
    to_total,
)

if TYPE_CHECKING:
    from redis.commands.core import Script

__all__ = ["RedisLedger"]

_COUNTS = tuple(field.name for field in fields(UsageCounts))
_KEPT = timedelta(days=KEPT_DAYS)

# Adds an amount to all counters, or to none. ARGV: the amount, then for each counter its limit (or nothing) and when it
# expires, in milliseconds. Returns 0 and the sums, or the number of the counter that has no room, and its sum. Lua would
# round the sums, so Redis adds them.
_RESERVE = """
for i, key in ipairs(KEYS) do
    local spent, limit = redis.call('GET', key) or '0', tonumber(ARGV[2 * i])
    if limit and tonumber(spent) + tonumber(ARGV[1]) > limit then return {i, spent} end
end
local reply = {0}
for i, key in ipairs(KEYS) do
    redis.call('INCRBY', key, ARGV[1])
    redis.call('PEXPIREAT', key, ARGV[2 * i + 1])
    reply[i + 1] = redis.call('GET', key)
end
return reply
"""

_TAKE = """
local sum = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return sum
"""


class RedisLedger:
    """`prefix` begins the names of all keys. Raises redis-py's errors."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis, self._prefix = redis, prefix
        self._reserve: Script = redis.register_script(_RESERVE)
        self._take: Script = redis.register_script(_TAKE)

    def reserve(self, counters: Sequence[Counter], amount: int) -> Exceeded | list[int]:
        """Add an amount to all counters and return their sums, or add nothing if one has no room."""
        arguments: list[Any] = [amount]
        for counter in counters:
            arguments += ["" if counter.limit is None else counter.limit, _milliseconds(counter)]
        full, *spent = map(
            int, self._reserve(keys=[self._name(each) for each in counters], args=arguments)
        )
        return Exceeded(full - 1, spent[0]) if full else spent

    def take(self, counter: Counter) -> int | None:
        """Remove a counter, and return its sum; None if there is none."""
        found = self._take(keys=[self._name(counter)])
        return None if found is None else int(found)

    def send(self, entries: Sequence[tuple[UsageRecord | None, Sequence[Counter], int]]) -> None:
        """Add usage, and amounts to counters, in one exchange."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for record, counters, amount in entries:
                for counter in counters if amount else ():
                    pipeline.incrby(self._name(counter), amount)
                    pipeline.pexpireat(self._name(counter), _milliseconds(counter))
                if record is not None:
                    self._add_usage(pipeline, record)
            pipeline.execute()

    def totals(self, days: Collection[str]) -> Iterator[UsageTotal]:
        """Yield the sums of these days; what others wrote there in another form is left out."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hgetall(f"{self._prefix}:usage:{day}")
            found = pipeline.execute()
        for day, members in zip(days, found, strict=True):
            yield from _totals_of(day, members)

    def _add_usage(self, pipeline: Any, record: UsageRecord) -> None:
        name = f"{self._prefix}:usage:{record.day}"
        for key in record.keys:
            for count in _COUNTS:
                if amount := getattr(record.counts, count):
                    pipeline.hincrby(name, dumps([record.model, key, count]), amount)
        pipeline.expire(name, _KEPT)

    def _name(self, counter: Counter) -> str:
        # The value of a user's metadata is nobody else's business.
        digest = sha256(counter.name.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{self._prefix}:spent:{digest}"


def _totals_of(day: str, members: dict[bytes, bytes]) -> Iterator[UsageTotal]:
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for member, amount in members.items():
        try:
            model, key, count = loads(member)
            rows.setdefault((model, key), {})[count] = int(amount)
        except (ValueError, TypeError):
            continue
    for (model, key), counts in rows.items():
        known = {name: counts.get(name, 0) for name in _COUNTS}
        yield to_total(day, model, key, UsageCounts(**known))


def _milliseconds(counter: Counter) -> int:
    return int(1000 * counter.expires)
