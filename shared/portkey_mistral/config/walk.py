"""Ways through the tree of a config."""

from __future__ import annotations

from collections.abc import Iterator

from portkey_mistral.config.values import LoadBalance, Node, Single, Target

__all__ = ["leaves", "reachable"]


def leaves(node: Node) -> Iterator[Target]:
    """Give every target, in the order in which the config names them."""
    if isinstance(node, Target):
        yield node
    else:
        for child in node.targets:
            yield from leaves(child)


def reachable(node: Node) -> Iterator[Target]:
    """Give the targets that a call can come to: only the first of a single, none of weight 0."""
    match node:
        case Target():
            yield node
        case Single():
            yield from reachable(node.targets[0])
        case LoadBalance():
            for child in node.targets:
                if child.weight:
                    yield from reachable(child)
        case _:
            for child in node.targets:
                yield from reachable(child)
