"""Checks of single values: each takes a value and its path, and gives it back or says what would be right.

An error tells keys and kinds, never a value: what stands in the wrong place may be a key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import SecretStr

from portkey_mistral.exceptions import ConfigurationError

__all__ = [
    "Check",
    "amount",
    "count",
    "fault",
    "flag",
    "header_names",
    "headers",
    "host",
    "is_address",
    "is_header_text",
    "items",
    "kind",
    "nearest",
    "one_of",
    "provider",
    "secret",
    "statuses",
    "text",
]

Check: TypeAlias = Callable[[Any, str], Any]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")

_NOT_MISTRAL = ("mistral", "mistralai", "mistral_ai", "mistral.ai")

# In this order: True is an int too.
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float), "a number"),
    ((str, SecretStr), "text"),
    (Mapping, "an object"),
    ((list, tuple), "a list"),
)


def fault(path: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {problem}")


def kind(value: Any) -> str:
    """Name the kind of a value in JSON's words."""
    names = (name for types, name in _KINDS if isinstance(value, types))
    return next(names, type(value).__name__)


def nearest(name: str, names: Collection[str]) -> str | None:
    """Return the name that was probably meant."""
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return near[0] if near else None


def text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise fault(path, f"must be text that is not empty, got {_got(value)}.")
    return value


def secret(value: Any, path: str) -> SecretStr:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(plain, str) or not plain:
        raise fault(path, f"must be a key as text, got {_got(plain)}.")
    if not _PRINTABLE.fullmatch(plain):
        raise fault(
            path,
            "holds a character that cannot stand in a header: a blank, a line break at the end, or one "
            "that is not ASCII, such as '…'.",
        )
    return SecretStr(plain)


def is_header_text(value: str) -> bool:
    return value.isascii() and value.isprintable()


def headers(value: Mapping[str, str], path: str) -> dict[str, str]:
    """Headers of the user's own, as they can be sent; their values may be keys."""
    for name, content in value.items():
        _header_name(name, path)
        if not is_header_text(content):
            raise fault(f"{path}[{name!r}]", "can hold only printable ASCII characters.")
    return dict(value)


def flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise fault(path, f"must be true or false, got {kind(value)}.")
    return value


def amount(value: Any, path: str) -> float:
    """A finite number, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault(path, f"must be a number, got {kind(value)}.")
    if not math.isfinite(value) or value < 0:
        raise fault(path, f"must be 0 or more, got {value}.")
    return value


def count(value: Any, path: str) -> int:
    """A whole number, 0 or more."""
    number = amount(value, path)
    if number != int(number):
        raise fault(path, f"must be a whole number, got {number}.")
    return int(number)


def provider(value: str, path: str) -> str:
    """The name of a provider, which may be one of Portkey's many, but no misnomer of Mistral's."""
    if value in _NOT_MISTRAL:
        raise fault(path, "is no provider of Portkey's; did you mean 'mistral-ai'?")
    return value


def one_of(*choices: str) -> Check:
    """Make a check for a text that is one of a few."""

    def check(value: Any, path: str) -> str:
        if value in choices and isinstance(value, str):
            return value
        known = ", ".join(repr(choice) for choice in choices)
        near = nearest(value, choices) if isinstance(value, str) else None
        hint = f" Did you mean {near!r}?" if near else ""
        got = "another text" if isinstance(value, str) else kind(value)
        raise fault(path, f"must be one of {known}, got {got}.{hint}")

    return check


def items(check: Check, what: str) -> Check:
    """Make a check for a list of which every item passes `check`."""

    def checked(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise fault(path, f"must be a list of {what}, got {kind(value)}.")
        return [check(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return checked


def _status(value: Any, path: str) -> int:
    status = count(value, path)
    if not 100 <= status <= 599:
        raise fault(path, f"must be an HTTP status from 100 to 599, got {status}.")
    return status


def _header_name(value: Any, path: str) -> str:
    if not isinstance(value, str) or not _HEADER_NAME.fullmatch(value):
        raise fault(path, "must be the name of a header, for example 'x-tenant'.")
    return value


statuses = items(_status, "HTTP statuses, for example [429, 503]")
header_names = items(_header_name, "header names, for example ['x-tenant']")


def host(value: Any, path: str) -> str:
    """A URL to which `/chat/completions` can be added. An empty one counts as none, as in the gateway."""
    if not isinstance(value, str):
        raise fault(path, f"must be a URL as text, got {kind(value)}.")
    url = value.strip().rstrip("/")
    if not url or url.startswith("sandbox:"):
        return url
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest.partition("/")[0]:
        raise fault(path, "must begin with http:// or https://, e.g. 'http://localhost:8000/v1'.")
    if "@" in rest.partition("/")[0]:
        raise fault(path, "must not hold a user name or key; write a key into api_key.")
    if re.search(r"[?#\s]", rest):
        raise fault(path, "must end where the endpoint begins: no '?', '#' or blank.")
    if not is_address(url):
        raise fault(path, "names no host, or no port from 1 to 65535.")
    return url


def is_address(url: str) -> bool:
    """Whether a path can be added to a URL, and its host and port can be called."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"[?#\s]", url)
    except ValueError:
        return False


def _got(value: Any) -> str:
    return "an empty text" if isinstance(value, str) else kind(value)
