"""Starts the fake server in its own process, and measures the cost of work."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["ENVIRONMENT", "certified", "cpu_seconds", "environment", "pin", "serving", "settled"]


# No peer uses the network, and no calls are traced.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "NO_PROXY": "*",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


def pin() -> int | None:
    """Pin this process to one core, and return another one for the server; None if there is none."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return None
    os.sched_setaffinity(0, cores[:1])
    return cores[1]


@contextmanager
def certified() -> Iterator[str]:
    """Trust an authority of our own through SSL_CERT_FILE, and return the path of its certificate for 127.0.0.1."""
    import trustme

    authority = trustme.CA()
    with TemporaryDirectory() as folder:
        trusted, certificate = Path(folder, "authority.pem"), Path(folder, "certificate.pem")
        authority.cert_pem.write_to_path(str(trusted))
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
        with environment({"SSL_CERT_FILE": str(trusted)}):
            yield str(certificate)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def serving(
    core: int | None = None, certificate: str | None = None
) -> Iterator[Callable[..., str]]:
    """Return a function that makes base URLs: `url(lat=50, n=500)`; they are https with a certificate."""
    script = str(Path(__file__).with_name("server.py"))
    scheme = "http" if certificate is None else "https"
    with subprocess.Popen(
        [sys.executable, script, "" if core is None else str(core), certificate or ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())

        def url(**options: int) -> str:
            segment = ",".join(f"{name}={value}" for name, value in options.items())
            return f"{scheme}://127.0.0.1:{port}/{segment + '/' if segment else ''}v1"

        try:
            yield url
        finally:
            server.stdin.close()


@contextmanager
def settled() -> Iterator[None]:
    """Exclude existing objects from garbage collection while the block runs."""
    is_frozen = gc.get_freeze_count() > 0
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if not is_frozen:
            gc.unfreeze()


def cpu_seconds(work: Callable[[], object], *, budget: float) -> float:
    """The median CPU time of as many runs as fit into this many seconds, after a warm-up run.

    Work that takes longer runs once, and that run counts.
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
