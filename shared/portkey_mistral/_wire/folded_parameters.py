"""Rewrites `default_params` and `drop_params` of a config for the open-source gateway.

It silently ignores both (observed in 1.15.2). Once the body is known, their effect on a target can be expressed as its
`override_params`, and a parameter that every target drops is removed from the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portkey_mistral.config.parameter_rules import as_overrides, drop, own_name

__all__ = ["fold_parameters"]

_FOLDED = ("default_params", "override_params", "drop_params")

_Parameters = tuple[Mapping[str, Any], Mapping[str, Any], tuple[str, ...]]
_NONE: _Parameters = ({}, {}, ())


def fold_parameters(
    config: Mapping[str, Any], body: Mapping[str, Any], *, tested: frozenset[str]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return a config and a body with the same effect on each target that use `override_params` alone.

    `tested` are the keys that conditions of the config test; these parameters stay in the body.
    """
    leaves = list(_parameters_of_leaves(config, _NONE))
    if not any(defaults or drops for defaults, _, drops in leaves):
        return config, body
    _, _, drops = leaves[0]
    alike = all(other == drops for _, _, other in leaves)
    sent = drop(body, drops) if alike and not _tests_any(tested, drops) else body
    return _fold(config, _NONE, body, sent), sent


def _parameters_of_leaves(node: Mapping[str, Any], inherited: _Parameters) -> Iterator[_Parameters]:
    own = _extend(inherited, node)
    if "targets" not in node:
        yield own
        return
    for target in node["targets"]:
        yield from _parameters_of_leaves(target, own)


def _fold(
    node: Mapping[str, Any],
    inherited: _Parameters,
    body: Mapping[str, Any],
    sent: Mapping[str, Any],
) -> dict[str, Any]:
    own = _extend(inherited, node)
    rest = {name: value for name, value in node.items() if name not in _FOLDED}
    if "targets" in node:
        return {**rest, "targets": [_fold(target, own, body, sent) for target in node["targets"]]}
    defaults, overrides, drops = own
    folded = as_overrides(body, sent, defaults=defaults, overrides=overrides, drops=drops)
    return {**rest, "override_params": folded} if folded else rest


def _extend(inherited: _Parameters, node: Mapping[str, Any]) -> _Parameters:
    defaults, overrides, drops = inherited
    return (
        {**defaults, **(node.get("default_params") or {})},
        {**overrides, **(node.get("override_params") or {})},
        tuple(dict.fromkeys((*drops, *(node.get("drop_params") or ())))),
    )


def _tests_any(tested: frozenset[str], drops: tuple[str, ...]) -> bool:
    names = {own_name(key.split(".")[1]) for key in tested if key.startswith("params.")}
    return any(own_name(path.partition(".")[0].partition("[")[0]) in names for path in drops)
