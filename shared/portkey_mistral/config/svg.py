"""Draws the tree of a config as an SVG picture, with the figures of its targets where there are some.

Keys never enter a drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from portkey_mistral.config.layout import (
    FACT_SIZE,
    LINE,
    PAD,
    TITLE_SIZE,
    Placed,
    lay_out,
    shortened,
    width_of,
)
from portkey_mistral.config.values import Node, Target
from portkey_mistral.config.wording import facts, title

__all__ = ["Figures", "Flow", "slug_svg", "svg"]

_MARGIN = 20.0
_BAR, _BAR_GAP = 120.0, 28.0
_COLUMN_GAP = 22.0
_THINNEST, _THICKEST = 1.4, 9.0
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_INK, _GREY, _RULE, _PAPER = "#1e293b", "#64748b", "#e2e8f0", "#ffffff"
_GOOD, _BAD = "#16a34a", "#dc2626"
# Fill, border: strategies, Mistral's targets, all others.
_STRATEGY = ("#eef2ff", "#818cf8")
_MISTRAL = ("#fff4ec", "#fb923c")
_OTHER = ("#f1f5f9", "#94a3b8")


@dataclass(frozen=True, slots=True)
class Flow:
    """What went through a node: shares of all requests, from 0 to 1; a text for each column of figures."""

    share: float
    answered: float = 0.0
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """`flows` is by option path; `columns` are the headings of the figures beside the targets."""

    caption: str
    columns: tuple[str, ...]
    flows: Mapping[str, Flow] = field(default_factory=dict)


def svg(root: Node, figures: Figures | None = None) -> str:
    """Return the picture as one element; it can stand in a page or in a file of its own."""
    tree = lay_out(root, top=54.0 if figures else 0.0)
    nodes = list(tree.walk())
    flows = figures.flows if figures else {}
    parts = [*_edges(nodes, flows), *map(_box, nodes)]
    right = max(node.right for node in nodes)
    if figures is not None:
        table, end = _table(nodes, figures, right + _BAR_GAP)
        parts += table
        right = max(end, 1.2 * width_of(figures.caption, TITLE_SIZE + 1))
    bottom = max(node.middle + node.height / 2 for node in nodes)
    return _page(parts, right, bottom, label=figures.caption if figures else "Route of requests")


def slug_svg(slug: str) -> str:
    """Return a picture of a config that only Portkey knows."""
    text = f"{slug} (kept by Portkey)"
    width = width_of(text, TITLE_SIZE) + 2 * PAD
    box = _rectangle(0, 0, width, LINE + PAD, _STRATEGY) + _text(
        PAD, LINE, text, size=TITLE_SIZE, weight=600
    )
    return _page([box], width, LINE + PAD, label=text)


def _page(parts: Sequence[str], right: float, bottom: float, *, label: str) -> str:
    width, height = right + 2 * _MARGIN, bottom + 2 * _MARGIN
    box = f"{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="{box}" font-family="{_FONT}" fill="{_INK}">'
        f"<title>{escape(label)}</title>"
        # A ground of its own keeps the picture readable on a dark page.
        f'<rect x="{-_MARGIN:.0f}" y="{-_MARGIN:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'rx="10" fill="{_PAPER}"/>' + "".join(parts) + "</svg>"
    )


def _edges(nodes: Sequence[Placed], flows: Mapping[str, Flow]) -> Iterator[str]:
    for parent in nodes:
        for child in parent.children:
            yield _edge(parent, child, flows.get(child.node.path) if flows else None)
    for node in nodes:
        if node.why:
            yield _edge_words(node)


def _edge(parent: Placed, child: Placed, flow: Flow | None) -> str:
    x1, y1, x2, y2 = parent.right, parent.middle, child.x, child.middle
    bend = min((x2 - x1) / 2, 40.0)
    width = _THINNEST if flow is None else _THINNEST + (_THICKEST - _THINNEST) * flow.share
    never = child.why in ("never", "0 %")
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x1 + bend / 2:.1f} {y2:.1f} '
        f'{x1 + 1.5 * bend:.1f} {y2:.1f}L{x2:.1f} {y2:.1f}" fill="none" stroke="#a5b4fc" '
        f'stroke-width="{width:.1f}"{_DASHES if never else ""}/>'
    )


_DASHES = ' stroke-dasharray="3 4"'


def _edge_words(node: Placed) -> str:
    words = shortened(node.why)
    width = width_of(words, FACT_SIZE)
    x, y = node.x - 12 - width, node.middle
    return (
        f'<rect x="{x - 5:.1f}" y="{y - 9:.1f}" width="{width + 10:.1f}" height="18" rx="9" '
        f'fill="{_PAPER}" stroke="{_RULE}"/>'
        + _text(x + width / 2, y + 4, words, size=FACT_SIZE, fill="#4338ca", anchor="middle")
    )


def _box(placed: Placed) -> str:
    top = placed.middle - placed.height / 2
    first, *others = placed.lines
    words = [_text(placed.x + PAD, top + LINE + 2, first, size=TITLE_SIZE, weight=600)]
    words += [
        _text(placed.x + PAD, top + LINE * (row + 2) + 1, line, size=FACT_SIZE, fill=_GREY)
        for row, line in enumerate(others)
    ]
    said = (placed.node.path, placed.why, title(placed.node), *facts(placed.node))
    tip = " · ".join(filter(None, said))
    outline = _rectangle(placed.x, top, placed.width, placed.height, _colours(placed.node))
    return f"<g><title>{escape(tip)}</title>{outline}{''.join(words)}</g>"


def _colours(node: Node) -> tuple[str, str]:
    if not isinstance(node, Target):
        return _STRATEGY
    return _MISTRAL if node.provider == "mistral-ai" else _OTHER


def _table(nodes: Sequence[Placed], figures: Figures, x: float) -> tuple[list[str], float]:
    """Return the bars and the figures beside the targets, and where they end on the right."""
    rows = [
        (node.middle, figures.flows.get(node.node.path, Flow(0.0)))
        for node in nodes
        if not node.children
    ]
    parts = [
        _text(0, 8, figures.caption, size=TITLE_SIZE + 1, weight=600),
        _text(x, 38, "traffic, answered", size=FACT_SIZE, fill=_GREY),
        *(_bar(x, middle, flow) for middle, flow in rows),
    ]
    x += _BAR
    for at, heading in enumerate(figures.columns):
        texts = [flow.figures[at] if flow.figures else "-" for _, flow in rows]
        widest = max(width_of(text, FACT_SIZE + 1) for text in (heading, *texts))
        x += _COLUMN_GAP + widest
        parts.append(_text(x, 38, heading, size=FACT_SIZE, fill=_GREY, anchor="end"))
        parts += [
            _text(x, middle + 4, text, size=FACT_SIZE + 1, anchor="end")
            for text, (middle, _) in zip(texts, rows, strict=True)
        ]
    return parts, x


def _bar(x: float, middle: float, flow: Flow) -> str:
    reached, good = _BAR * flow.share, _BAR * flow.answered
    return "".join(
        f'<rect x="{x:.1f}" y="{middle - 5:.1f}" width="{width:.1f}" height="10" rx="3" '
        f'fill="{colour}"/>'
        for width, colour in ((_BAR, _RULE), (reached, _BAD), (good, _GOOD))
        if width > 0
    )


def _rectangle(x: float, y: float, width: float, height: float, colours: tuple[str, str]) -> str:
    fill, stroke = colours
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: float,
    fill: str = _INK,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-weight="{weight}" '
        f'fill="{fill}" text-anchor="{anchor}">{escape(words)}</text>'
    )
