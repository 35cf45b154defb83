"""Draws what was measured. Both pictures say when, on what machine and with which versions."""

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
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from report import goal, share, told

__all__ = ["draw_growth", "draw_peers", "goal_share"]

Results = Mapping[str, Any]
OURS, THEIRS, INK, FAINT, MISSED = "#e8590c", "#dee2e6", "#212529", "#6c757d", "#c92a2a"
WIDEST = 1.5
COLORS = {CORE: OURS, LANGCHAIN: "#1971c2", LLAMAINDEX: "#7048e8"}
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
    """Ours as a share of what the peer costs, a row for each goal; shorter is better."""
    rows = [
        (comparison, ratio)
        for comparison in results["peers"]
        for ratio in comparison["ratios"]
        if ratio["peer"] is not None
    ]
    with mpl.rc_context(STYLE):
        height = 1.9 + 0.33 * len(rows)
        figure = Figure(figsize=(10, height))
        panel = figure.add_axes((0.40, 1.05 / height, 0.36, 1 - 1.9 / height))
        for place, (comparison, ratio) in enumerate(rows):
            _bar(panel, place, ratio, goal_share(comparison, ratio))
        panel.set_yticks(range(len(rows)), [_label(*row) for row in rows])
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.set_xlim(0, WIDEST)
        panel.set_xlabel("what it costs here, where the other costs 1 (shorter is better)")
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        _title(figure, "Ours beside its peers: CPU time, for embeddings wall time")
        _legend(panel)
        _save(figure, results, path)


def goal_share(comparison: Mapping[str, Any], ratio: Mapping[str, Any]) -> float:
    """The goal in units of the peer's cost, also where the goal is a time."""
    most: float = ratio["most"]
    return most / comparison["microseconds"][ratio["peer"]] if ratio["absolute"] else most


def _label(comparison: Mapping[str, Any], ratio: Mapping[str, Any]) -> str:
    packed = " (base64)" if "base64" in ratio["ours"] else ""
    return f"{comparison['name']}{packed} / {ratio['peer']}"


def _bar(panel: Axes, place: int, ratio: Mapping[str, Any], most: float) -> None:
    panel.barh(place, 1, height=0.64, color=THEIRS)
    panel.barh(place, min(ratio["ratio"], WIDEST), height=0.36, color=OURS)
    if most <= WIDEST:
        panel.plot([most] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=2)
    panel.annotate(
        f"{share(ratio)}  (goal {goal(ratio)})",
        (1.02, place),
        xycoords=("axes fraction", "data"),
        va="center",
        color=INK if ratio["met"] else MISSED,
        annotation_clip=False,
    )


def _legend(panel: Axes) -> None:
    handles = [
        Patch(color=OURS, label="here"),
        Patch(color=THEIRS, label="the other"),
        Line2D([], [], color=INK, linewidth=2, label="goal, at most"),
    ]
    panel.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False
    )  # fmt: skip


def draw_growth(results: Results, path: Path) -> None:
    """CPU time a unit against the number of units, a panel for each line, its verdict below."""
    lines = results["growth"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 8.4))
        panels = figure.subplots(2, 3).flatten()
        figure.subplots_adjust(0.07, 0.19, 0.98, 0.9, wspace=0.28, hspace=0.78)
        for panel, line in zip(panels, lines, strict=False):
            _draw_line(panel, line)
        for panel in panels[len(lines) :]:
            panel.set_axis_off()
            panel.legend(
                handles=[Line2D([], [], color=COLORS[way], marker="o", label=way) for way in COLORS],
                loc="center left", frameon=False, title="by way of", fontsize=10, alignment="left",
            )  # fmt: skip
        _title(figure, "How cost grows with number: a flat or falling line is good")
        _save(figure, results, path)


def _draw_line(panel: Axes, line: Mapping[str, Any]) -> None:
    for way, costs in line["microseconds"].items():
        panel.plot(
            [int(size) for size in costs], list(costs.values()), color=COLORS[way], marker="o"
        )  # fmt: skip
    sizes = sorted({int(size) for costs in line["microseconds"].values() for size in costs})
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title(line["name"], loc="left")
    panel.set_xlabel(line["axis"])
    panel.set_ylabel(f"CPU time for each {line['unit']}")
    panel.xaxis.set_major_locator(FixedLocator(sizes))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    _scale_of_costs(
        panel, [cost for costs in line["microseconds"].values() for cost in costs.values()]
    )
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
    panel.grid(axis="y", color="#e9ecef")
    told_below = "\n".join(textwrap.wrap(line["verdict"], 52))
    panel.text(
        0, -0.32, told_below, transform=panel.transAxes, va="top", fontsize=8.5, color=FAINT
    )  # fmt: skip


def _scale_of_costs(panel: Axes, costs: list[float]) -> None:
    """Whole decades, at least two of them: noise of some percent looks like what it is."""
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    high = max(high, low + 2)
    panel.set_ylim(10**low, 10**high)
    panel.yaxis.set_major_locator(FixedLocator([10.0**power for power in range(low, high + 1)]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: told(cost)))


def _title(figure: Figure, title: str) -> None:
    figure.text(0.01, 0.985, title, va="top", fontsize=13, fontweight="bold")


def _save(figure: Figure, results: Results, path: Path) -> None:
    width = round(figure.get_figwidth() * 15)
    told_below = "\n".join(
        textwrap.wrap(f"{results['date']}, {results['machine']}", width, break_on_hyphens=False)
    )
    figure.text(0.01, 0.008, told_below, va="bottom", fontsize=7.5, color=FAINT)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
