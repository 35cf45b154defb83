"""Loads a config from any of its forms: mapping, JSON text, path of a file, slug.

Errors do not contain strings that were passed in, which may be a misplaced key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from portkey_mistral._providers import MISTRAL
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Slug", "load"]

_SLUG = re.compile(r"pc-[A-Za-z0-9_-]+")


class Slug(str):
    """The name of a config that is stored at Portkey."""

    __slots__ = ()


def load(value: Any) -> Mapping[str, Any] | Slug:
    """Return the raw config, or the slug of one.

    Raises:
        ConfigurationError: the value has none of these forms, or its JSON is invalid.
    """
    match value:
        case Mapping():
            return value
        case Path():
            return _parse(_read(value), f"the config file {str(value)!r}")
        case str():
            return _load_text(value.strip())
        case _:
            raise ConfigurationError(
                "A Portkey config must be a mapping, JSON text, the path of a file, a Config or a slug "
                f"'pc-...', got {type(value).__name__}."
            )


def _load_text(text: str) -> Mapping[str, Any] | Slug:
    if _SLUG.fullmatch(text):
        return Slug(text)
    if text.startswith(("{", "[", '"')):
        return _parse(text, "the config's JSON text")
    if _is_file(text):
        return _parse(_read(Path(text)), f"the config file {text!r}")
    raise ConfigurationError(
        f"The Portkey config is a string of {len(text)} characters that is neither JSON (which begins with "
        "'{'), nor the path of an existing file, nor a slug 'pc-...'."
    )


def _is_file(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or contains a NUL
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"The config file {str(path)!r} is not UTF-8 text.") from None
    except OSError as error:
        raise ConfigurationError(
            f"The config file {str(path)!r} cannot be read: {error.strerror}."
        ) from error


def _parse(text: str, origin: str) -> Mapping[str, Any]:
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        # The parser's message has the position and what was expected there, not the text itself.
        raise ConfigurationError(f"Invalid JSON in {origin}: {error}.") from None
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"{origin[0].upper()}{origin[1:]} must contain a JSON object, for example "
            f'{{"provider": "{MISTRAL}"}}.'
        )
    return document
