"""Which parameters a gateway's unified route would drop, or might.

`gateway_lane.py` decides what happens then: the proxy route, or a `ParameterLossError`.

It maps a body to each provider's own fields. For Mistral that is a short list. The open-source gateway drops everything
else (observed in 1.15.2). Hosted Portkey and enterprise gateways carry `response_format` since April 2026 (enterprise
changelog, 2.5.0); what they do with the rest is not documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._api import Operation
from portkey_mistral._providers import OPENAI
from portkey_mistral._wire.dialects import encode
from portkey_mistral._wire.gateway_route import Route

__all__ = ["UNIFIED_OPERATIONS", "lost_on_unified"]

# The fields that the unified route of every gateway passes on to Mistral (`random_seed` as `seed`).
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
# The further fields that hosted Portkey and enterprise gateways pass on.
_CARRIED_BY_HOSTED: Mapping[Operation, frozenset[str]] = {"chat": frozenset({"response_format"})}
# Dropped too, but without loss, because these are Mistral's defaults.
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
_MAX_UNIFIED_TEMPERATURE = 1.0

UNIFIED_OPERATIONS = frozenset(_CARRIED)
"""The operations that the unified route has."""


def lost_on_unified(body: Mapping[str, Any], operation: Operation, route: Route) -> tuple[str, ...]:
    """Return the parameters that the unified route would drop or change for a target, or might.

    A target that Portkey resolves may be Mistral's, so it counts as one.
    """
    return tuple(
        dict.fromkeys(
            name
            for leaf in route.leaves
            if leaf.provider != OPENAI
            for name, value in encode(body, leaf.overrides, "mistral", operation).body.items()
            if not _is_carried(name, value, operation, hosted=route.hosted)
        )
    )


def _is_carried(name: str, value: Any, operation: Operation, *, hosted: bool) -> bool:
    if hosted and name in _CARRIED_BY_HOSTED.get(operation, ()):
        return True
    if name in _DEFAULTS and value == _DEFAULTS[name]:
        return True
    match name, value:
        case "temperature", int() | float():
            return value <= _MAX_UNIFIED_TEMPERATURE
        case "max_tokens", int():
            return value > 0
        case _:
            return name in _CARRIED[operation]
