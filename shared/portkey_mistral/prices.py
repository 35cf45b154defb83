"""Prices of models, and what a call cost. Values only: `cost` computes, and `models` has the catalog's prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

__all__ = ["NOT_BILLED", "Cost", "Price", "UnitPrice", "total_cost"]


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens; None for what is not billed by tokens, or not known.

    `as_of` is the day on which the price was read from the provider's price list.
    """

    input: float
    output: float | None = None
    cached_input: float | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """USD per `unit`, for models that are billed by pages, minutes or characters."""

    usd: float
    unit: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call or one of its attempts cost, and what that was computed from. Taxes are not included.

    Attributes:
        amount: Exact amount, in `currency`.
        currency: ISO 4217 code of the currency.
        model: Id of the model whose price applied; None if nothing was billed, and in a sum over several models.
        price: That price, with its date; None like `model`, and for pages, whose price is in the model's `unit_prices`.
        factors: What the price was multiplied by: "region", "priority" and "batch", where they applied.
        estimated: Whether a part of the usage is an estimate, because the server reported none.
        is_partial: Whether another attempt may have been billed too, for an amount that is not known.
    """

    amount: Decimal
    currency: str = "USD"
    model: str | None = None
    price: Price | None = None
    factors: Mapping[str, Decimal] = field(default_factory=dict)
    estimated: bool = False
    is_partial: bool = False

    def __add__(self, other: Cost) -> Cost:
        """Return the sum. It keeps the model, the price and the factors only where both have the same."""
        if self == NOT_BILLED:
            return other
        if other == NOT_BILLED:
            return self
        same = (self.model, self.price, self.factors) == (other.model, other.price, other.factors)
        return Cost(
            self.amount + other.amount,
            model=self.model if same else None,
            price=self.price if same else None,
            factors=self.factors if same else {},
            estimated=self.estimated or other.estimated,
            is_partial=self.is_partial or other.is_partial,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the cost as JSON values. The amount is a string, which `Decimal` reads without loss."""
        price = self.price
        return {
            "amount": f"{self.amount:f}",
            "currency": self.currency,
            "model": self.model,
            "price": None
            if price is None
            else {
                "input": price.input,
                "output": price.output,
                "cached_input": price.cached_input,
                "as_of": None if price.as_of is None else price.as_of.isoformat(),
            },
            "factors": {name: str(factor) for name, factor in self.factors.items()},
            "estimated": self.estimated,
            "is_partial": self.is_partial,
        }


NOT_BILLED = Cost(Decimal(0))
"""The cost of an attempt that no provider charges for: skipped, answered from a cache, or refused by the server."""


def total_cost(costs: Iterable[Cost | None]) -> Cost | None:
    """Return the sum of costs, of which None are not known.

    Where some are known and others not, the sum is of the known ones, with `is_partial` set. None if none was billed
    that is known.
    """
    each = list(costs)
    if len(each) == 1:
        return each[0]
    known = [cost for cost in each if cost is not None]
    total = sum(known, NOT_BILLED)
    if len(known) == len(each):
        return total if each else None
    return None if total == NOT_BILLED else replace(total, is_partial=True)
