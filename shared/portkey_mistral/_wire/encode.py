"""The canonical body and a target's `override_params`, merged and then spelled in the target's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from portkey_mistral._records import record
from portkey_mistral._wire.mistral import ALIASES, renamed, settled
from portkey_mistral._wire.openai import to_openai
from portkey_mistral.requests import Operation

__all__ = ["Dialect", "Encoded", "encode"]

Dialect: TypeAlias = Literal["mistral", "openai"]


@record()
class Encoded:
    """`lost` names fields that the dialect has no word for."""

    body: dict[str, Any]
    lost: tuple[str, ...] = ()


def encode(
    body: Mapping[str, Any], overrides: Mapping[str, Any], dialect: Dialect, operation: Operation
) -> Encoded:
    """Merge, shallow and with the override winning as in Portkey; then spell.

    An override may use either vendor's name for a field; one that is null takes the field away.

    Raises:
        InvalidRequestError: the merged body demands a tool call without tools.
        ConfigurationError: the dialect has no such operation.
    """
    if dialect == "mistral":
        if not overrides:  # then it is settled already
            return Encoded(dict(body))
        return Encoded(settled({**body, **renamed(overrides)}))
    # To newer OpenAI models max_completion_tokens is not the same as max_tokens, so it stays.
    aliases = {name: own for name, own in ALIASES.items() if name != "max_completion_tokens"}
    demanded = {aliases.get(name, name): value for name, value in overrides.items()}
    told, lost = to_openai(settled({**body, **demanded}), operation, demanded=frozenset(demanded))
    return Encoded(told, lost)
