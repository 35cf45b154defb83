"""`default_params`, `override_params` and `drop_params`, of which the open-source gateway supports only one.

Hosted Portkey applies them in this order to the body of the client, before a provider's mapping. The open-source
gateway supports only `override_params`, so their result for each target is expressed as its `override_params`, and
dropped parameters are left out of the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

__all__ = ["Folded", "apply_params", "fold"]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\*)\]")


def apply_params(
    body: Mapping[str, Any],
    *,
    default: Mapping[str, Any],
    override: Mapping[str, Any],
    drop: Iterable[str],
) -> dict[str, Any]:
    """Return the body for a target: defaults, then overrides, then drops; all merges are shallow."""
    final = deepcopy({**default, **body, **override})
    for path in drop:
        _drop(final, [key or index for key, index in _STEP.findall(path)])
    return final


@dataclass(frozen=True, slots=True)
class Folded:
    """One body for all targets, and for each target the `override_params` that produce its own.

    `removed` are the names that some targets drop; the others get them as overrides.
    """

    body: dict[str, Any]
    overrides: tuple[dict[str, Any], ...]
    removed: frozenset[str]


def fold(body: Mapping[str, Any], finals: Sequence[Mapping[str, Any]]) -> Folded:
    """Express the final bodies of all targets by one body and overrides."""
    removed = frozenset(name for final in finals for name in body if name not in final)
    common = {name: value for name, value in body.items() if name not in removed}
    overrides = tuple(_changes(common, final) for final in finals)
    return Folded(common, overrides, removed)


def _changes(body: Mapping[str, Any], final: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in final.items()
        if name not in body or not _same(body[name], value)
    }


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON: in Python `1` equals `True`."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _drop(value: Any, steps: Sequence[str]) -> None:
    """Delete the member at a path, if it exists."""
    if not steps:
        return
    first, *rest = steps
    match value:
        case dict() if first in value:
            if rest:
                _drop(value[first], rest)
            else:
                del value[first]
        case list():
            _drop_items(value, first, rest)
        case _:
            pass


def _drop_items(items: list[Any], which: str, rest: Sequence[str]) -> None:
    if which != "*" and not (which.isdecimal() and int(which) < len(items)):
        return
    chosen = range(len(items)) if which == "*" else [int(which)]
    for index in reversed(chosen):
        if rest:
            _drop(items[index], rest)
        else:
            del items[index]
