"""Validates the URL of the state store. Does not connect.

memory:                  this process, all its clients
memory:NAME              this process, separate for each name redis://HOST:PORT/DB     shared through a Redis server;
`rediss://` over TLS. Needs the extra [redis]
"""

from __future__ import annotations

from portkey_mistral._redaction import without_password
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["check_state_url", "is_redis"]

MEMORY = "memory:"
_REDIS_SCHEMES = ("redis", "rediss")


def is_redis(url: str) -> bool:
    return url.partition(":")[0] in _REDIS_SCHEMES


def check_state_url(url: str) -> None:
    """Raise `ConfigurationError` for any other URL, or if the library for it is not installed.

    Errors do not contain the URL's password.
    """
    if is_redis(url):
        _check_redis_url(url)
    elif not url.startswith(MEMORY):
        raise ConfigurationError(
            "state must be 'memory:', 'memory:NAME', 'redis://HOST:PORT/DB' or 'rediss://...' "
            "(the argument, or PORTKEY_MISTRAL_STATE)."
        )


def _check_redis_url(url: str) -> None:
    try:
        from redis import ConnectionPool, RedisError
    except ImportError:
        raise ConfigurationError(
            f"state={without_password(url)!r} needs the Redis client: "
            "pip install 'portkey-mistral[redis]'."
        ) from None
    try:
        # The client checks options only when it creates a connection, at its first command. This creates the object
        # without connecting.
        ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, RedisError):
        # Their messages may contain the URL.
        raise ConfigurationError(
            "state= (or PORTKEY_MISTRAL_STATE) is not a Redis URL: "
            "redis://[USER:PASSWORD@]HOST[:PORT][/DB], followed by options of the Redis client after a '?'."
        ) from None
