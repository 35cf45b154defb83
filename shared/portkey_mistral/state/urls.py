"""Which part of a store's URL is a secret."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

__all__ = ["passwords", "without_password"]

_SECRET = ("password", "ssl_password")


def without_password(url: str) -> str:
    """Return the URL as it may be shown and stored; the user's name stays.

    >>> without_password("redis://worker:s3cret@cache.example:6379/0?ssl_password=x&db=1")
    'redis://worker@cache.example:6379/0?db=1'
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    options = [(name, value) for name, value in parse_qsl(parts.query) if name not in _SECRET]
    return parts._replace(
        netloc=(user + at if user else "") + host, query=urlencode(options)
    ).geturl()


def passwords(url: str) -> frozenset[str]:
    """Return every password in the URL, as written and as meant."""
    parts = urlsplit(url)
    written = parts.netloc.rpartition("@")[0].partition(":")[2]
    named = (value for name, value in parse_qsl(parts.query) if name in _SECRET)
    return frozenset(word for word in (written, unquote(written), *named) if word)
