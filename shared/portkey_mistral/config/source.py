"""Takes a config in any of the forms that users have it in: mapping, JSON text, path of a file, slug.

No text that was passed in is ever shown in an error: it may be a key in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Slug", "load"]

_SLUG = re.compile(r"pc-[A-Za-z0-9_-]+")


class Slug(str):
    """The name of a config that Portkey keeps."""

    __slots__ = ()


def load(value: Any) -> Mapping[str, Any] | Slug:
    """Return the raw config, or the slug of one.

    Raises:
        ConfigurationError: the value is none of the four forms, or its JSON is broken.
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
        f"The Portkey config is text of {len(text)} characters that is neither JSON (it would begin with "
        "'{'), nor the path of a file that is there, nor a slug 'pc-...'."
    )


def _is_file(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
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
    except ValueError as fault:
        # The parser says what it expected and where, and nothing of the text itself.
        raise ConfigurationError(f"There is a fault in {origin}: {fault}.") from None
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"There is a fault in {origin}: a config is a JSON object, like "
            '{"provider": "mistral-ai"}.'
        )
    return document
