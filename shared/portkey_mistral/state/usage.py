"""What calls used and cost: sums of one day, in a state store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from portkey_mistral.budget import Account, Counter, from_units, to_units
from portkey_mistral.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from portkey_mistral.prices import Cost
    from portkey_mistral.responses import Usage

__all__ = [
    "KEPT_DAYS",
    "Exceeded",
    "Ledger",
    "UsageCounts",
    "UsageRecord",
    "UsageTotal",
    "last_days",
    "to_total",
]

KEPT_DAYS = 62
"""For how long usage is kept: this month and the one before."""

_MAX_ROWS = _MAX_COUNTERS = 100_000  # of one process; the oldest is forgotten


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What the calls of one day to one model used, all of them or those that a budget's key counts.

    Attributes:
        day: Day in UTC.
        model: The model that was billed, by its id; as the server named it if it has no price.
        key: Key of a budget, "metadata.user_id=ada" for example; "" is all calls.
        requests: Number of answers.
        prompt_tokens: Tokens of the prompts, cached ones included.
        completion_tokens: Tokens of the answers.
        cost: Sum of the costs that are known, in USD.
        unknown: Number of requests whose cost is not known.
    """

    day: date
    model: str
    key: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    unknown: int


@dataclass(frozen=True, slots=True)
class UsageCounts:
    """What one request adds. `cost` is in the units of `budget.to_units`."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, usage: Usage | None, cost: Cost | None) -> UsageCounts:
        """Return what an attempt adds: nothing if it was refused, since then it has no usage and cost nothing."""
        if usage is None and cost is not None:
            return cls()
        return cls(
            requests=1,
            prompt_tokens=0 if usage is None else usage.prompt_tokens,
            completion_tokens=0 if usage is None else usage.completion_tokens,
            cost=0 if cost is None else to_units(cost.amount),
            unknown=int(cost is None),
        )

    def __add__(self, other: UsageCounts) -> UsageCounts:
        return UsageCounts(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """Requests of a day (ISO 8601, UTC) to a model, counted under each of `keys`."""

    day: str
    model: str
    keys: tuple[str, ...]
    counts: UsageCounts

    @classmethod
    def of_today(
        cls, model: str | None, accounts: Iterable[Account], counts: UsageCounts
    ) -> UsageRecord:
        """Return the record of today, counted for all calls and under the key of each account."""
        keys = ("", *(account.key for account in accounts))
        return cls(
            datetime.now(UTC).date().isoformat(), model or "", tuple(dict.fromkeys(keys)), counts
        )


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The counter, by its index, that has no room for an amount, and what it has counted."""

    index: int
    spent: int


def last_days(count: int, today: date) -> tuple[str, ...]:
    """Return the last days, today included, as the store names them.

    Raises:
        InvalidRequestError: the count is not from 1 to `KEPT_DAYS`.
    """
    if not 1 <= count <= KEPT_DAYS:
        raise InvalidRequestError(f"Usage is kept for {KEPT_DAYS} days: ask for 1 to {KEPT_DAYS}.")
    return tuple((today - timedelta(days=ago)).isoformat() for ago in reversed(range(count)))


class Ledger:
    """Counters and usage of one process. Not thread-safe."""

    def __init__(self) -> None:
        self._spent: OrderedDict[str, int] = OrderedDict()
        self._rows: OrderedDict[tuple[str, str, str], UsageCounts] = OrderedDict()

    def reserve(self, counters: Sequence[Counter], amount: int) -> Exceeded | None:
        for index, counter in enumerate(counters):
            spent = self._spent.get(counter.name, 0)
            if counter.limit is not None and spent + amount > counter.limit:
                return Exceeded(index, spent)
        self.add(counters, amount)
        return None

    def add(self, counters: Sequence[Counter], amount: int) -> None:
        for counter in counters:
            self.set_spent(counter, self._spent.get(counter.name, 0) + amount)

    def set_spent(self, counter: Counter, spent: int) -> None:
        self._spent[counter.name] = spent
        self._spent.move_to_end(counter.name)
        if len(self._spent) > _MAX_COUNTERS:
            self._spent.popitem(last=False)

    def take(self, counter: Counter) -> int | None:
        return self._spent.pop(counter.name, None)

    def record(self, record: UsageRecord) -> None:
        for key in record.keys:
            row = (record.day, record.model, key)
            self._rows[row] = self._rows.get(row, UsageCounts()) + record.counts
        while len(self._rows) > _MAX_ROWS:
            self._rows.popitem(last=False)

    def totals(self, days: Collection[str]) -> Iterator[UsageTotal]:
        for (day, model, key), counts in self._rows.items():
            if day in days:
                yield to_total(day, model, key, counts)


def to_total(day: str, model: str, key: str, counts: UsageCounts) -> UsageTotal:
    return UsageTotal(
        date.fromisoformat(day),
        model,
        key,
        counts.requests,
        counts.prompt_tokens,
        counts.completion_tokens,
        from_units(counts.cost),
        counts.unknown,
    )
