"""Functions that other processes run with a shared state."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from driving import outcome_of
from kinds import KINDS, STREAMED, ask
from portkey_mistral import BudgetExceededError, Client, EmbeddingRequest
from portkey_mistral.config import Breaker
from portkey_mistral.state import connect

__all__ = ["admitted_at", "call", "embedded", "record", "spend"]


def call(
    kind: str, settings: Mapping[str, Any], texts: Sequence[str]
) -> list[tuple[str, bool, list[tuple[str, int | None]]]]:
    """Make calls; return for each answer its text, whether it was cached, and its attempts that were sent."""
    run = next(each.run for each in [*KINDS, *STREAMED] if each.name == kind)
    answers = [run(Client(**settings), ask(text), None) for text in texts]
    return [
        (
            answer.text,
            answer.info.cache_status == "HIT",
            [(each.path, each.status) for each in answer.info.attempts if each.status],
        )
        for answer in answers
    ]


def spend(settings: Mapping[str, Any], calls: int) -> tuple[Decimal, Decimal, bool]:
    """Ask until a budget is used up. Return what that cost, the dearest call, and whether one was refused."""
    client, costs = Client(**settings), [Decimal(0)]
    try:
        for _ in range(calls):
            cost = client.chat(ask()).info.cost
            assert cost is not None
            costs.append(cost.amount)
    except BudgetExceededError:
        return sum(costs, Decimal(0)), max(costs), True
    return sum(costs, Decimal(0)), max(costs), False


def admitted_at(url: str, key: str, breaker: Breaker, instant: float) -> bool:
    """Make a call at a wall-clock time, at the same time as other processes."""
    state = connect(url)
    state.open_targets([key])
    time.sleep(max(instant - time.time(), 0.0))
    return state.admit(key, breaker, time.monotonic())


def embedded(fields: Mapping[str, Any], texts: Sequence[str]) -> int:
    """Embed texts; return how many vectors came."""
    request = EmbeddingRequest(model="mistral-embed", inputs=texts)
    return len(Client(**fields).embed(request).vectors)


def record(url: str, key: str, breaker: Breaker, lines: Sequence[int]) -> None:
    for line in lines:
        connect(url).record(key, breaker, outcome_of(line, time.monotonic()))
