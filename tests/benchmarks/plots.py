"""Plots the measurements. Both plots name the date, the machine and the versions."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from growth import CORE, LANGCHAIN, LLAMAINDEX
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from report import amount, peers_of, ratio

__all__ = ["draw_growth", "draw_peers"]

Results = Mapping[str, Any]
INK, FAINT = "#212529", "#6c757d"
NARROWEST, WIDEST = 0.005, 5
COLORS = {CORE: "#e8590c", LANGCHAIN: "#1971c2", LLAMAINDEX: "#7048e8"}
PALETTE = (
    "#1971c2", "#e8590c", "#2f9e44", "#868e96", "#7048e8", "#c2255c",
    "#0c8599", "#f08c00", "#343a40", "#66a80f", "#9c36b5", "#74c0fc",
)  # fmt: skip
STYLE = {
    "svg.fonttype": "none",  # text stays text: small files that can be searched
    "svg.hashsalt": "portkey-mistral",  # the same numbers give the same file
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}


def draw_peers(results: Results, path: Path) -> None:
    """Our cost as a share of each peer's, a row for each comparison; further left is better."""
    rows = [
        (comparison, ours)
        for comparison in results["peers"]
        for ours in comparison["ours"]
        if peers_of(comparison)
    ]
    with mpl.rc_context(STYLE):
        height = 1.9 + 0.3 * len(rows)
        figure = Figure(figsize=(10, height))
        panel = figure.add_axes((0.42, 1.05 / height, 0.55, 1 - 1.9 / height))
        names: dict[str, str] = {}
        for place, (comparison, ours) in enumerate(rows):
            _row(panel, place, comparison, ours, names)
        panel.axvline(1, color=INK, linewidth=1)
        panel.set_yticks(range(len(rows)), [_label(*row) for row in rows])
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.set_xscale("log")
        panel.set_xlim(NARROWEST, WIDEST)
        panel.xaxis.set_major_locator(FixedLocator([0.01, 0.03, 0.1, 0.3, 1, 3]))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}"))
        panel.set_xlabel("cost here, where the other costs 1 (further left is better)")
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color="#e9ecef")
        _title(figure, "Cost here beside other packages: CPU time, for embeddings elapsed time")
        _legend(panel, names)
        _save(figure, results, path)


def _label(comparison: Mapping[str, Any], ours: str) -> str:
    return comparison["name"] + (" (base64)" if "base64" in ours else "")


def _row(
    panel: Axes, place: int, comparison: Mapping[str, Any], ours: str, names: dict[str, str]
) -> None:
    """Draw a mark for each contender beside ours; `names` collects the colour of each."""
    for who in peers_of(comparison):
        color = names.setdefault(who, PALETTE[len(names) % len(PALETTE)])
        share = min(max(ratio(comparison, ours, who), NARROWEST), WIDEST)
        floor = who in comparison["floors"]
        panel.plot([share], [place], marker="|" if floor else "o", color=color, linestyle="")


def _legend(panel: Axes, names: Mapping[str, str]) -> None:
    handles = [
        Line2D([], [], color=color, marker="o", linestyle="", label=name)
        for name, color in names.items()
    ]
    panel.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=5, frameon=False, fontsize=7.5
    )  # fmt: skip


def draw_growth(results: Results, path: Path) -> None:
    """CPU time per unit against the number of units, a panel for each workload, its verdict below."""
    lines = results["growth"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 8.4))
        panels = figure.subplots(2, 4).flatten()
        figure.subplots_adjust(0.06, 0.19, 0.98, 0.9, wspace=0.34, hspace=0.78)
        for panel, line in zip(panels, lines, strict=False):
            _draw_line(panel, line)
        for panel in panels[len(lines) :]:
            panel.set_axis_off()
        panels[-1].legend(
            handles=[Line2D([], [], color=COLORS[way], marker="o", label=way) for way in COLORS],
            loc="center left", frameon=False, title="by way of", fontsize=10, alignment="left",
        )  # fmt: skip
        _title(figure, "How cost grows with number: a flat or falling line is good")
        _save(figure, results, path)


def _draw_line(panel: Axes, line: Mapping[str, Any]) -> None:
    values = line["values"]
    for at, (way, costs) in enumerate(values.items()):
        color = COLORS.get(way, PALETTE[at])
        panel.plot([int(size) for size in costs], list(costs.values()), color=color, marker="o")
        if way not in COLORS:
            size, value = list(costs.items())[-1]
            panel.annotate(way, (int(size), value), ha="right", va="bottom", color=color)
    sizes = sorted({int(size) for costs in values.values() for size in costs})
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title(line["name"], loc="left")
    panel.set_xlabel(line["axis"])
    panel.set_ylabel(f"{line['measure']} for each {line['unit']}")
    panel.xaxis.set_major_locator(FixedLocator(sizes))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    _scale_of_costs(panel, line, [cost for costs in values.values() for cost in costs.values()])
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
    panel.grid(axis="y", color="#e9ecef")
    told_below = "\n".join(textwrap.wrap(line["verdict"], 48))
    panel.text(
        0, -0.32, told_below, transform=panel.transAxes, va="top", fontsize=8.5, color=FAINT
    )  # fmt: skip


def _scale_of_costs(panel: Axes, line: Mapping[str, Any], costs: list[float]) -> None:
    """Whole decades, at least two of them, so that noise of a few percent looks small."""
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    high = max(high, low + 2)
    panel.set_ylim(10**low, 10**high)
    panel.yaxis.set_major_locator(FixedLocator([10.0**power for power in range(low, high + 1)]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: amount(line, cost)))


def _title(figure: Figure, title: str) -> None:
    figure.text(0.01, 0.985, title, va="top", fontsize=13, fontweight="bold")


def _save(figure: Figure, results: Results, path: Path) -> None:
    width = round(figure.get_figwidth() * 15)
    told_below = "\n".join(
        textwrap.wrap(f"{results['date']}, {results['machine']}", width, break_on_hyphens=False)
    )
    figure.text(0.01, 0.008, told_below, va="bottom", fontsize=7.5, color=FAINT)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
