"""Isolates every test from the machine: from its environment variables, and from its load."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

FOREIGN = ("MISTRAL_", "PORTKEY_", "LANGCHAIN_", "LANGSMITH_", "OPENAI_")
PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")

HERE = Path(__file__).parent
# Folders whose tests mostly wait, for servers, processes and timeouts.
WAITING = {
    Path(name)
    for name in (
        "core/batch",
        "core/client",
        "core/embedding",
        "gateway",
        "gateway/proof",
        "transport",
    )
}

# Container images set it to stay small. Here it would make every process of a run compile its imports
# and rewrite its asserts again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile(
    # Neither a deadline nor a slow example is a finding on a busy machine.
    "default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
settings.register_profile("full", settings.get_profile("default"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start two workers for each processor: more than half of a run is waiting, for servers, processes and timeouts."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the frameworks' modules and thousands of tests out of every garbage collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files of folders that mostly wait among the others, so that no processor is idle."""
    files = {path: list(tests) for path, tests in groupby(items, lambda item: item.path)}
    waiting = [path for path in files if path.parent.relative_to(HERE) in WAITING]
    computing = [path for path in files if path not in waiting]
    waiting.reverse()  # the longest, of the transports, start first: a run waits for the last file alone
    position = {path: 0.8 * at / len(waiting) for at, path in enumerate(waiting)}
    position |= {path: at / len(computing) for at, path in enumerate(computing)}
    items[:] = [item for path in sorted(files, key=position.__getitem__) for item in files[path]]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the keys, URLs, proxies and tracing switches from the environment."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name.upper() in PROXIES:
            monkeypatch.delenv(name)


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """Multiply the time limit of a test by PYTEST_TIMEOUT_SCALE, by default the load per processor."""
    scaled = settings._replace(timeout=settings.timeout * timeout_scale())
    plugin = item.config.pluginmanager.get_plugin("timeout")
    return plugin.pytest_timeout_set_timer(item, scaled)


def timeout_scale() -> float:
    if chosen := os.environ.get("PYTEST_TIMEOUT_SCALE"):
        return float(chosen)
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
