"""The target that the request itself leads to."""

from __future__ import annotations

from portkey_mistral._engine.conditions import holds
from portkey_mistral._engine.outcomes import RequestFacts
from portkey_mistral.config import Conditional, Node

__all__ = ["select"]


def select(node: Conditional, facts: RequestFacts) -> Node | None:
    """Return the target of the first condition that holds, else the default, else None."""
    subjects = {
        "metadata": facts.metadata,
        "params": facts.params,
        "url": {"pathname": facts.pathname},
    }
    name = next((c.then for c in node.conditions if holds(c.query, subjects)), node.default)
    if name is None:
        return None
    return next((target for target in node.targets if target.name == name), None)
