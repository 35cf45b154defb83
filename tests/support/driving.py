"""Follows a plan without any I/O: each target answers from a script, and a fake clock counts the waits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from portkey_mistral._routing.outcomes import (
    Answered,
    Attempt,
    Committed,
    Failed,
    Health,
    Interrupted,
    Outcome,
    Plan,
    Random,
    RequestFacts,
    Skipped,
)
from portkey_mistral._routing.plan import plan
from portkey_mistral.config import Config

# A status; a word for a failure without a status; or a status with Retry-After seconds.
Line: TypeAlias = int | str | tuple[int, float]
Script: TypeAlias = Mapping[str, Line | Sequence[Line]]

SECONDS_A_SEND = 0.125
CHAT = RequestFacts(operation="chat", params={"model": "mistral-small-latest"})


@dataclass
class Followed:
    """What a plan did. `paths` are shortened: `1.0` is `config.targets[1].targets[0]`.

    `skipped` has the shortened paths of the targets that it passed over, with the reasons.
    """

    attempts: list[Attempt] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    outcome: Outcome | None = None

    @property
    def paths(self) -> list[str]:
        return [short(attempt.path) for attempt in self.attempts]

    @property
    def status(self) -> int | None:
        return getattr(self.outcome, "status", None)


class Middle:
    """Random numbers that are always 0.5: delays are half of the full length."""

    def random(self) -> float:
        return 0.5


class Top:
    """Random numbers that are nearly 1: delays are the full length, up to rounding."""

    def random(self) -> float:
        return 1.0 - 2**-53


def short(path: str) -> str:
    return path.removeprefix("config").replace(".targets[", ".").replace("]", "").strip(".")


def route(
    config: Mapping[str, Any],
    script: Script,
    *,
    facts: RequestFacts = CHAT,
    open_paths: Sequence[str] = (),
    picks: Mapping[str, int] | None = None,
    rng: Random | None = None,
    **options: Any,
) -> Followed:
    """Run a config against a script. The last line of a target's script is repeated."""
    root = Config.parse(config).root
    assert root is not None
    health = Health(frozenset(open_paths), picks or {})
    return follow(plan(root, facts, health, rng or random.Random(0), **options), script)


def follow(running: Plan, script: Script) -> Followed:
    followed = Followed()
    left = {path: _lines(lines) for path, lines in script.items()}
    now = 100.0
    try:
        attempt = next(running)
        while True:
            if attempt.skipped is not None:
                followed.skipped[short(attempt.path)] = attempt.skipped
                attempt = running.send(Skipped(now, attempt.skipped))
                continue
            followed.attempts.append(attempt)
            followed.waits.append(round(max(attempt.not_before - now, 0.0), 3))
            now = max(now, attempt.not_before) + SECONDS_A_SEND
            lines = left[short(attempt.path)]
            line = lines[0] if len(lines) == 1 else lines.pop(0)
            attempt = running.send(outcome_of(line, now))
    except StopIteration as end:
        followed.outcome = end.value
    return followed


def outcome_of(line: Line, at: float) -> Outcome:
    match line:
        case int() if 200 <= line < 300:
            return Answered(at, line)
        case int():
            return Failed(at, "status", line)
        case (status, seconds):
            return Failed(at, "status", status, seconds)
        case word:
            return _WORDS[word](at)


_WORDS: Mapping[str, Callable[[float], Outcome]] = {
    "cached": lambda at: Answered(at, cached=True),
    "commit": Committed,
    "cut": Interrupted,
    "skip": lambda at: Skipped(at, "a probe is on its way"),
    "reset": lambda at: Failed(at, "transport", 500),
    "refused": lambda at: Failed(at, "connect", 500),
    "connect timeout": lambda at: Failed(at, "connect", 503),
    "timeout": lambda at: Failed(at, "timeout", 408),
    "no json": lambda at: Failed(at, "body", 500),
}


def _lines(lines: Line | Sequence[Line]) -> list[Line]:
    return list(lines) if isinstance(lines, list) else [lines]  # type: ignore[list-item]
