"""What other processes do with a shared state; they import it from here."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from driving import outcome_of
from kinds import KINDS, STREAMED, ask
from portkey_mistral import Client, EmbeddingRequest
from portkey_mistral.config import Breaker
from portkey_mistral.state import connect

__all__ = ["admitted_at", "call", "embedded", "record"]


def call(
    kind: str, settings: Mapping[str, Any], texts: Sequence[str]
) -> list[tuple[str, bool, list[tuple[str, int | None]]]]:
    """Ask; return for each answer its text, whether it was cached, and the attempts it took."""
    run = next(each.run for each in [*KINDS, *STREAMED] if each.name == kind)
    answers = [run(Client(**settings), ask(text), None) for text in texts]
    return [
        (
            answer.text,
            answer.info.cache_status == "HIT",
            [(attempt.path, attempt.status) for attempt in answer.info.attempts],
        )
        for answer in answers
    ]


def admitted_at(url: str, key: str, breaker: Breaker, instant: float) -> bool:
    """Ask a breaker at a wall-clock time, together with others."""
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
