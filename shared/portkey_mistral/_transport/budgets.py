"""Budgets: reserves what an attempt may cost before it is sent, and settles what it cost after it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from portkey_mistral._providers import MISTRAL
from portkey_mistral._routing.outcomes import Attempt, Failed
from portkey_mistral._transport.results import AttemptResult, FinishedAttempt, Reservation
from portkey_mistral.budget import Account, Budget, from_units, to_units
from portkey_mistral.cost import Billing, cost_of, usage_to_reserve
from portkey_mistral.exceptions import BudgetExceededError, ConfigurationError
from portkey_mistral.prices import NOT_BILLED
from portkey_mistral.state.usage import UsageCounts, UsageRecord

if TYPE_CHECKING:
    from portkey_mistral._transport.call import Call, WireRequest

__all__ = [
    "areserve",
    "budget_exceeded",
    "output_tokens",
    "reserve",
    "settle",
    "unknown_price",
]

T = TypeVar("T")

_BILLED_OPERATIONS = frozenset({"chat", "fim", "embed", "moderate", "classify", "ocr"})


def reserve(
    call: Call[T], attempt: Attempt, wire_request: WireRequest
) -> Reservation | FinishedAttempt[T] | None:
    """Reserve what an attempt may cost in all of the call's budgets; finish it here if one has no room for it.

    Raises:
        ConfigurationError: the price of a model is not known, so that no budget could be kept.
    """
    if not call.accounts:
        return None
    now, estimate = time.time(), _estimate(call, attempt, wire_request)
    if estimate is None:
        if any(account.budget.limit is not None for account in call.accounts):
            raise unknown_price(wire_request.billed_at(None))
        estimate = Decimal(0)
    counters = tuple(account.counter(now) for account in call.accounts)
    amount = to_units(estimate)
    exceeded = call.state.reserve_money(counters, amount)
    if exceeded is None:
        return Reservation(counters, amount)
    error = budget_exceeded(
        call.accounts[exceeded.index], from_units(exceeded.spent), estimate, now
    )
    outcome = Failed(time.monotonic(), "budget", 412)
    result: AttemptResult[T] = AttemptResult(outcome, error=error)
    return FinishedAttempt(attempt, result, outcome.at, wire_request, cost=NOT_BILLED, sent=False)


async def areserve(
    call: Call[T], attempt: Attempt, wire_request: WireRequest
) -> Reservation | FinishedAttempt[T] | None:
    """The async twin of `reserve`: a shared store is asked in a thread."""
    if not call.accounts or call.state.is_local:
        return reserve(call, attempt, wire_request)
    return await asyncio.to_thread(reserve, call, attempt, wire_request)


def settle(call: Call[Any], finished: FinishedAttempt[Any]) -> None:
    """Replace what was reserved by what the attempt cost, and record its usage.

    What was reserved stays where the cost is not known: the attempt may have been billed.
    """
    if call.facts.operation not in _BILLED_OPERATIONS:
        return
    reservation = finished.reservation or Reservation((), 0)
    counts = UsageCounts.of(finished.usage, finished.cost)
    difference = 0 if finished.cost is None else to_units(finished.cost.amount) - reservation.amount
    record = _record(call, finished, counts) if counts.requests else None
    if record is not None or difference:
        call.state.record_usage(record, reservation.counters, difference)


def _record(call: Call[Any], finished: FinishedAttempt[Any], counts: UsageCounts) -> UsageRecord:
    requested_model = finished.wire_request.model if finished.wire_request else None
    model = (finished.cost and finished.cost.model) or requested_model
    return UsageRecord.of_today(model, call.accounts, counts)


def _estimate(call: Call[Any], attempt: Attempt, wire_request: WireRequest) -> Decimal | None:
    """Return what the most expensive target that may be chosen would cost; None if one has no known price."""
    amounts: list[Decimal] = []
    for billing in wire_request.billed_at(None):
        # Behind a slug the provider is not known before the response; the model's own is Mistral.
        known = billing if billing.provider else replace(billing, provider=MISTRAL)
        usage = usage_to_reserve(
            known,
            prompt_tokens=call.facts.prompt_tokens(),
            output_tokens=output_tokens(call.accounts),
            max_tokens=call.parameter(attempt, "max_tokens"),
            answers=call.parameter(attempt, "n"),
            service_tier=call.parameter(attempt, "service_tier"),
        )
        cost = cost_of(usage, known)
        if cost is None:
            return None
        amounts.append(cost.amount)
    return max(amounts, default=None)


def output_tokens(accounts: Iterable[Account]) -> int:
    """Return for how many output tokens money is reserved where a request does not limit them."""
    reserved = (account.budget.output_tokens for account in accounts)
    return max(reserved, default=Budget(None).output_tokens)


def budget_exceeded(
    account: Account, spent: Decimal, estimate: Decimal, now: float, *, what: str = "request"
) -> BudgetExceededError:
    """Return the error for what a budget has no room for at a wall-clock time."""
    limit, per = account.budget.limit or Decimal(0), account.budget.per
    resets_at = account.resets_at(now)
    period = f" per {per}" if per else ""
    key = f" of {account.key!r}" if account.key else ""
    anew = f" It starts anew on {resets_at:%Y-%m-%d %H:%M} UTC." if resets_at else ""
    return BudgetExceededError(
        f"The budget of ${limit:f}{period}{key} has no room for this {what}: ${spent:f} is spent or reserved, and "
        f"it may cost ${estimate:f}. It was not sent.{anew}",
        key=account.key,
        per=per,
        limit=limit,
        spent=spent,
        estimate=estimate,
        resets_at=resets_at,
    )


def unknown_price(billings: Iterable[Billing]) -> ConfigurationError:
    """Return the error for a budget that cannot be kept, because a price is not known."""
    names = sorted(set(map(_biller, billings)))
    return ConfigurationError(
        f"budget= needs prices, and that of one of these is not known: {', '.join(names) or 'the model'}. Set it with "
        "portkey_mistral.models.set_price, or pass Budget(usd=None), which counts and refuses nothing."
    )


def _biller(billing: Billing) -> str:
    where = billing.provider or billing.host  # behind a slug only Portkey knows them
    return f"{billing.model} ({where})" if where else str(billing.model)
