"""Simulates a config: which targets get requests, and how many are answered. Nothing is sent.

Requests follow the same plan as real calls, circuit breakers included; the targets, the clock and the random numbers
are simulated. Nothing waits, and the same seed gives the same figures.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, TypeAlias

from portkey_mistral._routing.outcomes import (
    Answered,
    Attempt,
    Failed,
    Health,
    Outcome,
    RequestFacts,
    Skipped,
)
from portkey_mistral._routing.plan import plan
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.config.config import Config
from portkey_mistral.config.drawing.labels import title
from portkey_mistral.config.drawing.svg import Figures, Flow, svg
from portkey_mistral.config.values import Node, Target
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.state import MemoryState

__all__ = ["Behaviour", "Simulation", "TargetFigures", "simulate"]

Failure: TypeAlias = int | Literal["reset", "refused", "timeout"]
"""An HTTP status, a connection that is reset or refused, or no answer within the time limit."""

Value: TypeAlias = str | float | bool

_DEFAULT_LATENCY = 1.0  # seconds
_SPREAD = 0.3  # standard deviation of the logarithm: 95 % of the answers take less than 1.64 times the median
_TIMEOUT = 120.0  # seconds; the default of `timeout`
_TRANSPORT_FAILURE, _TIMED_OUT = 500, 408


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a target behaves; for a strategy, the default of every target below it.

    Attributes:
        latency: Median time of an answer in seconds; None is 1. A failure takes as long as an answer.
        failures: Share of the attempts, 0 to 1, that end in each kind of failure.
        retry_after: Retry-After of a 429, in seconds; None for no header.
    """

    latency: float | None = None
    failures: Mapping[Failure, float] = field(default_factory=dict)
    retry_after: float | None = None

    def __post_init__(self) -> None:
        total = sum(self.failures.values())
        if min(self.failures.values(), default=0) < 0 or total > 1 + 1e-9:
            raise ConfigurationError(
                f"The shares of failures must be between 0 and 1, and at most 1 in total, not {total:g}."
            )
        if self.latency is not None and not 0 <= self.latency < math.inf:
            raise ConfigurationError(f"latency must be 0 or more seconds, not {self.latency}.")

    def over(self, general: Behaviour) -> Behaviour:
        """Return this behaviour, with unset attributes from a more general one."""
        return Behaviour(
            latency=general.latency if self.latency is None else self.latency,
            failures=self.failures or general.failures,
            retry_after=general.retry_after if self.retry_after is None else self.retry_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigures:
    """The figures of one target.

    Attributes:
        path: Option path.
        title: Name of the target for display.
        requests: Number of requests that reached it.
        answered: Number of these that it answered.
        sends: Number of attempts, retries included.
        share: Share of all requests that reached it, 0 to 1.
        median: Median of the seconds that a request spent here, retries and their delays included; None without any.
        slow: 95th percentile of the same.
        breaker_open: Share of all requests that were made while its circuit breaker was open; None without one.
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
        """Share of the requests that reached it and were answered by it; None without any."""
        return self.answered / self.requests if self.requests else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """The result of a simulation. `median` and `slow` (95th percentile) are seconds until the caller had an answer."""

    config: Config
    requests: int
    answered: int
    sends: int
    median: float | None
    slow: float | None
    targets: tuple[TargetFigures, ...]
    shares: Mapping[str, float]
    """Share of the requests that passed each node, by option path."""

    @property
    def success_rate(self) -> float:
        return self.answered / self.requests

    @property
    def summary(self) -> str:
        """The result in one line."""
        return (
            f"{self.requests:,} requests simulated: {_percent(self.success_rate)} answered, "
            f"{self.sends / self.requests:.2f} sends each, "
            f"median {_seconds(self.median)}, 95th percentile {_seconds(self.slow)}"
        )

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield one row per target; the columns are `HEADINGS`."""
        for target in self.targets:
            yield target.path, target.title, *_figures(target)

    def to_svg(self) -> str:
        """Return the tree with the figures of each target as an SVG image, without keys."""
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
    """Route simulated chat requests by a config and return the figures; nothing is sent.

    Caches are ignored: no two requests are the same.

    Args:
        config: Portkey config.
        requests: Number of requests.
        targets: Behaviour by option path or name; the name of a strategy applies to all targets below it. Others
            answer every request in about a second.
        traffic: Values that conditions find in a request: one for all requests, or the share of each, as in
            `{"metadata.tier": {"paid": 0.2}}`.
        rate: Requests per second, on which circuit breakers depend.
        seed: Seed of the random numbers.

    Examples:
        >>> route = {"strategy": {"mode": "fallback"}, "targets": [{"name": "a"}, {"name": "b"}]}
        >>> result = simulate(route, targets={"a": Behaviour(failures={429: 1.0})})
        >>> [target.success_rate for target in result.targets]
        [0.0, 1.0]

    Raises:
        ConfigurationError: the config is invalid or only a slug, or a target or field is unknown.
    """
    if requests < 1 or not rate > 0:
        raise ConfigurationError("requests must be at least 1, and rate above 0.")
    config = Config.parse(config)
    root = _root(config)
    rng = random.Random(seed)  # noqa: S311  reproducible, not secret
    simulator = _Simulator(root, _behaviours(config, targets or {}), traffic or {}, rng)
    return _figures_of(config, simulator.run(requests, rate))


# --- simulating ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Attempt:
    path: str
    at: float
    outcome: Outcome


@dataclass(slots=True)
class _Request:
    """One request: when it started, which breakers were open, its attempts and its final outcome.

    Without an outcome, no target could serve it.
    """

    started: float
    open: frozenset[str] = frozenset()
    attempts: list[_Attempt] = field(default_factory=list)
    outcome: Outcome | None = None


class _Simulator:
    def __init__(
        self,
        root: Node,
        behaviours: Mapping[str, Behaviour],
        traffic: Mapping[str, Value | Mapping[Value, float]],
        rng: random.Random,
    ) -> None:
        self._root, self._behaviours, self._rng = root, behaviours, rng
        self._traffic = {_field(name): value for name, value in traffic.items()}
        self._now = 0.0
        self._breakers = MemoryState(clock=lambda: self._now)

    def run(self, count: int, rate: float) -> list[_Request]:
        """Run all requests concurrently, always continuing the one with the earliest next event."""
        requests = [_Request(number / rate) for number in range(count)]
        waiting = [
            (request.started, number, self._follow(request))
            for number, request in enumerate(requests)
        ]
        while waiting:
            self._now, number, events = heapq.heappop(waiting)
            at = next(events, None)
            if at is not None:
                heapq.heappush(waiting, (at, number, events))
        return requests

    def _follow(self, request: _Request) -> Generator[float]:
        """Follow the plan of one request; yields the time of its next event."""
        try:
            request.open = self._breakers.open_targets([leaf.path for leaf in _leaves(self._root)])
            running = plan(self._root, self._facts(), Health(request.open), self._rng)
            attempt = next(running)
            while True:
                if attempt.not_before > self._now:
                    yield attempt.not_before
                started = self._now
                outcome = self._send(attempt)
                yield outcome.at
                if attempt.target.breaker is not None:
                    self._breakers.record(attempt.path, attempt.target.breaker, outcome)
                request.attempts.append(_Attempt(attempt.path, started, outcome))
                attempt = running.send(outcome)
        except StopIteration as end:
            request.outcome = end.value
        except InvalidRequestError:
            request.outcome = None

    def _send(self, attempt: Attempt) -> Outcome:
        target, now = attempt.target, self._now
        if attempt.skipped is not None:
            return Skipped(now, attempt.skipped)
        breaker = None if attempt.forced else target.breaker
        if breaker is not None and not self._breakers.admit(attempt.path, breaker, now):
            return Skipped(now, "its circuit breaker is open")
        behaviour = self._behaviours.get(attempt.path, Behaviour())
        latency = _DEFAULT_LATENCY if behaviour.latency is None else behaviour.latency
        took = latency * math.exp(_SPREAD * self._rng.gauss())
        failure = _draw(behaviour.failures, self._rng.random())
        limit = target.request_timeout or _TIMEOUT
        if failure == "timeout" or took > limit:
            return _timed_out(now + limit, by_config=target.request_timeout is not None)
        return _outcome(failure, now, now + took, behaviour.retry_after)

    def _facts(self) -> RequestFacts:
        found: dict[str, dict[str, Any]] = {"metadata": {}, "params": {}}
        for (subject, name), value in self._traffic.items():
            drawn = _draw(value, self._rng.random()) if isinstance(value, Mapping) else value
            if drawn is not None:
                found[subject][name] = drawn
        return RequestFacts("chat", params=found["params"], metadata=found["metadata"])


def _timed_out(at: float, *, by_config: bool) -> Failed:
    """Only the config's own `request_timeout` is a 408; the caller's `timeout` is a transport failure."""
    if by_config:
        return Failed(at, "timeout", _TIMED_OUT)
    return Failed(at, "transport", _TRANSPORT_FAILURE)


def _outcome(failure: Failure | None, now: float, at: float, retry_after: float | None) -> Outcome:
    match failure:
        case None:
            return Answered(at)
        case "refused":
            return Failed(now, "connect", _TRANSPORT_FAILURE)
        case int():
            return Failed(at, "status", failure, retry_after)
        case _:
            return Failed(at, "transport", _TRANSPORT_FAILURE)


def _draw(shares: Mapping[Any, float], number: float) -> Any:
    """Return the key whose share of the interval 0 to 1 contains the number; None beyond all shares."""
    for key, share in shares.items():
        if number < share:
            return key
        number -= share
    return None


# --- arguments -------------------------------------------------------------------------------------


def _root(config: Config) -> Node:
    if config.root is None:
        raise ConfigurationError(
            f"The config {config.slug!r} is stored at Portkey, so its route is not known here. Copy "
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


def _behaviours(config: Config, behaviours: Mapping[str, Behaviour]) -> dict[str, Behaviour]:
    """Return the behaviour of every target by option path; that of a lower node takes precedence."""
    nodes = list(_nodes(_root(config)))
    known = {name for node in nodes for name in (node.path, node.name) if name}
    for name in behaviours:
        if name not in known:
            hint = did_you_mean(name, known, otherwise=f"it has {', '.join(sorted(known))}.")
            raise ConfigurationError(f"The config has no target {name!r}; {hint}")
    found: dict[str, Behaviour] = {}
    for node in nodes:  # a strategy comes before the targets below it
        for behaviour in filter(None, map(behaviours.get, (node.name or "", node.path))):
            for leaf in _leaves(node):
                found[leaf.path] = behaviour.over(found.get(leaf.path, Behaviour()))
    return found


def _field(name: str) -> tuple[str, str]:
    subject, _, key = name.partition(".")
    if subject not in ("metadata", "params") or not key:
        raise ConfigurationError(
            f"Conditions test 'metadata.<key>' and 'params.<key>', not {name!r}."
        )
    return subject, key


# --- counting ----------------------------------------------------------------------------------------


def _figures_of(config: Config, requests: Sequence[_Request]) -> Simulation:
    durations = sorted(
        request.attempts[-1].outcome.at - request.started
        for request in requests
        if request.attempts
    )
    reached: defaultdict[str, set[int]] = defaultdict(set)
    by_target: defaultdict[str, dict[int, list[_Attempt]]] = defaultdict(dict)
    for number, request in enumerate(requests):
        for attempt in filter(_was_sent, request.attempts):
            by_target[attempt.path].setdefault(number, []).append(attempt)
            for path in _ancestors(attempt.path):
                reached[path].add(number)
    return Simulation(
        config=config,
        requests=len(requests),
        answered=sum(isinstance(request.outcome, Answered) for request in requests),
        sends=sum(_was_sent(attempt) for request in requests for attempt in request.attempts),
        median=_quantile(durations, 0.5),
        slow=_quantile(durations, 0.95),
        targets=tuple(
            _target_figures(leaf, list(by_target[leaf.path].values()), requests)
            for leaf in config.targets()
        ),
        shares={path: len(numbers) / len(requests) for path, numbers in reached.items()},
    )


def _target_figures(
    leaf: Target, visits: Sequence[Sequence[_Attempt]], requests: Sequence[_Request]
) -> TargetFigures:
    """Return the figures of a target; `visits` are the attempts of each request that reached it."""
    while_open = sum(leaf.path in request.open for request in requests)
    durations = sorted(visit[-1].outcome.at - visit[0].at for visit in visits)
    return TargetFigures(
        path=leaf.path,
        title=title(leaf),
        requests=len(visits),
        answered=sum(isinstance(visit[-1].outcome, Answered) for visit in visits),
        sends=sum(map(len, visits)),
        share=len(visits) / len(requests),
        median=_quantile(durations, 0.5),
        slow=_quantile(durations, 0.95),
        breaker_open=None if leaf.breaker is None else while_open / len(requests),
    )


def _was_sent(attempt: _Attempt) -> bool:
    return not isinstance(attempt.outcome, Skipped)


def _ancestors(path: str) -> Iterator[str]:
    """Yield the option path and those of all strategies above it."""
    parts = path.split(".targets[")
    for end in range(1, len(parts) + 1):
        yield ".targets[".join(parts[:end])


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


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
