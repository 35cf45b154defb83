"""Draws the tree of a config, as text and as Mermaid. Keys never enter a drawing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from portkey_mistral.config.values import Node, Target
from portkey_mistral.config.wording import edges, facts, mode, service, title

__all__ = ["mermaid", "mermaid_slug", "one_line", "text_tree"]


def text_tree(root: Node) -> str:
    """Return one line a node, branches drawn."""
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
    said = [edge, title(node), *facts(node)]
    yield lead + "  ".join(fact for fact in said if fact)
    if isinstance(node, Target):
        return
    last = len(node.targets) - 1
    for index, (child, why) in enumerate(zip(node.targets, edges(node), strict=True)):
        branch, trunk = ("└─ ", "   ") if index == last else ("├─ ", "│  ")
        yield from _lines(child, lead=under + branch, under=under + trunk, edge=why)


def _boxes(node: Node, numbers: Iterator[int], *, parent: str, edge: str) -> Iterator[str]:
    name = f"n{next(numbers)}"
    label = "<br/>".join(_quoted(fact) for fact in (title(node), *facts(node)))
    opening, closing = ("[", "]") if isinstance(node, Target) else ("{{", "}}")
    yield f'    {name}{opening}"{label}"{closing}'
    if parent:
        yield f"    {parent} -->" + (f'|"{_quoted(edge)}"| ' if edge else " ") + name
    if isinstance(node, Target):
        return
    for child, why in zip(node.targets, edges(node), strict=True):
        yield from _boxes(child, numbers, parent=name, edge=why)


def _quoted(text: str) -> str:
    """Escape what would end or change a Mermaid label."""
    escaped = text.replace("#", "#35;").replace("&", "&amp;").replace('"', "&quot;")
    return escaped.replace("<", "&lt;").replace(">", "&gt;")
