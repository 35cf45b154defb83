"""Tells the results in words: on the terminal, and as the table of the README."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["comparison_lines", "goal", "growth_lines", "share", "table", "told", "within"]

Comparison = Mapping[str, Any]
BEGIN = "<!-- Written by `make bench`, from docs/benchmarks/results.json. -->"
END = "<!-- The end of what `make bench` writes. -->"
JOB = 100_000


def told(microseconds: float) -> str:
    """In the unit that fits: 3.4 µs, 12 ms, 1.2 s."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{_short(microseconds / size)} {unit}"
    return f"{_short(microseconds)} µs"


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 99.5 else f"{number:.2g}"


def cost(comparison: Comparison, who: str) -> str:
    """What one unit costs; of texts, also what a large job would take."""
    each = comparison["microseconds"][who]
    whole = f", {told(each * JOB)} for {JOB:,}" if comparison["unit"] == "text" else ""
    return told(each) + whole


def goal(ratio: Mapping[str, Any]) -> str:
    most = told(ratio["most"]) if ratio["absolute"] else f"{ratio['most']:.2f}"
    return f"≤ {most}, " + {True: "met", False: "not met", None: "no peer"}[ratio["met"]]


def share(ratio: Mapping[str, Any]) -> str:
    return "-" if ratio["ratio"] is None else f"{ratio['ratio']:.2f}"


def measured(comparison: Comparison) -> str:
    """The title of a comparison: what is done, and what is counted."""
    return f"{comparison['name']}: {comparison['clock']} time for each {comparison['unit']}"


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """What is printed of a comparison: everybody's cost, ours over theirs, and the goals."""
    yield measured(comparison)
    for who in comparison["microseconds"]:
        yield f"  {who:32} {cost(comparison, who)}"
    for ratio in comparison["ratios"]:
        over = f" / {ratio['peer']}" if ratio["peer"] else ""
        yield f"  {ratio['ours']}{over}: {share(ratio)} (goal: {goal(ratio)})"


def growth_lines(line: Mapping[str, Any]) -> Iterator[str]:
    yield f"{line['name']}: CPU time for each {line['unit']}"
    for way, costs in line["microseconds"].items():
        yield f"  {way:12} " + "   ".join(f"{int(n):,}: {told(us)}" for n, us in costs.items())
    yield f"  {line['verdict']}"


def table(results: Mapping[str, Any]) -> str:
    """The table of the README: a row for each goal."""
    rows = [
        (
            comparison["name"],
            f"`{ratio['ours']}` {cost(comparison, ratio['ours'])}",
            f"`{ratio['peer']}` {cost(comparison, ratio['peer'])}" if ratio["peer"] else "-",
            share(ratio),
            goal(ratio),
        )
        for comparison in results["peers"]
        for ratio in comparison["ratios"]
    ]
    head = ("", "here", "the other", "ratio", "goal"), ("---",) * 5
    lines = ("| " + " | ".join(row) + " |" for row in (*head, *rows))
    where = textwrap.wrap(
        f"Measured on {results['date']} with {results['machine']}:", 105, break_on_hyphens=False
    )
    return "\n".join((*where, "", *lines)).replace("|  |", "| |")


def within(readme: str, results: Mapping[str, Any]) -> str:
    """The README with the table of these results."""
    before, _, rest = readme.partition(BEGIN)
    _, marked, after = rest.partition(END)
    if not marked:
        raise ValueError(f"the README lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"
