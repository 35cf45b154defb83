"""Plays a config through with requests that are never sent: who gets the traffic, and what comes of it.

The plan that is followed is the very one that real calls follow, breakers included; only the targets, the
clock and the dice are made up. Nothing waits, and the same seed gives the same figures.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, TypeAlias

from portkey_mistral._engine.outcomes import (
    Answered,
    Attempt,
    Failed,
    Health,
    Outcome,
    RequestFacts,
    Skipped,
)
from portkey_mistral._engine.plan import plan
from portkey_mistral.config import Config, Node, Target
from portkey_mistral.config.checks import nearest
from portkey_mistral.config.svg import Figures, Flow, svg
from portkey_mistral.config.wording import title
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.state import MemoryState

__all__ = ["Behaviour", "Simulation", "TargetFigures", "simulate"]

Mishap: TypeAlias = int | Literal["reset", "refused", "timeout"]
"""An HTTP status; a connection reset or refused; or no answer until the time is up."""

Value: TypeAlias = str | float | bool

_LATENCY = 1.0  # seconds
_SPREAD = 0.3  # of the logarithm: nineteen answers of twenty take less than 1.64 times the latency
_PATIENCE = 120.0  # seconds; the default of `timeout`
_TRANSPORT_FAILURE, _TIMED_OUT = 500, 408


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a target behaves. `latency` is the median of its answers, in seconds; 1 where nobody says.

    `failures` gives the share of sends, from 0 to 1, that end in each mishap; a 429 asks to wait for
    `retry_after` seconds, if that is set. What fails takes as long as what is answered. What is said of a
    strategy holds for every target below it that says nothing else.
    """

    latency: float | None = None
    failures: Mapping[Mishap, float] = field(default_factory=dict)
    retry_after: float | None = None

    def __post_init__(self) -> None:
        total = sum(self.failures.values())
        if min(self.failures.values(), default=0) < 0 or total > 1 + 1e-9:
            raise ConfigurationError(
                f"The shares of failures are from 0 to 1 and no more than 1 in all, not {total:g}."
            )
        if self.latency is not None and not 0 <= self.latency < math.inf:
            raise ConfigurationError(f"A latency is in seconds and not negative: {self.latency}.")

    def over(self, general: Behaviour) -> Behaviour:
        """Return this behaviour, completed by what is said more generally."""
        return Behaviour(
            latency=general.latency if self.latency is None else self.latency,
            failures=self.failures or general.failures,
            retry_after=general.retry_after if self.retry_after is None else self.retry_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigures:
    """What one target got. `requests` came to it, of which it answered some; `sends` counts retries too.

    `share` is that of all requests. `median` and `slow` (the 95th percentile) are the seconds that a request
    spent at this target, its retries and their waits included; None where none came. `breaker_open` is the
    share of all requests that were made while its breaker was open; None for a target without one.
    """

    path: str
    title: str
    requests: int
    answered: int
    sends: int
    share: float
    median: float | None
    slow: float | None
    breaker_open: float | None

    @property
    def success_rate(self) -> float | None:
        """The share of the requests sent here that were answered here."""
        return self.answered / self.requests if self.requests else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What came of it. `median` and `slow` (the 95th percentile) are seconds that a caller waited."""

    config: Config
    requests: int
    answered: int
    sends: int
    median: float | None
    slow: float | None
    targets: tuple[TargetFigures, ...]
    shares: Mapping[str, float]
    """What share of the requests came through each node, by option path."""

    @property
    def success_rate(self) -> float:
        return self.answered / self.requests

    @property
    def summary(self) -> str:
        """The whole in one line."""
        return (
            f"{self.requests:,} requests simulated: {_percent(self.success_rate)} answered, "
            f"{self.sends / self.requests:.2f} sends each, "
            f"median {_seconds(self.median)}, 95th percentile {_seconds(self.slow)}"
        )

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Give a line of text for each target, under `HEADINGS`."""
        for target in self.targets:
            yield target.path, target.title, *_figures(target)

    def to_svg(self) -> str:
        """Draw the tree with what each target got. No key is in it."""
        flows = {path: Flow(share) for path, share in self.shares.items()}
        for target in self.targets:
            answered = target.answered / self.requests
            flows[target.path] = Flow(target.share, answered, _figures(target))
        return svg(_root(self.config), Figures(self.summary, HEADINGS[2:], flows))

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>"
            for row in self.rows()
        )
        return (
            f'<div style="overflow-x: auto">{self.to_svg()}'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def __str__(self) -> str:
        lines = [self.summary, *("  ".join(row) for row in self.rows())]
        return "\n".join(lines)


HEADINGS = ("target", "service", "traffic", "success", "sends", "median", "95 %", "breaker open")


def simulate(
    config: Config | Mapping[str, Any] | str,
    requests: int = 1000,
    *,
    targets: Mapping[str, Behaviour] | None = None,
    traffic: Mapping[str, Value | Mapping[Value, float]] | None = None,
    rate: float = 10.0,
    seed: int = 0,
) -> Simulation:
    """Route made-up chat requests by a config and count what comes of them; nothing is sent.

    `targets` says how targets behave, by option path or name; the name of a strategy stands for all below
    it, and what is not named answers everything in about a second. `traffic` says what conditions find in a
    request, as a value for all or with the share of each: `{"metadata.tier": {"paid": 0.2}}`. `rate` is in
    requests a second, which matters to breakers. Caches are left out: no two requests are the same.

    >>> route = {"strategy": {"mode": "fallback"}, "targets": [{"name": "a"}, {"name": "b"}]}
    >>> played = simulate(route, targets={"a": Behaviour(failures={429: 1.0})})
    >>> [target.success_rate for target in played.targets]
    [0.0, 1.0]

    Raises:
        ConfigurationError: the config is at fault or only a slug; a target or a field is not known.
    """
    if requests < 1 or not rate > 0:
        raise ConfigurationError("A simulation needs at least one request, and a rate above 0.")
    config = Config.parse(config)
    root = _root(config)
    world = _World(root, _by_path(config, targets or {}), traffic or {}, random.Random(seed))  # noqa: S311  repeatable, not secret
    told = world.play(requests, rate)
    return _counted(config, told)


# --- playing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    path: str
    at: float
    outcome: Outcome


@dataclass(slots=True)
class _Told:
    """One request: when it came, which breakers were open, every send, and how it ended.

    No outcome means that no target could take it.
    """

    came: float
    open: frozenset[str] = frozenset()
    sent: list[_Sent] = field(default_factory=list)
    outcome: Outcome | None = None


class _World:
    def __init__(
        self,
        root: Node,
        behaviours: Mapping[str, Behaviour],
        traffic: Mapping[str, Value | Mapping[Value, float]],
        dice: random.Random,
    ) -> None:
        self._root, self._behaviours, self._dice = root, behaviours, dice
        self._traffic = {_field(name): value for name, value in traffic.items()}
        self._now = 0.0
        self._breakers = MemoryState(clock=lambda: self._now)

    def play(self, requests: int, rate: float) -> list[_Told]:
        """Let all requests run side by side: whichever is next in time goes on."""
        told = [_Told(number / rate) for number in range(requests)]
        waiting = [(each.came, number, self._follow(each)) for number, each in enumerate(told)]
        while waiting:
            self._now, number, request = heapq.heappop(waiting)
            at = next(request, None)
            if at is not None:
                heapq.heappush(waiting, (at, number, request))
        return told

    def _follow(self, told: _Told) -> Generator[float]:
        """Follow the plan of one request; yields when it wants to go on."""
        try:
            told.open = self._breakers.open_targets([leaf.path for leaf in _leaves(self._root)])
            running = plan(self._root, self._facts(), Health(told.open), self._dice)
            attempt = next(running)
            while True:
                if attempt.not_before > self._now:
                    yield attempt.not_before
                started = self._now
                outcome = self._send(attempt)
                yield outcome.at
                if attempt.target.breaker is not None:
                    self._breakers.record(attempt.path, attempt.target.breaker, outcome)
                told.sent.append(_Sent(attempt.path, started, outcome))
                attempt = running.send(outcome)
        except StopIteration as end:
            told.outcome = end.value
        except InvalidRequestError:
            told.outcome = None

    def _send(self, attempt: Attempt) -> Outcome:
        target, now = attempt.target, self._now
        breaker = None if attempt.forced else target.breaker
        if breaker is not None and not self._breakers.admit(attempt.path, breaker, now):
            return Skipped(now, "its circuit breaker is open")
        behaviour = self._behaviours.get(attempt.path, Behaviour())
        latency = _LATENCY if behaviour.latency is None else behaviour.latency
        took = latency * math.exp(_SPREAD * self._dice.gauss())
        mishap = _drawn(behaviour.failures, self._dice.random())
        limit = target.request_timeout or _PATIENCE
        if mishap == "timeout" or took > limit:
            return _unanswered(now + limit, by_target=target.request_timeout is not None)
        return _outcome(mishap, now, now + took, behaviour.retry_after)

    def _facts(self) -> RequestFacts:
        found: dict[str, dict[str, Any]] = {"metadata": {}, "params": {}}
        for (subject, name), value in self._traffic.items():
            drawn = _drawn(value, self._dice.random()) if isinstance(value, Mapping) else value
            if drawn is not None:
                found[subject][name] = drawn
        return RequestFacts("chat", params=found["params"], metadata=found["metadata"])


def _unanswered(at: float, *, by_target: bool) -> Failed:
    """Only a limit that the config sets is a 408 to its rules; the caller's own is a lost connection."""
    if by_target:
        return Failed(at, "timeout", _TIMED_OUT)
    return Failed(at, "transport", _TRANSPORT_FAILURE)


def _outcome(mishap: Mishap | None, now: float, at: float, retry_after: float | None) -> Outcome:
    match mishap:
        case None:
            return Answered(at)
        case "refused":
            return Failed(now, "connect", _TRANSPORT_FAILURE)
        case int():
            return Failed(at, "status", mishap, retry_after)
        case _:
            return Failed(at, "transport", _TRANSPORT_FAILURE)


def _drawn(shares: Mapping[Any, float], roll: float) -> Any:
    """Return the key on whose share of 1 the roll falls; None beyond all of them."""
    for key, share in shares.items():
        if roll < share:
            return key
        roll -= share
    return None


# --- what was asked for ------------------------------------------------------------------------------


def _root(config: Config) -> Node:
    if config.root is None:
        raise ConfigurationError(
            f"The config {config.slug!r} is kept by Portkey, so its route cannot be seen from here. Copy "
            "its JSON from Portkey's app into a file."
        )
    return config.root


def _leaves(node: Node) -> Iterator[Target]:
    return (each for each in _nodes(node) if isinstance(each, Target))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if not isinstance(node, Target):
        for child in node.targets:
            yield from _nodes(child)


def _by_path(config: Config, behaviours: Mapping[str, Behaviour]) -> dict[str, Behaviour]:
    """Give every target its behaviour; what names it more closely wins."""
    nodes = list(_nodes(_root(config)))
    known = {name for node in nodes for name in (node.path, node.name) if name}
    for asked in behaviours:
        if asked not in known:
            near = nearest(asked, known)
            hint = f"; did you mean {near!r}?" if near else f". It has {', '.join(sorted(known))}."
            raise ConfigurationError(f"The config has no target {asked!r}{hint}")
    found: dict[str, Behaviour] = {}
    for node in nodes:  # a strategy comes before what is below it
        for said in filter(None, map(behaviours.get, (node.name or "", node.path))):
            for leaf in _leaves(node):
                found[leaf.path] = said.over(found.get(leaf.path, Behaviour()))
    return found


def _field(name: str) -> tuple[str, str]:
    subject, _, key = name.partition(".")
    if subject not in ("metadata", "params") or not key:
        raise ConfigurationError(
            f"Conditions look at 'metadata.<key>' and 'params.<key>', not at {name!r}."
        )
    return subject, key


# --- counting ----------------------------------------------------------------------------------------


def _counted(config: Config, told: Sequence[_Told]) -> Simulation:
    answered = [each for each in told if isinstance(each.outcome, Answered)]
    waits = sorted(each.sent[-1].outcome.at - each.came for each in told if each.sent)
    reached: defaultdict[str, set[int]] = defaultdict(set)
    by_target: defaultdict[str, dict[int, list[_Sent]]] = defaultdict(dict)
    for number, each in enumerate(told):
        for sent in each.sent:
            by_target[sent.path].setdefault(number, []).append(sent)
            if not isinstance(sent.outcome, Skipped):
                for path in _ancestors(sent.path):
                    reached[path].add(number)
    return Simulation(
        config=config,
        requests=len(told),
        answered=len(answered),
        sends=sum(_was_sent(sent) for each in told for sent in each.sent),
        median=_quantile(waits, 0.5),
        slow=_quantile(waits, 0.95),
        targets=tuple(
            _of_target(leaf, by_target[leaf.path].values(), told) for leaf in config.targets()
        ),
        shares={path: len(numbers) / len(told) for path, numbers in reached.items()},
    )


def _of_target(
    leaf: Target, visits: Iterable[Sequence[_Sent]], told: Sequence[_Told]
) -> TargetFigures:
    sent = ([each for each in visit if _was_sent(each)] for visit in visits)
    asked = [visit for visit in sent if visit]
    while_open = sum(leaf.path in each.open for each in told)
    waits = sorted(visit[-1].outcome.at - visit[0].at for visit in asked)
    return TargetFigures(
        path=leaf.path,
        title=title(leaf),
        requests=len(asked),
        answered=sum(isinstance(visit[-1].outcome, Answered) for visit in asked),
        sends=sum(map(len, asked)),
        share=len(asked) / len(told),
        median=_quantile(waits, 0.5),
        slow=_quantile(waits, 0.95),
        breaker_open=None if leaf.breaker is None else while_open / len(told),
    )


def _was_sent(sent: _Sent) -> bool:
    return not isinstance(sent.outcome, Skipped)


def _ancestors(path: str) -> Iterator[str]:
    """Give the option path and those of all strategies above it."""
    parts = path.split(".targets[")
    for end in range(1, len(parts) + 1):
        yield ".targets[".join(parts[:end])


def _quantile(ordered: Sequence[float], part: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def _figures(target: TargetFigures) -> tuple[str, ...]:
    return (
        _percent(target.share),
        _percent(target.success_rate),
        f"{target.sends:,}",
        _seconds(target.median),
        _seconds(target.slow),
        _percent(target.breaker_open),
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"
