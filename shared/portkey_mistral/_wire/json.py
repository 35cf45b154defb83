"""JSON in and out, so that one place decides what happens to text that JSON cannot hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["dumps", "loads"]


def dumps(value: Any) -> bytes:
    """Write compact UTF-8. Half a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD.

    Raises:
        ValueError: something in `value` has no JSON form (NaN, infinity, an object of another type).
    """
    try:
        data = to_json(value, fallback=_plain)
    except PydanticSerializationError as fault:
        mended = _mended(value)
        if mended == value:
            raise ValueError(f"not JSON: {fault}") from None
        data = to_json(mended, fallback=_plain)
    if b"NaN" in data or b"Infinity" in data:
        # Mostly somebody's prose; the standard library tells it from a number that JSON lacks.
        json.dumps(value, allow_nan=False, default=_plain)
    return data


def loads(data: bytes) -> Any:
    """Read JSON. Escaped halves of surrogate pairs become U+FFFD.

    Raises:
        ValueError: `data` is not one whole JSON value.
    """
    try:
        return from_json(data)
    except ValueError:
        if b"\\u" not in data:
            raise
    try:
        return _mended(json.loads(data))
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _mended(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Mapping():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case list() | tuple():
            return [_mended(item) for item in value]
        case _:
            return value
