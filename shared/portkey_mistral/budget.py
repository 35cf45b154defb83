"""Budgets: how much calls may cost together, and which counter a call is charged to. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal, TypeAlias

from portkey_mistral.exceptions import ConfigurationError

__all__ = [
    "Account",
    "Budget",
    "Counter",
    "Period",
    "accounts_of",
    "from_units",
    "to_units",
]

Period: TypeAlias = Literal["day", "month"]

# Counters are whole numbers, which stores can add up without loss. A token costs 1e-9 USD at least; half of that, or
# 1.1 times as much, is still a whole number of these.
_UNITS_PER_USD = 10**12
_MAX_USD = 9_000_000  # 64 bits of units
_METADATA = "metadata."
_DAY = timedelta(days=1)
# A counter without a period is forgotten after this time without a call.
_UNUSED = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much the calls that share a key may cost together.

    Attributes:
        usd: The budget in USD. None counts the cost and refuses nothing.
        per: "day" and "month" start anew at midnight UTC; None never does.
        key: Name of the counter: calls with the same key share it, wherever they share the state store. "metadata.NAME"
            has one counter for each value of that name in `portkey_metadata`. None has one for all budgets without a key.
            Of several budgets for one counter (the same `key` and `per`) the lowest counts.
        output_tokens: Output tokens for which money is reserved where a request has no `max_tokens`.

    Raises:
        ConfigurationError: a value is not one of these.
    """

    usd: Decimal | int | float | None
    per: Period | None = None
    key: str | None = None
    output_tokens: int = 1024

    def __post_init__(self) -> None:
        usd: Any = self.usd
        if isinstance(usd, bool) or not isinstance(usd, Decimal | int | float | None):
            raise ConfigurationError(f"Budget: usd must be a number or None, got {usd!r}.")
        if usd is not None and not (math.isfinite(usd) and 0 <= usd <= _MAX_USD):
            raise ConfigurationError(f"Budget: usd must be from 0 to {_MAX_USD:,}, got {usd}.")
        if self.per not in ("day", "month", None):
            raise ConfigurationError(
                f"Budget: per must be 'day', 'month' or None, got {self.per!r}."
            )
        key: Any = self.key
        if key is not None and not (isinstance(key, str) and key.strip()):
            raise ConfigurationError(
                "Budget: key must be a name, or 'metadata.NAME' for a counter per value of portkey_metadata."
            )
        if type(self.output_tokens) is not int or self.output_tokens < 0:
            raise ConfigurationError(
                f"Budget: output_tokens must be a whole number from 0, got {self.output_tokens!r}."
            )

    @property
    def limit(self) -> Decimal | None:
        """The budget in USD, exactly as it was written."""
        return None if self.usd is None else Decimal(str(self.usd))


@dataclass(frozen=True, slots=True)
class Counter:
    """A sum in a state store. `limit` is in units, see `to_units`; `expires` is in seconds since the epoch."""

    name: str
    limit: int | None
    expires: float


@dataclass(frozen=True, slots=True)
class Account:
    """A budget, and the key that one call is charged to: "team", or "metadata.user_id=ada"."""

    budget: Budget
    key: str

    def counter(self, now: float) -> Counter:
        """Return the counter of the period at a wall-clock time."""
        moment = datetime.fromtimestamp(now, UTC)
        end = self.resets_at(now)
        period = {"day": f"{moment:%Y-%m-%d}", "month": f"{moment:%Y-%m}", None: "ever"}
        limit = self.budget.limit
        return Counter(
            f"{period[self.budget.per]}:{self.key}",
            None if limit is None else int(limit * _UNITS_PER_USD),
            # Calls that began before midnight are charged to the period before.
            (moment + _UNUSED if end is None else end + _DAY).timestamp(),
        )

    def resets_at(self, now: float) -> datetime | None:
        """Return when the budget starts anew; None if it never does."""
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        match self.budget.per:
            case "day":
                return day + _DAY
            case "month":
                return (day.replace(day=28) + 4 * _DAY).replace(day=1)
            case None:
                return None


def accounts_of(
    budgets: Iterable[Budget], metadata: Mapping[str, Any] | None
) -> tuple[Account, ...]:
    """Return which accounts a call with this metadata is charged to: of budgets for one counter, the lowest.

    Raises:
        ConfigurationError: the metadata lacks a name that is the key of a budget.
    """
    lowest: dict[tuple[Period | None, str], Account] = {}
    for account in _accounts(budgets, metadata or {}):
        counter = account.budget.per, account.key
        if counter not in lowest or _limit(account) < _limit(lowest[counter]):
            lowest[counter] = account
    return tuple(lowest.values())


def _limit(account: Account) -> Decimal:
    limit = account.budget.limit
    return Decimal("Infinity") if limit is None else limit


def _accounts(budgets: Iterable[Budget], metadata: Mapping[str, Any]) -> Iterator[Account]:
    for budget in budgets:
        key = budget.key or ""
        if not key.startswith(_METADATA):
            yield Account(budget, key)
            continue
        name = key.removeprefix(_METADATA)
        value = metadata.get(name)
        if value is None:
            raise ConfigurationError(
                f"The budget with key={key!r} needs that value in every call: pass "
                f"portkey_metadata={{{name!r}: ...}}, in the constructor or per call."
            )
        yield Account(budget, f"{key}={value}")


def to_units(usd: Decimal) -> int:
    """Return an amount in the whole numbers that stores add up, rounded up."""
    return int((usd * _UNITS_PER_USD).to_integral_value(ROUND_CEILING))


def from_units(units: int) -> Decimal:
    """Return an amount in USD."""
    return (Decimal(units) / _UNITS_PER_USD).normalize()
