"""`make bench`: measures, prints, draws the pictures of the README and writes its table.

With --quick, few rounds; with --redraw, from the results of the last time.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import growth
import peers
import report
from measuring import pin, serving

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "benchmarks"
README = ROOT / "README.md"
PACKAGES = (
    "httpx",
    "langchain-core",
    "langchain-mistralai",
    "langchain-openai",
    "llama-index-core",
    "llama-index-llms-mistralai",
)
# No peer asks the network for anything, and nobody's calls are traced.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "NO_PROXY": "*",
}


def machine() -> str:
    """Where and with what it was measured; stands on every picture."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name)))
    return (
        f"portkey-mistral {installed('portkey-mistral')}, Python {platform.python_version()}, "
        f"{processor()}, {os.cpu_count()} cores; {packages}"
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def measure(*, quick: bool) -> dict[str, Any]:
    """Everything, printed as it comes."""
    told = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "machine": machine()}
    print(told["machine"], end="\n\n", flush=True)
    allow_many_connections()
    with serving(pin()) as url:
        compared = [
            shown(each, report.comparison_lines) for each in peers.compare_all(url, quick=quick)
        ]
        budget = 0.1 if quick else 0.5
        grown = [shown(line, report.growth_lines) for line in growth.grow(url, budget=budget)]
    return {**told, "peers": compared, "growth": grown}


def shown(result: Any, lines: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The result as it stands in the file, which keeps four digits."""
    plain = json.loads(
        json.dumps(asdict(result)), parse_float=lambda text: float(f"{float(text):.4g}")
    )
    print(*lines(plain), sep="\n", end="\n\n", flush=True)
    return plain


def allow_many_connections() -> None:
    """A thousand calls at the same time hold a thousand files, here and in the server."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def publish(results: dict[str, Any]) -> None:
    """Draw the pictures, and write the table of the README."""
    import plots

    plots.draw_peers(results, OUT / "peers.svg")
    plots.draw_growth(results, OUT / "growth.svg")
    readme = README.read_text(encoding="utf-8")
    README.write_text(report.within(readme, results), encoding="utf-8")


def main() -> None:
    os.environ.update(ENVIRONMENT)
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "results.json"
    if "--redraw" not in sys.argv:
        results = measure(quick="--quick" in sys.argv)
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    publish(json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
