"""Starts the fake server in a process of its own, and tells what work costs."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cpu_seconds", "pin", "serving", "settled"]


def pin() -> int | None:
    """Keep this process on one core, and name another one for the server; None where there is none."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return None
    os.sched_setaffinity(0, cores[:1])
    return cores[1]


@contextmanager
def serving(core: int | None = None) -> Iterator[Callable[..., str]]:
    """Give a function that makes base URLs: `url(lat=50, n=500)`."""
    script = str(Path(__file__).with_name("server.py"))
    with subprocess.Popen(
        [sys.executable, script, *([] if core is None else [str(core)])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())

        def url(**options: int) -> str:
            told = ",".join(f"{name}={value}" for name, value in options.items())
            return f"http://127.0.0.1:{port}/{told + '/' if told else ''}v1"

        try:
            yield url
        finally:
            server.stdin.close()


@contextmanager
def settled() -> Iterator[None]:
    """While the block runs, what was there before it is not looked through by the garbage collector."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def cpu_seconds(work: Callable[[], object], *, budget: float) -> float:
    """The median CPU time of as many runs as fit into so many seconds, after one for warming up.

    Work that takes longer than that runs once, and that counts.
    """
    with settled():
        ends = time.perf_counter() + budget
        warm_up, runs = _cpu_seconds(work), []
        while time.perf_counter() < ends:
            runs.append(_cpu_seconds(work))
        return statistics.median(runs or [warm_up])


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
