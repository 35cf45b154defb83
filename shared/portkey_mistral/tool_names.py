"""Names of tools, the caller's and those on the wire: Mistral takes letters, digits, `_` and `-`, 64 at most.

Others are common: "files.read" of an MCP server, "Answer[int]" of a generic class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool

__all__ = ["spell", "wire_name"]

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 64


def wire_name(name: str) -> str:
    """Spell a function's name so that Mistral takes it."""
    return _ILLEGAL.sub("_", name)[:_LONGEST]


def spell(
    tools: Sequence[Tool | Mapping[str, Any]],
) -> tuple[list[Tool | Mapping[str, Any]], dict[str, str]]:
    """Give every tool a name that Mistral takes.

    Returns:
        The tools, and a map from the names on the wire to the caller's own.

    Raises:
        InvalidRequestError: two tools would have the same name.
    """
    names: dict[str, str] = {}
    spelled: list[Tool | Mapping[str, Any]] = []
    for tool in tools:
        if not isinstance(tool, Tool):
            spelled.append(tool)
            continue
        name = wire_name(tool.name)
        if name in names:
            raise InvalidRequestError(
                f"Two tools, {names[name]!r} and {tool.name!r}, are both {name!r} to the model. Rename one."
            )
        names[name] = tool.name
        spelled.append(replace(tool, name=name))
    return spelled, names
