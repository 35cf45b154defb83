"""About how large a prompt is, for what is decided before any server has counted it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral.tokens import BYTES_PER_TOKEN

__all__ = ["PromptSize"]


class PromptSize:
    """Gives the tokens of a prompt when it is called. Few calls ask, and a long history takes long to count."""

    __slots__ = ("_body", "_tokens")

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._tokens: int | None = None

    def __call__(self) -> int:
        if self._tokens is None:
            body = self._body
            said = body.get("messages") or body.get("prompt") or body.get("input") or ""
            self._tokens = _bytes(said) // BYTES_PER_TOKEN
        return self._tokens


def _bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, list):
        return sum(map(_bytes, value))
    if isinstance(value, Mapping):
        return sum(map(_bytes, value.values()))
    return 0
