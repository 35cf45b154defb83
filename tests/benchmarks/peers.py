"""Ours and their peers against the same fake server, in turn, in one process.

A peer that is not installed is left out; `make bench` installs all of them.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import (
    CHAT_MISTRAL_AI,
    CHAT_OPENAI,
    CHAT_PORTKEY_MISTRAL,
    LANGCHAIN_FLOOR,
    LLAMAINDEX_FLOOR,
    MISTRAL_AI,
    PORTKEY_MISTRAL,
    Contender,
)
from measuring import environment, settled
from workloads import Workload

__all__ = ["FRESH", "HOP", "Comparison", "compare", "compare_fresh", "compare_hop", "timed"]

HOP = "The hop to a gateway"
CLOCKS = {"CPU": time.process_time, "wall": time.perf_counter}


@dataclass(frozen=True)
class Comparison:
    """Microseconds a unit, by contender. `ours` and `floors` name those that are no peers; `taken` says how."""

    name: str
    unit: str
    clock: str
    taken: str
    microseconds: dict[str, float]
    ours: list[str]
    floors: list[str]


def compare(workload: Workload, url: Callable[..., str], *, rounds: int) -> Comparison:
    """Medians over rounds, in each of which everybody has a turn.

    The order is drawn for each round: a call costs more after the turn of somebody who fills the caches with other code.
    """
    drawn = random.Random(0)
    with environment(workload.environment), asyncio.Runner() as runner, ExitStack() as closing:
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
        taken: dict[str, list[float]] = {name: [] for name in subjects}
        # What is collected between two turns wipes the caches of whoever has the next one.
        with settled():
            for _ in range(rounds):
                for name, subject in drawn.sample([*subjects.items()], len(subjects)):
                    if workload.is_warm:  # the turn of another one has wiped the caches
                        timed(workload, subject, runner)
                    done, seconds = timed(workload, subject, runner)
                    taken[name].append(seconds / done * 1e6)
    return _comparison(
        workload.name, workload.unit, workload.clock, workload.taken, taken, workload.contenders
    )


def timed(workload: Workload, subject: Any, runner: asyncio.Runner) -> tuple[int, float]:
    """Do a round of work; return its units and the seconds that they took, without those of a loop's start."""
    clock = CLOCKS[workload.clock]
    run = getattr(workload.run, "func", workload.run)
    if inspect.iscoroutinefunction(run):
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


# --- a fresh process ------------------------------------------------------------------------------

FRESH = (
    (
        "Fresh process to first answer, LangChain",
        "invoke('hi')",
        (CHAT_PORTKEY_MISTRAL, CHAT_MISTRAL_AI, CHAT_OPENAI, LANGCHAIN_FLOOR),
    ),
    (
        "Fresh process to first answer, LlamaIndex",
        "complete('hi')",
        (PORTKEY_MISTRAL, MISTRAL_AI, LLAMAINDEX_FLOOR),
    ),
)
_SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
import contenders
contenders.{maker}({url!r}).{call}
print(time.process_time())
"""


def compare_fresh(
    name: str, call: str, contenders: Sequence[Contender], url: Callable[..., str], *, rounds: int
) -> Comparison:
    """The cost of a new process from its start to its first answer.

    The first round writes .pyc files, and does not count unless it is the only one.
    """
    there = [who for who in contenders if who.installed]
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for who in there:
            code = _SCRIPT.format(
                folder=str(Path(__file__).parent), maker=who.make.__name__, url=url(), call=call
            )
            printed = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code])
            taken[who.name].append(float(printed.split()[-1]) * 1e6)
    warm = {who: times[1:] or times for who, times in taken.items()}
    how = "interpreter, imports, object and call"
    return _comparison(name, "process", "CPU", how, warm, there)


# --- the hop to a gateway -------------------------------------------------------------------------


def compare_hop(url: Callable[..., str], gateway: str, *, rounds: int) -> Comparison:
    """The elapsed time of a call that is routed in this process, and through the open-source gateway."""
    from portkey_mistral import ChatRequest, Client, Message

    config = {"provider": "mistral-ai", "api_key": "k", "custom_host": url()}
    clients = {
        "Client, direct": Client(portkey_config=config),
        "Client, through a gateway": Client(portkey_config=config, gateway_url=gateway),
    }
    request = ChatRequest(model="mistral-small-latest", messages=[Message.user("hi")])
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 3):
        for name, client in clients.items():
            started = time.perf_counter()
            assert client.chat(request).text
            if number >= 3:  # connections are open, and the gateway's code is compiled
                taken[name].append((time.perf_counter() - started) * 1e6)
    costs = {who: statistics.median(times) for who, times in taken.items()}
    return Comparison(
        HOP, "call", "wall", "the gateway on this machine, no latency", costs,
        ["Client, direct"], [],
    )  # fmt: skip


def _comparison(
    name: str,
    unit: str,
    clock: str,
    how: str,
    taken: Mapping[str, Sequence[float]],
    contenders: Sequence[Contender],
) -> Comparison:
    costs = {who: statistics.median(times) for who, times in taken.items()}
    ours, floors = (
        [who.name for who in contenders if who.kind == kind and who.name in costs]
        for kind in ("ours", "floor")
    )
    return Comparison(name, unit, clock, how, costs, ours, floors)
