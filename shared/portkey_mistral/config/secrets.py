"""Which values of a config are secret, by the name of their key; and how they are kept, shown and left out.

Guardrails, hooks and cloud settings hold credentials of their own under names that nobody can list, so a
name that looks like one is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

__all__ = ["conceal", "is_secret_name", "reveal", "without_secrets"]

_ENDINGS = ("key", "token", "secret", "password", "passwd", "credential", "credentials", "jwt")
_PARTS = ("apikey", "authorization", "secret", "password", "privatekey", "serviceaccount")


def is_secret_name(name: str) -> bool:
    """Whether a key of this name is likely to hold a credential."""
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    return bare.endswith(_ENDINGS) or any(part in bare for part in _PARTS)


def conceal(value: Any, *, secret: bool = False) -> Any:
    """Copy a JSON value; texts below a key with a secret's name become `SecretStr`."""
    match value:
        case str() if secret:
            return SecretStr(value)
        case Mapping():
            return {
                str(key): conceal(item, secret=secret or is_secret_name(str(key)))
                for key, item in value.items()
            }
        case list() | tuple():
            return [conceal(item, secret=secret) for item in value]
        case _:
            return value


def reveal(value: Any) -> Any:
    """Copy a value with every secret as plain text."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Mapping():
            return {key: reveal(item) for key, item in value.items()}
        case list() | tuple():
            return [reveal(item) for item in value]
        case _:
            return value


def without_secrets(value: Any) -> Any:
    """Copy a value and leave every secret out, together with its key."""
    match value:
        case Mapping():
            return {
                key: without_secrets(item)
                for key, item in value.items()
                if not isinstance(item, SecretStr)
            }
        case list() | tuple():
            return [without_secrets(item) for item in value if not isinstance(item, SecretStr)]
        case _:
            return value
