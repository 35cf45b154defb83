"""Ours and their peers against the same fake server, in turn, in one process.

A peer that is not installed is left out; `make bench` installs all of them.
"""

from __future__ import annotations

import asyncio
import inspect
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from contenders import (
    CHAT_MISTRAL_AI,
    CHAT_OPENAI,
    CHAT_PORTKEY_MISTRAL,
    MISTRAL_AI,
    PORTKEY_MISTRAL,
    Contender,
)
from measuring import settled
from workloads import Target, Workload, workloads

__all__ = ["Comparison", "Ratio", "compare", "compare_all", "compare_imports", "ratio_of", "timed"]

CLOCKS = {"CPU": time.process_time, "wall": time.perf_counter}
IMPORTS = (
    (
        "Import over LangChain's own",
        "from langchain_core.language_models.chat_models import BaseChatModel",
        (CHAT_PORTKEY_MISTRAL, CHAT_MISTRAL_AI, CHAT_OPENAI),
    ),
    (
        "Import over LlamaIndex's own",
        "from llama_index.core.llms import CustomLLM",
        (PORTKEY_MISTRAL, MISTRAL_AI),
    ),
)
MOST_FOR_IMPORT = 300_000.0
ADDED = """
import time
{framework}
started = time.process_time()
{statement}
print(time.process_time() - started)
"""


@dataclass(frozen=True)
class Ratio:
    """What `ours` costs in units of `peer`, and what it may cost.

    `peer` is that of the target, or the cheapest one where the target is a time; then `most` is too.
    """

    ours: str
    peer: str | None
    ratio: float | None
    most: float
    absolute: bool
    met: bool | None


@dataclass(frozen=True)
class Comparison:
    name: str
    unit: str
    clock: str
    microseconds: dict[str, float]
    ratios: list[Ratio]


def compare_all(url: Callable[..., str], *, quick: bool = False) -> Iterator[Comparison]:
    for workload in workloads():
        yield compare(workload, url, rounds=2 if quick else workload.rounds)
    for name, framework, contenders in IMPORTS:
        yield compare_imports(name, framework, contenders, rounds=1 if quick else 5)


def compare(workload: Workload, url: Callable[..., str], *, rounds: int) -> Comparison:
    """Medians over rounds, in each of which everybody has a turn."""
    taken: dict[str, list[float]] = defaultdict(list)
    with asyncio.Runner() as runner, ExitStack() as closing:
        subjects = {
            who.name: workload.subject(who, url(**workload.server))
            for who in workload.contenders
            if who.installed
        }
        for subject in subjects.values():
            closing.callback(getattr(subject, "close", lambda: None))
        for name, subject in subjects.items():
            done, _ = timed(workload, subject, runner)  # and this warms up
            all_of_it = workload.units * workload.repeated
            assert done == all_of_it, f"{name}: {done} of {all_of_it} {workload.unit}s"
        # What is collected between two turns wipes the caches of whoever has the next one.
        with settled():
            for _ in range(rounds):
                for name, subject in subjects.items():
                    done, seconds = timed(workload, subject, runner)
                    taken[name].append(seconds / done * 1e6)
    return _comparison(workload.name, workload.unit, workload.clock, taken, workload.targets)


def timed(workload: Workload, subject: Any, runner: asyncio.Runner) -> tuple[int, float]:
    """Do a round of work; return its units and the seconds that they took, without those of a loop's start."""
    clock = CLOCKS[workload.clock]
    if inspect.iscoroutinefunction(workload.run):
        return runner.run(_timed_on_loop(workload.run, subject, workload.repeated, clock))
    started = clock()
    done = sum(workload.run(subject) for _ in range(workload.repeated))
    return done, clock() - started


async def _timed_on_loop(
    run: Callable[[Any], Awaitable[int]], subject: Any, times: int, clock: Callable[[], float]
) -> tuple[int, float]:
    started = clock()
    done = sum([await run(subject) for _ in range(times)])
    return done, clock() - started


def compare_imports(
    name: str, framework: str, contenders: Sequence[Contender], *, rounds: int
) -> Comparison:
    """What each adds to a process that has imported what every chat model of the framework needs."""
    there = [who for who in contenders if who.installed]
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds + 1):
        for who in there:
            code = ADDED.format(framework=framework, statement=who.statement)
            printed = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code])
            taken[who.name].append(float(printed) * 1e6)
    warm = {who: times[1:] for who, times in taken.items()}  # the first run wrote the .pyc files
    targets = [Target(who, MOST_FOR_IMPORT) for who in there if who.ours]
    return _comparison(name, "import", "CPU", warm, targets)


def _comparison(
    name: str,
    unit: str,
    clock: str,
    taken: Mapping[str, Sequence[float]],
    targets: Sequence[Target],
) -> Comparison:
    costs = {who: statistics.median(times) for who, times in taken.items()}
    ours = {target.ours.name for target in targets}
    ratios = [ratio_of(target, costs, set(costs) - ours) for target in targets]
    return Comparison(name, unit, clock, costs, ratios)


def ratio_of(target: Target, costs: Mapping[str, float], peers: set[str]) -> Ratio:
    cost = costs[target.ours.name]
    if target.peer is not None:
        peer = target.peer.name if target.peer.name in costs else None
    else:
        peer = min(peers, key=costs.__getitem__, default=None)
    ratio = cost / costs[peer] if peer is not None else None
    judged = cost if target.peer is None else ratio
    met = None if judged is None else judged <= target.most
    return Ratio(target.ours.name, peer, ratio, target.most, target.peer is None, met)
