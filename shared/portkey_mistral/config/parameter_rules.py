"""Applies `default_params`, `override_params` and `drop_params` to the body of a request.

Portkey applies them in this order, before the mapping for the provider (Portkey's documentation, "Configs"). Once the
body is known, all three can be expressed as `override_params`, which every gateway and direct mode support: a null
removes a member.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from portkey_mistral._api import PARAMETER_ALIASES
from portkey_mistral.config.values import Node, Target

__all__ = ["as_overrides", "drop", "is_path", "own_name", "resolve_parameters"]

_Step: TypeAlias = str | int | None
"""A member, an index, or None for every item of a list."""

_PATH = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+|\[(\d{1,9}|\*)\])*")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\*)\]")


def is_path(text: str) -> bool:
    """Whether a text is a path of `drop_params`, such as `logprobs` or `messages[*].content[0].cache_control`."""
    return _PATH.fullmatch(text) is not None


def own_name(parameter: str) -> str:
    """Return Mistral's name of a parameter, so that an alias and its name count as one."""
    return PARAMETER_ALIASES.get(parameter, parameter)


def drop(body: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the body without the members at the paths; a path that does not exist is ignored.

    An index removes that item, `[*]` all of them. Unchanged parts are shared with `body`.
    """
    kept = dict(body)
    for path in paths:
        first, *rest = _steps(path)
        for name in [each for each in kept if own_name(each) == own_name(str(first))]:
            if rest:
                kept[name] = _without(kept[name], rest)
            else:
                del kept[name]
    return kept


def as_overrides(
    body: Mapping[str, Any],
    sent: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any],
    overrides: Mapping[str, Any],
    drops: Iterable[str],
) -> dict[str, Any]:
    """Return the overrides that turn `sent` into the target's version of the canonical `body`.

    `sent` is the body, or the part of it that several targets have in common.
    """
    given = {own_name(name) for name in (*body, *overrides)}
    missing = {name: value for name, value in defaults.items() if own_name(name) not in given}
    final = drop({**missing, **body, **overrides}, drops)
    removed = dict.fromkeys(name for name in sent if name not in final)
    changed = {
        name: value
        for name, value in final.items()
        if name in overrides or name not in sent or sent[name] != value
    }
    return removed | changed


def resolve_parameters(node: Node, body: Mapping[str, Any]) -> Node:
    """Return the tree for one request, in which targets have only `override_params`.

    `body` is the canonical body. An explicit null in it counts as absent.
    """
    if isinstance(node, Target):
        return _resolve_target(node, body)
    targets = tuple(resolve_parameters(target, body) for target in node.targets)
    unchanged = all(new is old for new, old in zip(targets, node.targets, strict=True))
    return node if unchanged else dataclasses.replace(node, targets=targets)


def _resolve_target(target: Target, body: Mapping[str, Any]) -> Target:
    if not target.default_params and not target.drop_params:
        return target
    overrides = as_overrides(
        body,
        body,
        defaults=target.default_params,
        overrides=target.override_params,
        drops=target.drop_params,
    )
    return dataclasses.replace(target, override_params=overrides, default_params={}, drop_params=())


def _steps(path: str) -> list[_Step]:
    return [
        member or (None if index == "*" else int(index)) for member, index in _STEP.findall(path)
    ]


def _without(value: Any, steps: list[_Step]) -> Any:
    first, *rest = steps
    match value:
        case Mapping() if isinstance(first, str) and first in value:
            if rest:
                return {**value, first: _without(value[first], rest)}
            return {name: item for name, item in value.items() if name != first}
        case list() | tuple() if not isinstance(first, str):
            return [
                _without(item, rest) if rest and first in (None, at) else item
                for at, item in enumerate(value)
                if rest or first not in (None, at)
            ]
        case _:
            return value
