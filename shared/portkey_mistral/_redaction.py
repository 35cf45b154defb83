"""Keeps keys out of sight: which names and values are secret, and how each kind is hidden.

Which keys a call holds is collected in `_call/keys_to_hide.py`.

Secrets in a config or in headers are found by name. Guardrails, hooks and cloud settings have credentials under names
that cannot be listed, so any name that looks like a credential's counts as one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from pydantic import SecretStr

__all__ = [
    "drop_secrets",
    "is_secret_name",
    "possible_keys",
    "safe_headers",
    "scrub",
    "scrub_json",
    "secret_value",
    "secret_values",
    "unwrap_secrets",
    "url_passwords",
    "without_password",
    "wrap_secrets",
]

# --- single values, and JSON trees that hold them ---------------------------------------------------

_ENDINGS = ("key", "token", "secret", "password", "passwd", "credential", "credentials", "jwt")
_PARTS = ("apikey", "authorization", "secret", "password", "privatekey", "serviceaccount")


def is_secret_name(name: str) -> bool:
    """Whether a key of this name is likely to hold a credential."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    return bare.endswith(_ENDINGS) or any(part in bare for part in _PARTS)


def secret_value(secret: SecretStr | str | None) -> str | None:
    """Return the plain text of a secret."""
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def wrap_secrets(value: Any, *, secret: bool = False) -> Any:
    """Copy a JSON value; texts below a key with a secret's name become `SecretStr`."""
    match value:
        case str() if secret:
            return SecretStr(value)
        case Mapping():
            return {
                str(key): wrap_secrets(item, secret=secret or is_secret_name(str(key)))
                for key, item in value.items()
            }
        case list() | tuple():
            return [wrap_secrets(item, secret=secret) for item in value]
        case _:
            return value


def unwrap_secrets(value: Any) -> Any:
    """Copy a JSON value with every `SecretStr` as plain text."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Mapping():
            return {key: unwrap_secrets(item) for key, item in value.items()}
        case list() | tuple():
            return [unwrap_secrets(item) for item in value]
        case _:
            return value


def secret_values(value: Any) -> Iterator[str]:
    """Yield the plain text of every `SecretStr` in a JSON value."""
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case Mapping():
            for item in value.values():
                yield from secret_values(item)
        case list() | tuple():
            for item in value:
                yield from secret_values(item)
        case _:
            pass


def drop_secrets(value: Any) -> Any:
    """Copy a JSON value without its `SecretStr` values and their keys."""
    match value:
        case Mapping():
            return {
                key: drop_secrets(item)
                for key, item in value.items()
                if not isinstance(item, SecretStr)
            }
        case list() | tuple():
            return [drop_secrets(item) for item in value if not isinstance(item, SecretStr)]
        case _:
            return value


# --- texts ------------------------------------------------------------------------------------------

# Shorter secrets are not replaced, because they could be ordinary words.
_SHORTEST_SECRET = 4


def scrub(text: str, secrets: Collection[str]) -> str:
    """Replace every secret in a text by `***`. If one is HTML- or percent-encoded, the text is returned decoded."""
    found = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    for decode in (html.unescape, unquote):
        decoded = decode(text)
        if decoded != text and any(secret in decoded for secret in found):
            text = decoded
    for secret in sorted(found, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def scrub_json(value: Any, secrets: Collection[str]) -> Any:
    """Copy a JSON value with every secret in its texts replaced.

    Unlike `scrub` on JSON text, it finds secrets that are escaped there.
    """
    match value:
        case str():
            return scrub(value, secrets)
        case Mapping():
            return {scrub(key, secrets): scrub_json(item, secrets) for key, item in value.items()}
        case list():
            return [scrub_json(item, secrets) for item in value]
        case _:
            return value


# --- headers ----------------------------------------------------------------------------------------

_SECRET_HEADER = re.compile(
    r"cookie|authorization|api-?key|token$|secret|virtual-key", re.IGNORECASE
)
# A shorter header value is not treated as a key: it may be "true", or a name.
_SHORTEST_KEY = 13


def safe_headers(headers: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """Return headers under lower-case names, without cookies and keys, and with `secrets` replaced."""
    safe = {
        lower: value
        for name, value in headers.items()
        if not _is_secret_header(lower := name.lower())
    }
    text = "\n".join(safe.values())
    if any(map(text.__contains__, secrets)):
        return {name: scrub(value, secrets) for name, value in safe.items()}
    return safe


@lru_cache(maxsize=256)  # servers send the same names with every response
def _is_secret_header(name: str) -> bool:
    return _SECRET_HEADER.search(name) is not None


def possible_keys(headers: Mapping[str, str] | None) -> Iterator[str]:
    """Yield the values of the user's own headers that are long enough to be keys, regardless of their names."""
    for value in (headers or {}).values():
        if len(value) >= _SHORTEST_KEY:
            yield value


# --- URLs -------------------------------------------------------------------------------------------

_PASSWORD_OPTIONS = ("password", "ssl_password")


def without_password(url: str) -> str:
    """Return the URL without passwords; the user name is kept.

    >>> without_password("redis://worker:s3cret@cache.example:6379/0?ssl_password=x&db=1")
    'redis://worker@cache.example:6379/0?db=1'
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    options = [
        (name, value) for name, value in parse_qsl(parts.query) if name not in _PASSWORD_OPTIONS
    ]
    return parts._replace(
        netloc=(user + at if user else "") + host, query=urlencode(options)
    ).geturl()


def url_passwords(url: str) -> frozenset[str]:
    """Return every password in the URL, as written and percent-decoded."""
    parts = urlsplit(url)
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    options = (value for name, value in parse_qsl(parts.query) if name in _PASSWORD_OPTIONS)
    return frozenset(word for word in (written, unquote(written), *options) if word)
