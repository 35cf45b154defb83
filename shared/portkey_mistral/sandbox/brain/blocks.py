"""Split text into blocks: headings, metadata, code, and text whose hard-wrapped lines are joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Block", "blocks"]

Kind: TypeAlias = Literal["heading", "metadata", "code", "text"]

_FENCE = re.compile(r"^\s*(?:```|~~~)")
_RULE = re.compile(r"^\s*(?:-{3,}|={3,}|\*{3,}|_{3,})\s*$")
_HEADING = re.compile(r"^\s*#+\s+\S")
# What frameworks write before a retrieved text; another "name: value" may be its content.
_METADATA = re.compile(
    r"^\s*(?:[a-z]+(?:_[a-z]+)+|source|title|page|author|url|id|score|date|category|section): \S.{0,200}$"
)
_ITEM = re.compile(r"^\s*(?:[-*•>|]|\d+[.)]\s)")
_SENTENCE_END = re.compile(r"[.!?:;。\uff01\uff1f][\"')\]*]*$")
# A line that is this long was probably broken by a limit, and not by its author.
_WRAPPED = 45


@dataclass(frozen=True, slots=True)
class Block:
    """`paragraph` numbers what empty lines separate."""

    kind: Kind
    text: str
    paragraph: int


def blocks(text: str) -> list[Block]:
    """Return the blocks of a text in order, without the marks of code blocks and underlines of headings."""
    found: list[tuple[Kind, list[str], int]] = []
    paragraph = 0
    lines = iter(text.splitlines())
    for line in lines:
        if _FENCE.match(line):
            found.append(("code", ["\n".join(_until_fence(lines))], paragraph))
        elif not line.strip():
            paragraph += 1
        elif _RULE.match(line):
            _make_heading(found, paragraph)
        elif (
            found
            and _kind(line) == found[-1][0] == "text"
            and _continues(found[-1], line, paragraph)
        ):
            found[-1][1].append(line.strip())
        else:
            found.append((_kind(line), [line.rstrip()], paragraph))
    parsed = (Block(kind, " ".join(parts), number) for kind, parts, number in found)
    return [block for block in parsed if block.text.strip()]


def _until_fence(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if _FENCE.match(line):
            return
        yield line


def _make_heading(found: list[tuple[Kind, list[str], int]], paragraph: int) -> None:
    """A rule right below a text makes a heading of it."""
    if found and found[-1][0] == "text" and found[-1][2] == paragraph:
        found[-1] = ("heading", found[-1][1], paragraph)


def _kind(line: str) -> Kind:
    if _HEADING.match(line):
        return "heading"
    return "metadata" if _METADATA.match(line) else "text"


def _continues(block: tuple[Kind, list[str], int], line: str, paragraph: int) -> bool:
    _, lines, number = block
    if number != paragraph or _ITEM.match(line) or _SENTENCE_END.search(lines[-1]):
        return False
    return line.lstrip()[0].islower() or len(lines[-1]) >= _WRAPPED
