"""Chooses the lane of a request through the gateway, so that no parameter is lost silently.

The unified route may drop parameters; `lost_parameters.py` knows which.
The proxy route passes the body on unchanged; the config still routes, but guardrails and hooks do not run. Behind a
Portkey key there may be guardrails of the organisation that are not in any config, so it is never chosen automatically
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from portkey_mistral._api import PARAMETER_ALIASES, Operation
from portkey_mistral._providers import MISTRAL, OPENAI
from portkey_mistral._wire.dialects import EncodedBody, encode
from portkey_mistral._wire.gateway_route import Leaf, Route
from portkey_mistral._wire.lost_parameters import UNIFIED_OPERATIONS, lost_on_unified
from portkey_mistral.exceptions import ConfigurationError, ParameterLossError
from portkey_mistral.responses import GatewayLane, Lane

__all__ = [
    "choose_lane",
    "encode_for_leaf",
    "keys_of_query",
]

# Operations of models whose guardrails the proxy route skips.
_UNGUARDED: Mapping[Operation, str] = {"fim": "fill-in-the-middle", "ocr": "OCR"}
_PATHNAME = "url.pathname"

_UNIFIED_NAMES: Mapping[str, str] = {"random_seed": "seed"}


def choose_lane(
    body: Mapping[str, Any], operation: Operation, route: Route, requested: GatewayLane
) -> Lane:
    """Return the lane on which every parameter of the canonical body reaches the target.

    A lane requested by name is used, unless it is the unified one and would lose a parameter.

    Raises:
        ParameterLossError: no lane that may be chosen keeps every parameter.
        ConfigurationError: the unified route has no such operation, guardrails would be skipped, or the requested lane
            sends a key that a condition tests under another name.
    """
    if requested in ("proxy", "passthrough"):
        _check_headers(route, requested)
        _check_condition_keys(body, operation, route, requested)
        return requested
    if operation not in UNIFIED_OPERATIONS:
        return _only_lane(operation, route, requested)
    lost = lost_on_unified(body, operation, route)
    if requested == "unified":
        if lost:
            reason = "gateway_lane='unified' excludes every other lane"
            raise _loss_error(lost, route, reason, proxy_helps=True)
        _check_condition_keys(body, operation, route, "unified")
        return "unified"
    renamed = _renamed_keys(body, operation, route, "unified")
    if not lost and not renamed:
        return "unified"
    obstacle = _why_not_proxy(body, operation, route)
    if obstacle is None:
        return "proxy"
    proxy_helps = not (route.unforwarded or _renamed_keys(body, operation, route, "proxy"))
    if lost:
        raise _loss_error(lost, route, obstacle, proxy_helps=proxy_helps)
    raise _no_lane_error(renamed, obstacle, proxy_helps=proxy_helps)


def encode_for_leaf(
    body: Mapping[str, Any], leaf: Leaf, operation: Operation, lane: Lane, *, with_overrides: bool
) -> EncodedBody:
    """Encode a canonical body for one target on one lane, with the target's overrides or without."""
    overrides = leaf.overrides if with_overrides else {}
    if leaf.provider == OPENAI and operation in UNIFIED_OPERATIONS:
        return encode(body, overrides, leaf.dialect, operation)
    encoded = encode(body, overrides, "mistral", operation).body
    if lane != "unified":
        return EncodedBody(encoded)
    if encoded.get("tool_choice") == "any":
        # The gateway translates OpenAI's value to each provider's.
        encoded["tool_choice"] = "required"
    return EncodedBody({_UNIFIED_NAMES.get(name, name): value for name, value in encoded.items()})


def _only_lane(operation: Operation, route: Route, requested: GatewayLane) -> Lane:
    """Return the lane of an operation that only the proxy route has: fill-in-the-middle, moderation, OCR, the list of models."""
    if operation == "ocr" and route.hosted and requested == "unified":
        return "unified"  # on the same path, since gateway 2.18 (enterprise changelog)
    if requested == "unified":
        raise ConfigurationError(
            f"The unified lane has no {operation!r} operation: leave gateway_lane at 'auto'."
        )
    if operation in _UNGUARDED and route.guarded:
        raise ConfigurationError(
            f"The config's guardrails do not run for {_UNGUARDED[operation]}. Pass gateway_lane='proxy' to call it "
            "without them, or remove them from the config."
        )
    _check_headers(route, "proxy")
    return "proxy"


