"""Draws the tree of a config as an SVG image, optionally with figures next to its targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from portkey_mistral._providers import MISTRAL
from portkey_mistral.config.drawing.labels import details, edges, title
from portkey_mistral.config.drawing.layout import (
    DETAIL_SIZE,
    LINE,
    PAD,
    TITLE_SIZE,
    Box,
    PlacedBox,
    lay_out,
    shorten,
    text_width,
)
from portkey_mistral.config.values import Node, Target

__all__ = ["Figures", "Flow", "slug_svg", "svg"]

_MARGIN = 20.0
_BAR, _BAR_GAP = 120.0, 28.0
_COLUMN_GAP = 22.0
_THINNEST, _THICKEST = 1.4, 9.0
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_INK, _GREY, _RULE, _PAPER = "#1e293b", "#64748b", "#e2e8f0", "#ffffff"
_ANSWERED, _FAILED = "#16a34a", "#dc2626"
# Fill, border: strategies, Mistral's targets, all others.
_STRATEGY = ("#eef2ff", "#818cf8")
_MISTRAL_TARGET = ("#fff4ec", "#fb923c")
_OTHER_TARGET = ("#f1f5f9", "#94a3b8")


@dataclass(frozen=True, slots=True)
class Flow:
    """The traffic of a node: shares of all requests, from 0 to 1, and a text for each column of figures."""

    share: float
    answered: float = 0.0
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures to draw next to the targets. `flows` is keyed by option path; `columns` are the headings."""

    caption: str
    columns: tuple[str, ...]
    flows: Mapping[str, Flow] = field(default_factory=dict)


def svg(root: Node, figures: Figures | None = None) -> str:
    """Return the image as one element, for a page or a file of its own."""
    tree = lay_out(_tree(root), top=54.0 if figures else 0.0)
    boxes = list(tree.walk())
    flows = figures.flows if figures else {}
    parts = [*_edges(boxes, flows), *map(_box, boxes)]
    right = max(box.right for box in boxes)
    if figures is not None:
        table, end = _table(boxes, figures, right + _BAR_GAP)
        parts += table
        right = max(end, 1.2 * text_width(figures.caption, TITLE_SIZE + 1))
    bottom = max(box.bottom for box in boxes)
    return _page(parts, right, bottom, label=figures.caption if figures else "Route of requests")


def slug_svg(slug: str) -> str:
    """Return an image of a config that is stored at Portkey."""
    text = f"{slug} (stored at Portkey)"
    width = text_width(text, TITLE_SIZE) + 2 * PAD
    box = _rectangle(0, 0, width, LINE + PAD, _STRATEGY) + _text(
        PAD, LINE, text, size=TITLE_SIZE, weight=600
    )
    return _page([box], width, LINE + PAD, label=text)


def _tree(node: Node, label: str = "") -> Box:
    children: tuple[Box, ...] = ()
    if not isinstance(node, Target):
        labelled = zip(node.targets, edges(node), strict=True)
        children = tuple(_tree(child, edge) for child, edge in labelled)
    return Box(
        id=node.path,
        lines=tuple(map(shorten, (title(node), *details(node)))),
        label=shorten(label),
        tooltip=" · ".join(filter(None, (node.path, label, title(node), *details(node)))),
        colours=_colours(node),
        children=children,
    )


def _colours(node: Node) -> tuple[str, str]:
    if not isinstance(node, Target):
        return _STRATEGY
    return _MISTRAL_TARGET if node.provider == MISTRAL else _OTHER_TARGET


def _page(parts: Sequence[str], right: float, bottom: float, *, label: str) -> str:
    width, height = right + 2 * _MARGIN, bottom + 2 * _MARGIN
    box = f"{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="{box}" font-family="{_FONT}" fill="{_INK}">'
        f"<title>{escape(label)}</title>"
        # A background keeps the image readable on a dark page.
        f'<rect x="{-_MARGIN:.0f}" y="{-_MARGIN:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'rx="10" fill="{_PAPER}"/>' + "".join(parts) + "</svg>"
    )


