"""Computes where the boxes of a tree go in an image: the tree grows to the right, one row per leaf.

Lengths are in pixels. Fonts cannot be measured here, so the widths of texts are estimated, a little generously.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "DETAIL_SIZE",
    "LINE",
    "PAD",
    "TITLE_SIZE",
    "Box",
    "PlacedBox",
    "lay_out",
    "shorten",
    "text_width",
]

TITLE_SIZE, DETAIL_SIZE = 13.0, 11.0
LINE = 16.0
PAD = 12.0

_BOLD_FACTOR = 1.17
_MAX_LENGTH = 52  # characters of one line; the whole text is in the tooltip
_ROW_GAP = 14.0
_EDGE_LENGTH = 56.0
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW@%—")


@dataclass(frozen=True, slots=True)
class Box:
    """A box to place: its lines, the label of the edge that leads to it, and its style.

    `colours` are those of fill and border.
    """

    id: str
    lines: tuple[str, ...]
    label: str
    tooltip: str
    colours: tuple[str, str]
    children: tuple[Box, ...] = ()

    @property
    def width(self) -> float:
        sizes = (TITLE_SIZE * _BOLD_FACTOR, *[DETAIL_SIZE] * (len(self.lines) - 1))
        widths = (text_width(line, size) for line, size in zip(self.lines, sizes, strict=True))
        return max(widths) + 2 * PAD

    @property
    def height(self) -> float:
        return LINE * len(self.lines) + PAD


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box with its position: left edge and vertical middle."""

    box: Box
    x: float
    middle: float
    children: tuple[PlacedBox, ...] = ()

    @property
    def right(self) -> float:
        return self.x + self.box.width

    @property
    def top(self) -> float:
        return self.middle - self.box.height / 2

    @property
    def bottom(self) -> float:
        return self.middle + self.box.height / 2

    def walk(self) -> Iterator[PlacedBox]:
        """Yield this box and all below it, from top to bottom."""
        yield self
        for child in self.children:
            yield from child.walk()


def lay_out(root: Box, *, top: float = 0.0) -> PlacedBox:
    """Return the tree with the position of every box, from `top` downwards and from 0 to the right."""
    placed, _ = _place(root, list(_columns([root])), 0, top)
    return placed


def text_width(text: str, size: float) -> float:
    """Return the approximate width of a text in a sans-serif font of this size."""
    return size * sum(map(_ems, text))


def shorten(text: str) -> str:
    """Truncate a text that is too long for one line."""
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def _ems(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in _NARROW:
        return 0.36
    return 0.93 if character in _WIDE else 0.70 if character.isupper() else 0.59


def _columns(level: Sequence[Box], x: float = 0.0) -> Iterator[float]:
    """Yield the left edge of each depth: right of the boxes before it, and of the labels on the edges."""
    yield x
    below = [child for box in level for child in box.children]
    if below:
        label = max(text_width(box.label, DETAIL_SIZE) for box in below)
        yield from _columns(below, x + max(box.width for box in level) + label + _EDGE_LENGTH)


def _place(box: Box, columns: Sequence[float], depth: int, top: float) -> tuple[PlacedBox, float]:
    """Return the box with its position, and the top of the next row."""
    children: list[PlacedBox] = []
    below = top
    for child in box.children:
        placed, below = _place(child, columns, depth + 1, below)
        children.append(placed)
    middle = top + box.height / 2
    if children:
        middle = max(middle, (children[0].middle + children[-1].middle) / 2)
    placed = PlacedBox(box, columns[depth], middle, tuple(children))
    return placed, max(below, placed.bottom + _ROW_GAP)