def _why_not_proxy(body: Mapping[str, Any], operation: Operation, route: Route) -> str | None:
    """Return why the proxy lane may not be chosen automatically, or None if it may."""
    foreign = sorted({leaf.provider for leaf in route.leaves} - {MISTRAL, OPENAI})
    renamed = _renamed_keys(body, operation, route, "proxy")
    if route.guarded:
        return "the lossless proxy lane would skip the guardrails of the config"
    if route.unforwarded:
        return _passes_headers_on(route, "proxy")
    if route.hosted:
        return "the lossless proxy lane would skip guardrails of the organisation, which no config shows"
    if foreign:
        return f"the proxy lane does not translate for {', '.join(foreign)}"
    if renamed:
        return (
            f"a condition tests {', '.join(renamed)}, which the proxy lane does not send as written"
        )
    return None


def _renamed_keys(
    body: Mapping[str, Any], operation: Operation, route: Route, lane: Lane
) -> tuple[str, ...]:
    """Return the keys that conditions test and the request sets, but this lane sends under another name or value."""
    if not route.condition_keys:
        return ()
    sent = [
        encode_for_leaf(body, leaf, operation, lane, with_overrides=False).body
        for leaf in route.leaves
    ]

    def is_renamed(key: str) -> bool:
        if key == _PATHNAME:
            return lane == "proxy"
        name = key.removeprefix("params.").partition(".")[0]
        own = PARAMETER_ALIASES.get(name, name)
        is_set = key.startswith("params.") and own in body
        return is_set and not all(name in each and each[name] == body[own] for each in sent)

    return tuple(sorted(filter(is_renamed, route.condition_keys)))


def _check_condition_keys(
    body: Mapping[str, Any], operation: Operation, route: Route, lane: Lane
) -> None:
    """Raise if the gateway would not find a key that a condition tests, and would silently pick another target."""
    if renamed := _renamed_keys(body, operation, route, lane):
        raise ConfigurationError(
            f"A condition of the config tests {', '.join(renamed)}, which gateway_lane={lane!r} does not send as "
            "written. Leave gateway_lane at 'auto', or test the name that this lane sends."
        )


def _check_headers(route: Route, lane: Lane) -> None:
    if route.unforwarded:
        raise ConfigurationError(
            f"This request needs another lane: {_passes_headers_on(route, lane)}."
        )


def _passes_headers_on(route: Route, lane: Lane) -> str:
    names = ", ".join(route.unforwarded)
    return (
        f"the {lane} lane passes every header on to every target, and no forward_headers names {names} for all of them "
        "(name it in forward_headers= if all may have it, or leave it out)"
    )


def _loss_error(
    lost: tuple[str, ...], route: Route, reason: str, *, proxy_helps: bool
) -> ParameterLossError:
    names = ", ".join(lost)
    fate = (
        f"Portkey does not document that its unified route carries {names} to Mistral"
        if route.hosted
        else f"The gateway's unified route would drop {names} on the way to Mistral"
    )
    proxy = "pass gateway_lane='proxy' (which skips guardrails), " if proxy_helps else ""
    return ParameterLossError(
        f"{fate}; {reason}. Either {proxy}call Mistral directly without a gateway, or leave out {names}.",
        parameters=lost,
    )


def _no_lane_error(
    renamed: tuple[str, ...], obstacle: str, *, proxy_helps: bool
) -> ConfigurationError:
    proxy = ", or pass gateway_lane='proxy' (which skips guardrails)" if proxy_helps else ""
    return ConfigurationError(
        f"No lane through the gateway fits this config: a condition tests {', '.join(renamed)}, which the unified lane "
        f"does not send as written, and {obstacle}. Test the name that the unified lane sends{proxy}."
    )


def keys_of_query(query: object) -> Iterator[str]:
    """Yield the keys that the query of a condition tests."""
    if isinstance(query, Mapping):
        for key, value in query.items():
            if key in ("$and", "$or") and isinstance(value, list):
                for item in value:
                    yield from keys_of_query(item)
            else:
                yield str(key)