def _edges(boxes: Sequence[PlacedBox], flows: Mapping[str, Flow]) -> Iterator[str]:
    for parent in boxes:
        for child in parent.children:
            yield _edge(parent, child, flows.get(child.box.id) if flows else None)
    for placed in boxes:
        if placed.box.label:
            yield _edge_label(placed)


def _edge(parent: PlacedBox, child: PlacedBox, flow: Flow | None) -> str:
    x1, y1, x2, y2 = parent.right, parent.middle, child.x, child.middle
    bend = min((x2 - x1) / 2, 40.0)
    width = _THINNEST if flow is None else _THINNEST + (_THICKEST - _THINNEST) * flow.share
    never = child.box.label in ("never", "0 %")
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x1 + bend / 2:.1f} {y2:.1f} '
        f'{x1 + 1.5 * bend:.1f} {y2:.1f}L{x2:.1f} {y2:.1f}" fill="none" stroke="#a5b4fc" '
        f'stroke-width="{width:.1f}"{_DASHES if never else ""}/>'
    )


_DASHES = ' stroke-dasharray="3 4"'


def _edge_label(placed: PlacedBox) -> str:
    label = placed.box.label
    width = text_width(label, DETAIL_SIZE)
    x, y = placed.x - 12 - width, placed.middle
    return (
        f'<rect x="{x - 5:.1f}" y="{y - 9:.1f}" width="{width + 10:.1f}" height="18" rx="9" '
        f'fill="{_PAPER}" stroke="{_RULE}"/>'
        + _text(x + width / 2, y + 4, label, size=DETAIL_SIZE, fill="#4338ca", anchor="middle")
    )


def _box(placed: PlacedBox) -> str:
    box, top = placed.box, placed.top
    first, *others = box.lines
    texts = [_text(placed.x + PAD, top + LINE + 2, first, size=TITLE_SIZE, weight=600)]
    texts += [
        _text(placed.x + PAD, top + LINE * (row + 2) + 1, line, size=DETAIL_SIZE, fill=_GREY)
        for row, line in enumerate(others)
    ]
    outline = _rectangle(placed.x, top, box.width, box.height, box.colours)
    return f"<g><title>{escape(box.tooltip)}</title>{outline}{''.join(texts)}</g>"


def _table(boxes: Sequence[PlacedBox], figures: Figures, x: float) -> tuple[list[str], float]:
    """Return the bars and figures next to the targets, and their right edge."""
    rows = [
        (placed.middle, figures.flows.get(placed.box.id, Flow(0.0)))
        for placed in boxes
        if not placed.children
    ]
    parts = [
        _text(0, 8, figures.caption, size=TITLE_SIZE + 1, weight=600),
        _text(x, 38, "traffic, answered", size=DETAIL_SIZE, fill=_GREY),
        *(_bar(x, middle, flow) for middle, flow in rows),
    ]
    x += _BAR
    for at, heading in enumerate(figures.columns):
        texts = [flow.figures[at] if flow.figures else "-" for _, flow in rows]
        widest = max(text_width(text, DETAIL_SIZE + 1) for text in (heading, *texts))
        x += _COLUMN_GAP + widest
        parts.append(_text(x, 38, heading, size=DETAIL_SIZE, fill=_GREY, anchor="end"))
        parts += [
            _text(x, middle + 4, text, size=DETAIL_SIZE + 1, anchor="end")
            for text, (middle, _) in zip(texts, rows, strict=True)
        ]
    return parts, x


def _bar(x: float, middle: float, flow: Flow) -> str:
    reached, answered = _BAR * flow.share, _BAR * flow.answered
    return "".join(
        f'<rect x="{x:.1f}" y="{middle - 5:.1f}" width="{width:.1f}" height="10" rx="3" '
        f'fill="{colour}"/>'
        for width, colour in ((_BAR, _RULE), (reached, _FAILED), (answered, _ANSWERED))
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
    content: str,
    *,
    size: float,
    fill: str = _INK,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-weight="{weight}" '
        f'fill="{fill}" text-anchor="{anchor}">{escape(content)}</text>'
    )
