"""Answers of the stand-in model: text, tool calls, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

__all__ = ["Answer", "Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. Without an `id` the sandbox generates one: nine letters or digits, as Mistral does.

    `arguments` is JSON text, which may be broken on purpose.
    """

    name: str
    arguments: str = "{}"
    id: str | None = None

    @classmethod
    def of(
        cls, name: str, arguments: Mapping[str, Any] | str = "{}", id: str | None = None
    ) -> Call:
        """Make a call of JSON text or of the arguments themselves."""
        text = arguments if isinstance(arguments, str) else to_json(arguments).decode()
        return cls(name, text, id)


@dataclass(frozen=True, slots=True)
class Answer:
    """`content` is text; a scripted answer may also have None or a list of content chunks.

    `thinking` comes before the text. `finish_reason` defaults to "tool_calls" or "stop".
    """

    content: str | Sequence[Mapping[str, Any]] | None = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    finish_reason: str | None = None
