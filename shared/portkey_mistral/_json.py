"""Writes and reads JSON. The one place that handles text that JSON cannot represent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["drop_none", "dumps", "loads", "without_surrogates"]


def drop_none(**members: Any) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}


def dumps(value: Any) -> bytes:
    """Return compact UTF-8 JSON. A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD.

    Raises:
        ValueError: `value` contains something that JSON cannot represent (NaN, infinity, an object of another type).
    """
    try:
        data = to_json(value, fallback=_plain)
    except PydanticSerializationError as error:
        replaced = without_surrogates(value)
        if replaced == value:
            raise ValueError(f"not JSON: {error}") from None
        data = to_json(replaced, fallback=_plain)
    # `in` would cost as much as the encoding of a small value: it first tries its operand as an integer.
    if data.find(b"NaN") >= 0 or data.find(b"Infinity") >= 0:
        # These words usually occur within strings; if they are numbers, the standard library raises.
        json.dumps(value, allow_nan=False, default=_plain)
    return data


def loads(
    data: bytes, *, allow_inf_nan: bool = True, allow_control_characters: bool = False
) -> Any:
    """Parse JSON. Escaped lone surrogates become U+FFFD.

    `allow_inf_nan` accepts NaN and Infinity, which are not JSON but which Python's encoder writes;
    `allow_control_characters` accepts line breaks and tabs within strings, which are not JSON but which models write.

    Raises:
        ValueError: `data` is not one complete JSON value.
    """
    try:
        return from_json(data, allow_inf_nan=allow_inf_nan)
    except ValueError as error:
        if b"\\u" not in data and not allow_control_characters:
            raise
        try:
            value = json.loads(
                data,
                strict=not allow_control_characters,
                parse_constant=None if allow_inf_nan else _refuse_constant,
            )
            return without_surrogates(value)
        except (ValueError, RecursionError):
            raise error from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def without_surrogates(value: Any) -> Any:
    """Return a JSON value in which U+FFFD replaces lone surrogates, which UTF-8 cannot encode."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Mapping():
            return {
                without_surrogates(key): without_surrogates(item) for key, item in value.items()
            }
        case list() | tuple():
            return [without_surrogates(item) for item in value]
        case _:
            return value
