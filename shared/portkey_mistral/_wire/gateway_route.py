"""Where a gateway may send a request, as far as that is known before it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portkey_mistral._wire.dialects import Dialect

__all__ = ["Leaf", "Route"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One target of the config. `overrides` are its own, merged with its parents'. `dialect` is that of an OpenAI target."""

    path: str
    provider: str
    overrides: Mapping[str, Any]
    dialect: Dialect = "openai"


@dataclass(frozen=True, slots=True)
class Route:
    """The possible targets of a request behind the gateway, as far as they are known here.

    `hosted` is set for hosted Portkey and enterprise gateways, `guarded` if the config has guardrails, hooks or mutators.
    `condition_keys` are the keys that its conditions test. `unforwarded` are the caller's headers that must not be sent
    to every target.
    """

    leaves: tuple[Leaf, ...]
    hosted: bool = False
    guarded: bool = False
    condition_keys: frozenset[str] = frozenset()
    unforwarded: tuple[str, ...] = ()
