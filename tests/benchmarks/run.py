"""`make bench`: measures, prints, draws the plots of the README and writes its table.

A run takes about a quarter of an hour; with --quick it takes less than three minutes, and publishes nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import growth
import peers
import report
from contenders import CHAT_LITELLM
from measuring import ENVIRONMENT, certified, pin, serving
from workloads import Sizes, Workload, workloads

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "benchmarks"
README = ROOT / "README.md"
PACKAGES = (
    "urllib3",
    "aiohttp",
    "httpx",
    "langchain-core",
    "langchain-mistralai",
    "langchain-openai",
    "langchain-litellm",
    "llama-index-core",
    "llama-index-llms-mistralai",
    "llama-index-llms-openai-like",
    "mistralai",
    "openai",
)
# A fraction of the work, which shows that every row works; figures of it mean little.
QUICK = Sizes(
    chunks=100, paced=40, calls=50, threads=20, texts=2_000, json_bytes=4_000, histories=(20, 100), tools=(10,)
)  # fmt: skip
OVER_TLS = (
    "LangChain invoke, one call a turn",
    "LangChain invoke",
    "LangChain stream",
    "LlamaIndex chat",
    "Chat without a framework",
)


def machine() -> str:
    """The machine and the versions of a measurement, shown on every plot."""
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


def measure(*, quick: bool, only: str = "") -> dict[str, Any]:
    """Run everything, and print each result at once. `only` selects rows by a part of their names."""
    header = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "machine": machine()}
    print(header["machine"], end="\n\n", flush=True)
    allow_many_connections()
    core = pin()
    compared = [
        shown(each, report.comparison_lines) for each in comparisons(core, quick=quick, only=only)
    ]
    with serving(core) as url:
        budget = 0.05 if quick else 0.5
        lines = () if only else growth.grow(url, budget=budget)
        grown = [shown(line, report.growth_lines) for line in lines]
    return {**header, "peers": compared, "growth": grown}


def comparisons(core: int | None, *, quick: bool, only: str) -> Iterator[peers.Comparison]:
    """Every row: over HTTP, some over TLS, in fresh processes, and through a gateway."""
    table = workloads(QUICK if quick else Sizes())
    with serving(core) as url:
        for workload in selected(table, only):
            yield peers.compare(workload, url, rounds=1 if quick else workload.rounds)
        for name, call, contenders in peers.FRESH:
            if only.lower() in name.lower():
                yield peers.compare_fresh(name, call, contenders, url, rounds=1 if quick else 6)
        if only.lower() in peers.HOP.lower():
            yield from through_gateway(url, rounds=20 if quick else 300)
    with certified() as certificate, serving(core, certificate) as url:
        for workload in selected([each for each in table if each.name in OVER_TLS], only):
            # LiteLLM keeps the authorities that it found at its first call, over HTTP too.
            there = tuple(who for who in workload.contenders if who is not CHAT_LITELLM)
            over_tls = replace(workload, name=f"{workload.name}, over TLS", contenders=there)
            yield peers.compare(over_tls, url, rounds=1 if quick else workload.rounds)


def selected(table: Sequence[Workload], only: str) -> list[Workload]:
    return [each for each in table if only.lower() in each.name.lower()]


def through_gateway(url: Callable[..., str], *, rounds: int) -> Iterator[peers.Comparison]:
    """The row of the gateway's hop, where Node.js can run the open-source gateway."""
    from portkey_mistral.sandbox.portkey import gateway

    try:
        with gateway.running() as gateway_url:
            yield peers.compare_hop(url, gateway_url, rounds=rounds)
    except (OSError, RuntimeError) as error:
        print(f"{peers.HOP}: left out, the gateway does not start: {error}\n", flush=True)


def shown(result: Any, lines: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The result as stored in the file, which keeps four digits."""
    plain = json.loads(
        json.dumps(asdict(result)), parse_float=lambda text: float(f"{float(text):.4g}")
    )
    print(*lines(plain), sep="\n", end="\n\n", flush=True)
    return plain


def allow_many_connections() -> None:
    """A thousand concurrent calls need a thousand file descriptors, here and in the server."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def publish(results: dict[str, Any]) -> None:
    """Draw the plots, and write the table of the README."""
    import plots

    plots.draw_peers(results, OUT / "peers.svg")
    plots.draw_growth(results, OUT / "growth.svg")
    readme = README.read_text(encoding="utf-8")
    README.write_text(report.within(readme, results), encoding="utf-8")


def main() -> None:
    os.environ.update(ENVIRONMENT)
    OUT.mkdir(parents=True, exist_ok=True)
    file = OUT / "results.json"
    arguments = parser().parse_args()
    if not arguments.redraw:
        results = measure(quick=arguments.quick, only=arguments.only)
        if arguments.quick or arguments.only:
            return
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    publish(json.loads(file.read_text(encoding="utf-8")))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Compare the cost of this package with its peers.")
    made.add_argument(
        "--quick", action="store_true", help="few rounds, small sizes; publish nothing"
    )
    made.add_argument(
        "--only", default="", metavar="TEXT", help="rows with this in their name; publish nothing"
    )
    made.add_argument(
        "--redraw", action="store_true", help="only draw and write, from the last results"
    )
    return made


if __name__ == "__main__":
    main()
