"""Writes the results in words: on the terminal, and as the tables of the README."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "amount",
    "comparison_lines",
    "duration",
    "growth_lines",
    "peers_of",
    "ratio",
    "table",
    "within",
]

Comparison = Mapping[str, Any]
BEGIN = "<!-- Written by `make bench`, from docs/benchmarks/results.json. -->"
END = "<!-- The end of what `make bench` writes. -->"


def duration(microseconds: float) -> str:
    """In the unit that fits: 3.4 µs, 12 ms, 1.2 s."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{_short(microseconds / size)} {unit}"
    return f"{_short(microseconds)} µs"


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 99.5 else f"{number:.2g}"


def peers_of(comparison: Comparison) -> list[str]:
    """The contenders that are not ours, floors last."""
    others = [who for who in comparison["microseconds"] if who not in comparison["ours"]]
    return sorted(others, key=lambda who: who in comparison["floors"])


def ratio(comparison: Comparison, ours: str, other: str) -> float:
    """What ours costs where the other costs 1."""
    costs: Mapping[str, float] = comparison["microseconds"]
    return costs[ours] / costs[other]


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """What is printed of a comparison: everybody's cost, and ours over each."""
    name, clock, unit = (comparison[key] for key in ("name", "clock", "unit"))
    yield f"{name}: {clock} time for each {unit} ({comparison['taken']})"
    for who, cost in comparison["microseconds"].items():
        over = [f"{ratio(comparison, ours, who):.2f}" for ours in comparison["ours"] if ours != who]
        shown = f"   ours / it: {', '.join(over)}" if who not in comparison["ours"] else ""
        yield f"  {who:32} {duration(cost):>8}{shown}"


def growth_lines(line: Mapping[str, Any]) -> Iterator[str]:
    yield f"{line['name']}: {line['measure']} for each {line['unit']}"
    for way, costs in line["values"].items():
        shown = "   ".join(f"{int(n):,}: {amount(line, value)}" for n, value in costs.items())
        yield f"  {way:12} {shown}"
    yield f"  {line['verdict']}"


def amount(line: Mapping[str, Any], value: float) -> str:
    return duration(value) if line["measure"] == "CPU time" else f"{value:.0f} MB"


def table(results: Mapping[str, Any]) -> str:
    """The table of the README: a row for each of ours in each comparison."""
    rows = [
        (
            comparison["name"],
            f"{_named(ours, comparison)}{duration(comparison['microseconds'][ours])}",
            ", ".join(
                f"{who} {duration(comparison['microseconds'][who])} (**{ratio(comparison, ours, who):.2f}**)"
                for who in peers_of(comparison)
            )
            or "-",
            comparison["taken"],
        )
        for comparison in results["peers"]
        for ours in comparison["ours"]
    ]
    head = ("", "here", "others (**here / other**)", "how it is taken"), ("---",) * 4
    lines = ("| " + " | ".join(row) + " |" for row in (*head, *rows))
    where = textwrap.wrap(
        f"Measured on {results['date']} with {results['machine']}:", 105, break_on_hyphens=False
    )
    return "\n".join((*where, "", *lines)).replace("|  |", "| |")


def _named(ours: str, comparison: Comparison) -> str:
    """The name of ours, where a comparison has several."""
    return f"{ours} " if len(comparison["ours"]) > 1 else ""


def within(readme: str, results: Mapping[str, Any]) -> str:
    """The README with the table of these results."""
    before, _, rest = readme.partition(BEGIN)
    _, marked, after = rest.partition(END)
    if not marked:
        raise ValueError(f"the README lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"
