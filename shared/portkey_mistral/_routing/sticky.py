"""Determines which calls of a sticky load balance share a target (Portkey's `strategy.sticky`).

Portkey hashes the values of those `hash_fields` that a request has; requests with none of them share one target. Hosted
Portkey supports this for saved configs only; here it works for every config.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portkey_mistral._json import dumps
from portkey_mistral._routing.conditions import MISSING, look_up
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral.config.values import LoadBalance, Node, Target

__all__ = ["StickyBalance", "has_sticky", "sticky_balances"]


@dataclass(frozen=True, slots=True)
class StickyBalance:
    """A sticky load balance and one request: `key` is equal for all requests that are bound to the same target.

    `path` is the option path of the load balance, `sums` are the running totals of its weights, `ttl` is in seconds.
    """

    path: str
    key: str
    sums: tuple[float, ...]
    ttl: float


def sticky_balances(
    root: Node, facts: RequestFacts, headers: Mapping[str, str], fingerprint: str
) -> tuple[StickyBalance, ...]:
    """Return every sticky load balance of a tree. `headers` are the caller's own, under lower-case names."""
    subjects = {"metadata": facts.metadata, "params": facts.params}
    return tuple(
        StickyBalance(node.path, _key(node, subjects, headers, fingerprint), node.sums, ttl)
        for node in _load_balances(root)
        if node.sticky is not None and (ttl := node.sticky.ttl) > 0
    )


def has_sticky(root: Node) -> bool:
    """Whether a tree has a sticky load balance."""
    return any(node.sticky is not None for node in _load_balances(root))


def _load_balances(node: Node) -> Iterator[LoadBalance]:
    if isinstance(node, Target):
        return
    if isinstance(node, LoadBalance):
        yield node
    for target in node.targets:
        yield from _load_balances(target)


def _key(
    node: LoadBalance, subjects: Mapping[str, Any], headers: Mapping[str, str], fingerprint: str
) -> str:
    fields = node.sticky.hash_fields if node.sticky is not None else ()
    found = [(field, _value(field, subjects, headers)) for field in fields]
    hashed = [fingerprint, node.path, [each for each in found if each[1] is not MISSING]]
    return hashlib.sha256(dumps(hashed)).hexdigest()


def _value(field: str, subjects: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
    subject, _, name = field.partition(".")
    if subject == "headers":
        return headers.get(name.lower(), MISSING)
    return look_up(field, subjects)
