"""What checks of schemas and of values share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeGuard

from pydantic_core import to_json

__all__ = ["MAX_DEPTH", "Schema", "follow", "is_number", "is_whole", "shown"]

Schema: TypeAlias = Mapping[str, Any]

MAX_DEPTH: Final = 60
"""How deep schemas and values may be nested."""


def follow(root: Schema, pointer: str) -> Any:
    """Return what a `$ref` within the same document refers to, None if nothing."""
    node: Any = root
    for part in pointer.removeprefix("#").strip("/").split("/"):
        if not part:
            continue
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list):
            node = node[int(name)] if name.isdecimal() and int(name) < len(node) else None
        else:
            node = node.get(name) if isinstance(node, dict) else None
    return node


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int | float]:
    """Return whether a value is an integer in the sense of JSON Schema: 3.0 is one."""
    return is_number(value) and (isinstance(value, int) or value.is_integer())


def shown(value: object) -> str:
    text = to_json(value, fallback=repr).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"
