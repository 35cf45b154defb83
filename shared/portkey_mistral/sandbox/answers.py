"""What the stand-in for a model says: text, calls of tools, or both. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool. Without an `id` the sandbox makes one by Mistral's rule."""

    name: str
    arguments: str = "{}"
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`content` may be None or a list of chunks where a script says so; the model itself gives text.

    `thinking` comes before the text. `finish_reason` is worked out unless it is given.
    """

    content: str | Sequence[Mapping[str, Any]] | None = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    finish_reason: str | None = None
