"""Adds up what the results of a job used and cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from portkey_mistral.prices import NOT_BILLED, Cost
from portkey_mistral.responses import Usage
from portkey_mistral.state.usage import UsageCounts

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Sums over results. `known` is the sum of the costs that are known."""

    counts: UsageCounts = field(default_factory=UsageCounts)
    known: Cost = NOT_BILLED

    def add(self, usage: Usage | None, cost: Cost | None) -> None:
        """Add a result."""
        self.counts += UsageCounts.of(usage, cost)
        self.known += cost or NOT_BILLED

    def include(self, other: Tally) -> None:
        """Add the results of another job."""
        self.counts += other.counts
        self.known += other.known

    @property
    def cost(self) -> Cost | None:
        """The cost of all; None if no cost that is not 0 is known, although some were billed."""
        if not self.counts.unknown:
            return self.known
        return None if self.known == NOT_BILLED else replace(self.known, is_partial=True)
