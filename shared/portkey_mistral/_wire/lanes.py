"""Which way through the gateway a request takes, so that nothing of it is lost in silence. Pure.

The unified route of the gateway maps a body to each provider's own form. For Mistral it knows a few names
and drops all others. The proxy route hands the body on as it is, and config routing still works, but
guardrails and hooks do not run there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from portkey_mistral._wire.encode import encode
from portkey_mistral._wire.mistral import ALIASES
from portkey_mistral.exceptions import ConfigurationError, ParameterLossError
from portkey_mistral.requests import Operation

__all__ = ["MISTRAL", "AskedLane", "Lane", "Leaf", "Route", "choose_lane", "leaf_body"]

Lane: TypeAlias = Literal["unified", "proxy", "passthrough"]
AskedLane: TypeAlias = Literal["auto", "unified", "proxy", "passthrough"]

MISTRAL = "mistral-ai"
OPENAI = "openai"

# What the unified route passes on to Mistral (`random_seed` travels as `seed`).
_CARRIED: Mapping[Operation, frozenset[str]] = {
    "chat": frozenset(
        {
            "model",
            "messages",
            "stream",
            "temperature",
            "top_p",
            "max_tokens",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "random_seed",
            "safe_prompt",
        }
    ),
    "embed": frozenset({"model", "input"}),
}
# Not passed on either, but nothing is lost: Mistral does the same when it is not told.
_DEFAULTS: Mapping[str, Any] = {
    "n": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": False,
    "response_format": {"type": "text"},
    "service_tier": "standard_only",
    "guardrails": [],
    "encoding_format": "float",
    "output_dtype": "float",
}
_HOTTEST_UNIFIED = 1.0
_PATHNAME = "url.pathname"

_UNIFIED_NAMES: Mapping[str, str] = {"random_seed": "seed"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One target of the config. `overrides` are its own and its parents', merged."""

    path: str
    provider: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """What can be seen of where a request goes.

    `hidden` says why not all of it can be seen: guardrails may lie there. `guarded` is set where the config
    has guardrails, hooks or mutators. `tested` holds the keys that its conditions look at.
    """

    leaves: tuple[Leaf, ...]
    hidden: str | None = None
    guarded: bool = False
    tested: frozenset[str] = frozenset()


def choose_lane(
    body: Mapping[str, Any], operation: Operation, route: Route, asked: AskedLane
) -> Lane:
    """Return the lane on which the target is told all that the canonical body says.

    A lane that was asked for by name is taken, unless it is the unified one and would lose something.

    Raises:
        ParameterLossError: no lane that may be taken carries every parameter.
        ConfigurationError: the unified route has no such operation, guardrails would be skipped, or a
            condition tests what the lane asked for says otherwise.
    """
    if asked in ("proxy", "passthrough"):
        _refuse_unseen_tests(body, operation, route, asked)
        return asked
    if operation not in _CARRIED:
        _check_lane_of_its_own(operation, route, asked)
        return "proxy"
    losses = _losses(body, operation, route)
    if asked == "unified" or not (losses or _unseen_tests(body, operation, route, "unified")):
        if losses:
            raise _loss(losses, "gateway_lane='unified' would drop them")
        _refuse_unseen_tests(body, operation, route, "unified")
        return "unified"
    obstacle = _obstacle(body, operation, route)
    if obstacle is None:
        return "proxy"
    if losses:
        raise _loss(losses, obstacle)
    raise ConfigurationError(f"No lane through the gateway fits this config: {obstacle}.")


