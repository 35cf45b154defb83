"""Logs the caller's headers that no target of a config in direct mode is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from portkey_mistral.config.config import Config
from portkey_mistral.config.values import LoadBalance, Node, Target

__all__ = ["log_unused_headers"]

_logger = logging.getLogger("portkey_mistral")


def log_unused_headers(config: Config, headers: Mapping[str, str], argument: Sequence[str]) -> None:
    """Log, once per set of names, the headers that no target is sent and that nothing else reads.

    `headers` have lower-case names. Not for gateway mode, where the gateway or a proxy in front of it may read them.
    """
    if not headers or config.root is None:
        return
    used = {name.lower() for name in (*argument, *_names(config.root))}
    if unused := tuple(sorted(headers.keys() - used)):
        _log_once(unused)


def _names(node: Node) -> Iterator[str]:
    """Yield the headers that a tree forwards, or hashes for a sticky load balance."""
    if isinstance(node, Target):
        for each in node.forward_headers:
            yield each if isinstance(each, str) else each.source
        return
    if isinstance(node, LoadBalance) and node.sticky is not None:
        for field in node.sticky.hash_fields:
            subject, _, name = field.partition(".")
            if subject == "headers":
                yield name
    for target in node.targets:
        yield from _names(target)


@lru_cache(maxsize=256)
def _log_once(names: tuple[str, ...]) -> None:
    _logger.warning(
        "No target of the config gets the headers %s: name them in forward_headers= or in the forward_headers of a "
        "target. This is logged once.",
        ", ".join(names),
    )
