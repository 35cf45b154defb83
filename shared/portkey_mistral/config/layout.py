"""Places the nodes of a config for a picture: the tree grows to the right, one row a target. Pure.

All lengths are in pixels. No font is at hand here, so widths of texts are estimated, a little generously.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portkey_mistral.config.values import Node, Target
from portkey_mistral.config.wording import edges, facts, title

__all__ = ["FACT_SIZE", "LINE", "PAD", "TITLE_SIZE", "Placed", "lay_out", "shortened", "width_of"]

TITLE_SIZE, FACT_SIZE = 13.0, 11.0
LINE = 16.0
PAD = 12.0

_BOLDER = 1.17
_LONGEST = 52  # characters of one line; the whole text is in the tooltip
_ROW_GAP = 14.0
_EDGE_ROOM = 56.0
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW@%—")


@dataclass(frozen=True, slots=True)
class Placed:
    """A node with its place: left edge, middle line, size. `why` is what leads to it from its parent."""

    node: Node
    why: str
    lines: tuple[str, ...]
    x: float
    middle: float
    width: float
    height: float
    children: tuple[Placed, ...] = ()

    @property
    def right(self) -> float:
        return self.x + self.width

    def walk(self) -> Iterator[Placed]:
        """Give this node and all below it, from above to below."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class _Measured:
    node: Node
    why: str
    lines: tuple[str, ...]
    width: float
    children: tuple[_Measured, ...]

    @property
    def height(self) -> float:
        return LINE * len(self.lines) + PAD


def lay_out(root: Node, *, top: float = 0.0) -> Placed:
    """Return the tree with a place for every node, from `top` downwards and from 0 to the right."""
    measured = _measure(root, "")
    columns = list(_columns([measured]))
    placed, _ = _place(measured, columns, 0, top)
    return placed


def width_of(text: str, size: float) -> float:
    """Return about how wide a text is in a sans-serif font of this size."""
    return size * sum(map(_ems, text))


def shortened(text: str) -> str:
    """Cut a text that would take too much room."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _ems(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in _NARROW:
        return 0.36
    return 0.93 if character in _WIDE else 0.70 if character.isupper() else 0.59


def _measure(node: Node, why: str) -> _Measured:
    lines = tuple(map(shortened, (title(node), *facts(node))))
    sizes = (TITLE_SIZE * _BOLDER, *[FACT_SIZE] * (len(lines) - 1))
    width = max(width_of(line, size) for line, size in zip(lines, sizes, strict=True)) + 2 * PAD
    if isinstance(node, Target):
        return _Measured(node, why, lines, width, ())
    below = zip(node.targets, edges(node), strict=True)
    return _Measured(node, why, lines, width, tuple(_measure(child, why) for child, why in below))


def _columns(level: Sequence[_Measured], x: float = 0.0) -> Iterator[float]:
    """Give the left edge of each depth: what stands before it, and room for the words on the edges."""
    yield x
    below = [child for node in level for child in node.children]
    if below:
        words = max(width_of(shortened(node.why), FACT_SIZE) for node in below)
        yield from _columns(below, x + max(node.width for node in level) + words + _EDGE_ROOM)


def _place(
    node: _Measured, columns: Sequence[float], depth: int, top: float
) -> tuple[Placed, float]:
    """Return the placed node and where the next row may begin."""
    children: list[Placed] = []
    below = top
    for child in node.children:
        placed, below = _place(child, columns, depth + 1, below)
        children.append(placed)
    middle = top + node.height / 2
    if children:
        middle = max(middle, (children[0].middle + children[-1].middle) / 2)
    below = max(below, middle + node.height / 2 + _ROW_GAP)
    placed = Placed(
        node.node,
        node.why,
        node.lines,
        columns[depth],
        middle,
        node.width,
        node.height,
        tuple(children),
    )
    return placed, below
