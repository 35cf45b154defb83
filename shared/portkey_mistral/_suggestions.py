"""Suggests the known name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean", "nearest"]


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name that is most similar to `name`, ignoring case; None if none is similar.

    `cutoff` is the least similarity, from 0 to 1: difflib's `ratio`.
    """
    by_lower_case = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), sorted(by_lower_case), n=1, cutoff=cutoff)
    return by_lower_case[near[0]] if near else None


def did_you_mean(
    name: str, known: Iterable[str], *, otherwise: str = "", cutoff: float = 0.6
) -> str:
    """Return "did you mean 'NEAREST'?", or `otherwise` if no known name is similar."""
    near = nearest(name, known, cutoff=cutoff)
    return f"did you mean {near!r}?" if near else otherwise
