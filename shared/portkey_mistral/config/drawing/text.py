"""Draws the tree of a config as text and as Mermaid."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from portkey_mistral.config.drawing.labels import details, edges, mode, service, title
from portkey_mistral.config.values import Node, Target

__all__ = ["mermaid", "mermaid_slug", "one_line", "text_tree"]


def text_tree(root: Node) -> str:
    """Return one line per node, with the branches drawn."""
    return "\n".join(_lines(root, lead="", under="", edge=""))


def mermaid(root: Node) -> str:
    """Return a flowchart of the tree."""
    return "\n".join(["flowchart TD", *_boxes(root, count(), parent="", edge="")])


def mermaid_slug(slug: str | None) -> str:
    return f'flowchart TD\n    n0["slug {_quoted(str(slug))}"]'


def one_line(node: Node | None) -> str:
    """Return the shape of a tree: `fallback(mistral-ai, openai)`."""
    match node:
        case None:
            return ""
        case Target():
            return service(node)
        case _:
            return f"{mode(node)}({', '.join(one_line(child) for child in node.targets)})"


def _lines(node: Node, *, lead: str, under: str, edge: str) -> Iterator[str]:
    parts = [edge, title(node), *details(node)]
    yield lead + "  ".join(filter(None, parts))
    if isinstance(node, Target):
        return
    last = len(node.targets) - 1
    for index, (child, when) in enumerate(zip(node.targets, edges(node), strict=True)):
        branch, trunk = ("└─ ", "   ") if index == last else ("├─ ", "│  ")
        yield from _lines(child, lead=under + branch, under=under + trunk, edge=when)


def _boxes(node: Node, numbers: Iterator[int], *, parent: str, edge: str) -> Iterator[str]:
    name = f"n{next(numbers)}"
    label = "<br/>".join(_quoted(line) for line in (title(node), *details(node)))
    opening, closing = ("[", "]") if isinstance(node, Target) else ("{{", "}}")
    yield f'    {name}{opening}"{label}"{closing}'
    if parent:
        yield f"    {parent} -->" + (f'|"{_quoted(edge)}"| ' if edge else " ") + name
    if isinstance(node, Target):
        return
    for child, when in zip(node.targets, edges(node), strict=True):
        yield from _boxes(child, numbers, parent=name, edge=when)


def _quoted(text: str) -> str:
    """Escape what would end or change a Mermaid label."""
    escaped = text.replace("#", "#35;").replace("&", "&amp;").replace('"', "&quot;")
    return escaped.replace("<", "&lt;").replace(">", "&gt;")
