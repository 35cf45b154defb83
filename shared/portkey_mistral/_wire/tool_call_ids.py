"""The ids of tool calls: which ones Mistral accepts, and a replacement for all others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import TypeVar

from portkey_mistral.messages import ToolCall

__all__ = ["is_short_id", "known_id", "short_id", "unique_ids"]

T = TypeVar("T")

# Mistral accepts no other ids: "Tool call id was X but must be a-z, A-Z, 0-9, with a length of 9."
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 9
_SHORT = re.compile(r"[a-zA-Z0-9]{9}")


def is_short_id(text: str) -> bool:
    return _SHORT.fullmatch(text) is not None


def known_id(value: object) -> str | None:
    """Return an id, or None if there is none, for which Mistral streams the literal string "null"."""
    return value if isinstance(value, str) and value not in ("", "null") else None


def short_id(text: str) -> str:
    """Hash a text to an id that Mistral accepts."""
    number = int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)


def unique_ids(
    calls: Iterable[tuple[T, ToolCall]], earlier_ids: Collection[str] = ()
) -> dict[T, str]:
    """Return a unique id for each call of a history: its own if Mistral accepts it, else a stable hash of it.

    Calls come with a key, which is theirs in the result. `earlier_ids` are in use already.
    """
    all_calls = list(calls)
    kept = set(earlier_ids)
    taken = kept | {call.id for _, call in all_calls if call.id and is_short_id(call.id)}
    ids: dict[T, str] = {}
    for key, call in all_calls:
        own = known_id(call.id) or ""
        if own in taken and own not in kept and is_short_id(own):
            kept.add(own)
            ids[key] = own
        else:
            ids[key] = _unused_id(own, taken)
            taken.add(ids[key])
    return ids


def _unused_id(text: str, taken: set[str]) -> str:
    while (candidate := short_id(text)) in taken:
        text += "'"
    return candidate
