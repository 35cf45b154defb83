"""Validators of single values: each takes a value and its path, and returns the value or raises.

Error messages contain config keys and types, never values, because a misplaced value may be an API key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import SecretStr

from portkey_mistral._providers import MISTRAL, is_sandbox
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.exceptions import ConfigurationError

__all__ = [
    "FRAMING_HEADERS",
    "ListOf",
    "Validator",
    "boolean",
    "error_at",
    "header_name",
    "headers",
    "host_url",
    "integer",
    "is_header_text",
    "is_host_url",
    "json_type",
    "number",
    "one_of",
    "provider",
    "secret",
    "statuses",
    "string",
    "with_hint",
]

Validator: TypeAlias = Callable[[Any, str], Any]

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")

FRAMING_HEADERS = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
"""Headers that determine the framing and routing of a request, and are set by the HTTP library. Set by a user, they
could make a server read one request as two."""

_NOT_MISTRAL = ("mistral", "mistralai", "mistral_ai", "mistral.ai")

# In this order: True is an int too.
_JSON_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    ((int, float), "a number"),
    ((str, SecretStr), "a string"),
    (Mapping, "an object"),
    ((list, tuple), "a list"),
)


def error_at(path: str, problem: str) -> ConfigurationError:
    """Return the error for a value: its path, and what is valid there."""
    return ConfigurationError(f"{path}: {problem}")


def json_type(value: Any) -> str:
    """Return the JSON type of a value, "a number" for example."""
    names = (name for types, name in _JSON_TYPES if isinstance(value, types))
    return next(names, type(value).__name__)


def with_hint(problem: str, hint: str) -> str:
    """Append a hint, which may be empty, to a message."""
    return f"{problem}; {hint}" if hint else f"{problem}."


def string(value: Any, path: str) -> str:
    """A string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise error_at(path, f"must be a non-empty string, got {_got(value)}.")
    return value


def secret(value: Any, path: str) -> SecretStr:
    """A key, as a string or a `SecretStr`, that can be sent in a header."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(plain, str) or not plain:
        raise error_at(path, f"must be a key as a string, got {_got(plain)}.")
    if not _PRINTABLE.fullmatch(plain):
        raise error_at(
            path,
            "contains a character that is not allowed in a header: a blank, a line break at the end, or one "
            "that is not ASCII, such as '…'.",
        )
    return SecretStr(plain)


def is_header_text(value: str) -> bool:
    """Whether a value can be sent in a header."""
    return value.isascii() and value.isprintable()


def headers(value: Mapping[str, str], path: str) -> dict[str, str]:
    """The user's own headers. Errors do not contain their values, which may be keys."""
    for name, content in value.items():
        header_name(name, path)
        if name.lower() in FRAMING_HEADERS:
            raise error_at(f"{path}[{name!r}]", "is set by the HTTP library and cannot be given.")
        if not is_header_text(content):
            raise error_at(f"{path}[{name!r}]", "must contain only printable ASCII characters.")
    return dict(value)


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise error_at(path, f"must be true or false, got {json_type(value)}.")
    return value


def number(value: Any, path: str) -> float:
    """A finite number, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise error_at(path, f"must be a number, got {json_type(value)}.")
    if not math.isfinite(value) or value < 0:
        raise error_at(path, f"must be 0 or more, got {value}.")
    return value


def integer(value: Any, path: str) -> int:
    """A whole number, 0 or more."""
    checked = number(value, path)
    if checked != int(checked):
        raise error_at(path, f"must be a whole number, got {checked}.")
    return int(checked)


def provider(value: str, path: str) -> str:
    """The name of a provider. Portkey supports many; only wrong names for Mistral are rejected."""
    if value in _NOT_MISTRAL:
        raise error_at(path, f"unknown provider; did you mean {MISTRAL!r}?")
    return value


def one_of(*choices: str) -> Validator:
    """Return a validator for a string that is one of a few."""

    def validate(value: Any, path: str) -> str:
        if value in choices and isinstance(value, str):
            return value
        known = ", ".join(repr(choice) for choice in choices)
        got = "another string" if isinstance(value, str) else json_type(value)
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise error_at(path, with_hint(f"must be one of {known}, got {got}", hint))

    return validate


@dataclass(frozen=True, slots=True)
class ListOf:
    """A validator of a list, every item of which passes `item`."""

    item: Validator
    what: str

    def __call__(self, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise error_at(path, f"must be a list of {self.what}, got {json_type(value)}.")
        return [self.item(item, f"{path}[{index}]") for index, item in enumerate(value)]


def _status(value: Any, path: str) -> int:
    status = integer(value, path)
    if not 100 <= status <= 599:
        raise error_at(path, f"must be an HTTP status from 100 to 599, got {status}.")
    return status


def header_name(value: Any, path: str) -> str:
    if not isinstance(value, str) or not _HEADER_NAME.fullmatch(value):
        raise error_at(path, "must be the name of a header, for example 'x-tenant'.")
    return value


statuses = ListOf(_status, "HTTP statuses, for example [429, 503]")


def host_url(value: Any, path: str) -> str:
    """A URL to which `/chat/completions` can be appended. An empty one counts as absent, as in the gateway."""
    if not isinstance(value, str):
        raise error_at(path, f"must be a URL as a string, got {json_type(value)}.")
    url = value.strip().rstrip("/")
    if not url or is_sandbox(url):
        return url
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest.partition("/")[0]:
        raise error_at(
            path, "must begin with http:// or https://, e.g. 'http://localhost:8000/v1'."
        )
    if "@" in rest.partition("/")[0]:
        raise error_at(path, "must not contain a user name or key; write a key into api_key.")
    if re.search(r"[?#\s]", rest):
        raise error_at(path, "must not contain '?', '#' or a blank: paths are appended to it.")
    if not is_host_url(url):
        raise error_at(path, "has no host, or no port from 1 to 65535.")
    return url


def is_host_url(url: str) -> bool:
    """Whether a URL has a host and a valid port, and a path can be appended to it."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"[?#\s]", url)
    except ValueError:
        return False


def _got(value: Any) -> str:
    return "an empty string" if isinstance(value, str) else json_type(value)
