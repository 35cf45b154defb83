"""The documents of the demo: one page per model of the catalog, split into passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Passage", "passages"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph of a page. `page` is its file name, `text` starts with the page's title."""

    page: str
    text: str


def passages() -> Sequence[Passage]:
    """Read all pages in order of their names."""
    pages = sorted(Path(__file__).with_name("corpus").glob("*.md"))
    return [
        passage for page in pages for passage in _cut(page.name, page.read_text(encoding="utf-8"))
    ]


def _cut(page: str, text: str) -> Sequence[Passage]:
    # A paragraph alone does not name its model, so each gets the title.
    title, status, *paragraphs = text.split("\n\n")
    heading = f"{title}, {status.strip('*.').lower()}"
    return [Passage(page, f"{heading}\n{' '.join(body.split())}") for body in paragraphs]
