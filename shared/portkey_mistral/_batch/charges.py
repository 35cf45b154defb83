"""Charges jobs to budgets: reserves what a job may cost before it is created, and settles what its results cost.

A job may be created by one process and read by another, or by several. What is reserved for it is on a counter of its
own in the state store, which the first process that has its results takes away: so a job is settled once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from portkey_mistral._providers import MISTRAL
from portkey_mistral._transport.budgets import budget_exceeded, output_tokens, unknown_price
from portkey_mistral.budget import (
    Account,
    Counter,
    accounts_of,
    from_units,
    to_units,
)
from portkey_mistral.cost import BATCH_FACTOR, Billing, cost_of, usage_to_reserve
from portkey_mistral.prices import Cost
from portkey_mistral.state import State, connect
from portkey_mistral.state.usage import UsageRecord
from portkey_mistral.tokens import PromptSize

if TYPE_CHECKING:
    from portkey_mistral._batch.parts import Part
    from portkey_mistral._batch.tally import Tally
    from portkey_mistral._call.options import ResolvedOptions

__all__ = ["CHARGED_AT", "ESTIMATE", "Charge", "Charges", "estimated_cost"]

ESTIMATE, CHARGED_AT = "estimated_usd", "charged_at"
"""Metadata of a job at Mistral: what it may cost, and when that was reserved, in seconds since the epoch."""

# Mistral keeps the results of a job for 30 days, and works on it for 7.
_KEPT_SECONDS = 62 * 86_400
_MOST_DIGITS = 11  # of seconds, before the year 10,000


@dataclass(frozen=True, slots=True)
class Charge:
    """What was reserved for a job that is to be created. `metadata` is the job's."""

    metadata: Mapping[str, str]
    state: State
    counters: tuple[Counter, ...] = ()
    own: tuple[Counter, ...] = ()
    amount: int = 0

    def release(self) -> None:
        """Give back what was reserved, because the job was not created."""
        for counter, own in zip(self.counters, self.own, strict=True):
            if self.state.take_reserved(own) is not None:
                self.state.record_usage(None, (counter,), -self.amount)


class Charges:
    """Charges the jobs of an account at Mistral to the budgets of its settings. `host` bills them."""

    def __init__(self, resolved: ResolvedOptions, host: str | None) -> None:
        settings = resolved.settings
        self._host = host
        self._accounts = accounts_of(settings.budgets, resolved.portkey_metadata)
        self._state = connect(settings.state if self._accounts else "memory:")

    def estimate(self, model: str, body: Mapping[str, Any]) -> Decimal | None:
        """Return the most that a request may cost, in USD; None if the model has no known price."""
        billing = self._billing(model)
        usage = usage_to_reserve(
            billing,
            prompt_tokens=PromptSize(body)(),
            output_tokens=output_tokens(self._accounts),
            max_tokens=body.get("max_tokens"),
            answers=body.get("n"),
            service_tier=body.get("service_tier"),
        )
        cost = cost_of(usage, billing, batch=True)
        return None if cost is None else cost.amount

    def reserve(self, batch: str, part: Part) -> Charge:
        """Reserve what a part of a batch may cost.

        Raises:
            BudgetExceededError: a budget has no room for it.
            ConfigurationError: the price of its model is not known, so that no budget could be kept.
        """
        estimate = part.estimate
        metadata = {} if estimate is None else {ESTIMATE: f"{estimate:f}"}
        if not self._accounts:
            return Charge(metadata, self._state)
        if estimate is None:
            if any(account.budget.limit is not None for account in self._accounts):
                raise unknown_price([self._billing(part.model)])
            estimate = Decimal(0)
        now = int(time.time())
        counters = tuple(account.counter(now) for account in self._accounts)
        own = tuple(_own_counter(counter, batch, part.number, now) for counter in counters)
        amount = to_units(estimate)
        exceeded = self._state.reserve_money((*counters, *own), amount)
        if exceeded is not None:
            spent = from_units(exceeded.spent)
            raise budget_exceeded(
                self._accounts[exceeded.index], spent, estimate, now, what="batch job"
            )
        return Charge({**metadata, CHARGED_AT: str(now)}, self._state, counters, own, amount)

    def settle(self, batch: str, part: int, metadata: Mapping[str, Any], tally: Tally) -> None:
        """Replace what was reserved for a job by what its results cost, and record their usage.

        What was reserved stays where more may have been billed than is known.
        """
        charged_at = _charged_at(metadata)
        if charged_at is None:
            return
        counts, settled = tally.counts, list[Account]()
        for account in self._accounts:
            counter = account.counter(charged_at)
            reserved = self._state.take_reserved(_own_counter(counter, batch, part, charged_at))
            if reserved is None:
                continue
            settled.append(account)
            difference = counts.cost - reserved
            if counts.unknown:
                difference = max(difference, 0)
            self._state.record_usage(None, (counter,), difference)
        if settled and counts.requests:
            record = UsageRecord.of_today(tally.known.model, settled, counts)
            self._state.record_usage(record, (), 0)

    def _billing(self, model: str) -> Billing:
        return Billing(MISTRAL, model, self._host)


def estimated_cost(metadata_of_jobs: Iterable[Mapping[str, Any]]) -> Cost | None:
    """Return what jobs may cost, by their metadata; None if that is not known for one of them."""
    total = Decimal(0)
    for metadata in metadata_of_jobs:
        try:
            total += Decimal(str(metadata.get(ESTIMATE)))
        except InvalidOperation:
            return None
    if not total.is_finite():
        return None
    return Cost(total, factors={"batch": BATCH_FACTOR}, estimated=True)


def _charged_at(metadata: Mapping[str, Any]) -> int | None:
    """Return when a job was charged; None if it was not. Another program's job may have anything there."""
    text = str(metadata.get(CHARGED_AT))
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _own_counter(counter: Counter, batch: str, part: int, charged_at: int) -> Counter:
    # Several accounts may have a batch of the same name.
    name = f"{counter.name}:batch:{batch}:{part}:{charged_at}"
    return Counter(name, None, charged_at + _KEPT_SECONDS)
