"""Parses a request's URL and checks its headers, for the HTTP libraries that leave this to their caller."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from portkey_mistral._transport.base import ConnectError, LocalProtocolError, UnsupportedProtocol
from portkey_mistral._transport.encoding import ACCEPT_ENCODING
from portkey_mistral._wire.http_request import HTTPRequest
from portkey_mistral.config.validators import FRAMING_HEADERS

__all__ = ["Address", "Origin", "check_headers", "joined", "parse_url"]

_PORTS = {"http": 80, "https": 443}
_SAFE = "/%?:@!$&'()*+,;=-._~"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Printable ASCII without leading or trailing blanks: servers may interpret anything else differently.
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")


class Origin(NamedTuple):
    """Where connections lead."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL. `url` lacks a name and password, which are among `headers`; `target` is its path and query.

    `headers` are those that every request to it has, unless it has its own of these names.
    """

    origin: Origin
    url: str
    target: str
    headers: Mapping[str, str] = field(repr=False)


@lru_cache(maxsize=256)
def parse_url(url: str) -> Address:
    """Parse an absolute http or https URL.

    Raises:
        UnsupportedProtocol: it has another scheme, or none.
        ConnectError: it has no host that could be looked up.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConnectError(f"Invalid URL: {error}") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise UnsupportedProtocol(f"The scheme of a URL must be http or https, not {scheme!r}")
    target = quote(parts.path or "/", _SAFE) + (
        f"?{quote(parts.query, _SAFE)}" if parts.query else ""
    )
    headers = {"accept-encoding": ACCEPT_ENCODING}
    if parts.username or parts.password:
        credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        headers["authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
    origin = Origin(scheme, _host(parts.hostname), port or _PORTS[scheme])
    return Address(origin, _base(origin) + target, target, headers)


def _base(origin: Origin) -> str:
    scheme, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}{'' if port == _PORTS[scheme] else f':{port}'}"


def _host(host: str | None) -> str:
    if not host:
        raise ConnectError("The URL has no host")
    if host.isascii():
        if ":" not in host and any(
            not 0 < len(label) < 64 for label in host.rstrip(".").split(".")
        ):
            raise ConnectError(f"Invalid host name: {host[:80]!r}")
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ConnectError(f"Invalid host name: {error}") from error


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case, with the values of repeated ones joined."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def check_headers(request: HTTPRequest) -> None:
    """Reject headers that a server could read as several, or that would change the framing of the request.

    Neither urllib3 nor aiohttp checks all of this. A value may be a key, so it appears neither in the message nor in a
    local variable, which error reporters print.

    Raises:
        LocalProtocolError: a name or a value cannot be sent.
    """
    if all(map(_is_sendable, request.headers, request.headers.values())):
        return
    for name in request.headers:
        if not _is_sendable(name, request.headers[name]):
            raise LocalProtocolError(f"Illegal header: {name!r}")


@lru_cache(maxsize=512)  # a process has few keys, and most headers are the same in every request
def _is_sendable(name: str, value: str) -> bool:
    return bool(
        _TOKEN.fullmatch(name) and _VALUE.fullmatch(value) and name.lower() not in FRAMING_HEADERS
    )
