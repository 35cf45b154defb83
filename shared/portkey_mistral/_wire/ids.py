"""Ids of tool calls in the form that Mistral demands: nine of a-z, A-Z, 0-9."""

from __future__ import annotations

import re
from hashlib import sha256

__all__ = ["is_short_id", "known_id", "short_id"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 9
_SHORT = re.compile(r"[a-zA-Z0-9]{9}")


def is_short_id(text: str) -> bool:
    return _SHORT.fullmatch(text) is not None


def known_id(value: object) -> str | None:
    """Return an id that was really given. Mistral writes the text "null" where there is none yet."""
    return value if isinstance(value, str) and value not in ("", "null") else None


def short_id(text: str) -> str:
    """Make a nine-character id from any text, the same one every time."""
    number = int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)
