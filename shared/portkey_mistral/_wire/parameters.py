"""The parameters of a canonical body: their aliases, and which values are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._api import PARAMETER_ALIASES
from portkey_mistral._json import drop_none
from portkey_mistral.exceptions import InvalidRequestError

__all__ = ["drop_empty", "resolve_aliases"]

# Without tools these have no effect, and some servers reject them.
_ONLY_WITH_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_REQUIRES_NO_CALL = (None, "auto", "none")


def resolve_aliases(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under Mistral's names. Its bodies are closed, so it rejects other vendors' names."""
    return {PARAMETER_ALIASES.get(name, name): value for name, value in fields.items()}


def drop_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out None, an empty list of tools, and, without tools, the fields that require them.

    Raises:
        InvalidRequestError: `tool_choice` requires a tool call, but there are no tools.
    """
    kept = drop_none(**body)
    if kept.get("tools") or kept.keys().isdisjoint(_ONLY_WITH_TOOLS):
        return kept
    if kept.get("tool_choice") not in _REQUIRES_NO_CALL:
        raise InvalidRequestError(
            f"tool_choice requires a tool call ({kept['tool_choice']!r}), but no tools are given."
        )
    for name in _ONLY_WITH_TOOLS:
        kept.pop(name, None)
    return kept