def leaf_body(
    body: Mapping[str, Any], leaf: Leaf, operation: Operation, lane: Lane, *, overridden: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Spell the body for one leaf on one lane; also name what the leaf cannot be told.

    `overridden` applies the leaf's own overrides.
    """
    overrides = leaf.overrides if overridden else {}
    if leaf.provider == OPENAI and operation in _CARRIED:
        encoded = encode(body, overrides, "openai", operation)
        return encoded.body, encoded.lost
    told = encode(body, overrides, "mistral", operation).body
    if lane != "unified":
        return told, ()
    if told.get("tool_choice") == "any":
        # The gateway turns this into what each provider calls it.
        told["tool_choice"] = "required"
    return {_UNIFIED_NAMES.get(name, name): value for name, value in told.items()}, ()


def _check_lane_of_its_own(operation: Operation, route: Route, asked: AskedLane) -> None:
    """Fill-in-the-middle, moderation and the model list have a single way through the gateway."""
    if asked == "unified":
        raise ConfigurationError(
            f"The unified lane has no {operation!r} operation: leave gateway_lane at 'auto'."
        )
    if operation == "fim" and route.guarded:
        raise ConfigurationError(
            "The config's guardrails do not run for fill-in-the-middle. Pass gateway_lane='proxy' to call "
            "it without them, or take them out of the config."
        )


def _losses(body: Mapping[str, Any], operation: Operation, route: Route) -> tuple[str, ...]:
    """Name what the unified route would drop, or change, on the way to a Mistral target."""
    return tuple(
        dict.fromkeys(
            name
            for leaf in route.leaves
            if leaf.provider != OPENAI
            for name, value in encode(body, leaf.overrides, "mistral", operation).body.items()
            if not _is_carried(name, value, operation)
        )
    )


def _is_carried(name: str, value: Any, operation: Operation) -> bool:
    if name in _DEFAULTS and value == _DEFAULTS[name]:
        return True
    match name, value:
        case "temperature", int() | float():
            return value <= _HOTTEST_UNIFIED
        case "max_tokens", int():
            return value > 0
        case _:
            return name in _CARRIED[operation]


def _obstacle(body: Mapping[str, Any], operation: Operation, route: Route) -> str | None:
    """Say why the proxy lane may not be taken without being asked for; None where it may."""
    foreign = sorted({leaf.provider for leaf in route.leaves} - {MISTRAL, OPENAI})
    unseen = _unseen_tests(body, operation, route, "proxy")
    if route.guarded:
        return "the lossless proxy lane would skip the guardrails of the config"
    if route.hidden is not None:
        return f"the lossless proxy lane would skip guardrails, and {route.hidden}"
    if foreign:
        return f"the proxy lane does not translate for {', '.join(foreign)}"
    if unseen:
        return f"a condition tests {', '.join(unseen)}, which the proxy lane does not send so"
    return None


def _unseen_tests(
    body: Mapping[str, Any], operation: Operation, route: Route, lane: Lane
) -> tuple[str, ...]:
    """Name the keys that conditions test and this lane says otherwise, though the request sets them."""
    if not route.tested:
        return ()
    sent = [leaf_body(body, leaf, operation, lane, overridden=False)[0] for leaf in route.leaves]

    def is_unseen(key: str) -> bool:
        if key == _PATHNAME:
            return lane == "proxy"
        name = key.removeprefix("params.").partition(".")[0]
        own = ALIASES.get(name, name)
        is_set = key.startswith("params.") and own in body
        return is_set and not all(name in told and told[name] == body[own] for told in sent)

    return tuple(sorted(filter(is_unseen, route.tested)))


def _refuse_unseen_tests(
    body: Mapping[str, Any], operation: Operation, route: Route, lane: Lane
) -> None:
    """The gateway would look for what this lane says otherwise, and pick another target in silence."""
    if unseen := _unseen_tests(body, operation, route, lane):
        raise ConfigurationError(
            f"A condition of the config tests {', '.join(unseen)}, which gateway_lane={lane!r} does not send "
            "so. Leave gateway_lane at 'auto', or test the name that this lane sends."
        )


def _loss(losses: tuple[str, ...], why: str) -> ParameterLossError:
    names = ", ".join(losses)
    return ParameterLossError(
        f"The gateway's unified route would lose {names} on the way to Mistral; {why}. Ways out: "
        "gateway_lane='proxy' (skips guardrails), the direct way without a gateway, or a request without "
        f"{names}.",
        parameters=losses,
    )


def keys_of_query(query: object) -> Iterator[str]:
    """Give the keys that a query of a conditional config looks at."""
    if isinstance(query, Mapping):
        for key, value in query.items():
            if key in ("$and", "$or") and isinstance(value, list):
                for item in value:
                    yield from keys_of_query(item)
            else:
                yield str(key)
