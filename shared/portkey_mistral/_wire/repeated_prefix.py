"""Removes text that Mistral repeats from the start of a response: that of an assistant message sent last.

It does so where an interrupted response is continued, and where a last message was treated as a prefix (its API
reference, `prefix`; in streams too: vercel/ai#3256, SillyTavern#2557).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portkey_mistral.messages import Message, TextPart
from portkey_mistral.requests import Request
from portkey_mistral.responses import ChatResponse, Choice, Delta

__all__ = [
    "PrefixMismatchError",
    "PrefixTrimmer",
    "RepeatedPrefixTrimmer",
    "assumed_prefix",
    "without_prefix",
]


class PrefixMismatchError(ValueError):
    """The continued response does not begin with the prefix."""


class PrefixTrimmer:
    """Removes the repeated prefix from the first deltas of a continued stream."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._matched = 0

    def trim(self, delta: Delta) -> Delta | None:
        """Return what is new in a delta, or None if all of it was repeated.

        Raises:
            PrefixMismatchError: the response repeats only a part of the prefix before its text differs, or
                begins with something other than text.
        """
        if self._matched == len(self._prefix):
            return delta
        if delta.tool_calls or not all(isinstance(part, TextPart) for part in delta.parts):
            raise PrefixMismatchError(
                "the continued response begins with something other than text"
            )
        text = self._trim_text(delta.text)
        if not (text or delta.finish_reason or delta.usage):
            return None
        return replace(delta, text=text, parts=())

    def check_complete(self) -> None:
        """Raise `PrefixMismatchError` if the response ended within the prefix."""
        if 0 < self._matched < len(self._prefix):
            raise PrefixMismatchError("the continued response ended before the end of its prefix")

    def _trim_text(self, text: str) -> str:
        missing = len(self._prefix) - self._matched
        if self._prefix.startswith(text[:missing], self._matched):
            self._matched += min(missing, len(text))
            return text[missing:]
        if self._matched:
            raise PrefixMismatchError("the continued response differs from its prefix")
        # A server that does not repeat the prefix: all of its text is new.
        self._matched = len(self._prefix)
        return text


# --- a prefix that the caller did not mark -----------------------------------------------------------------


def assumed_prefix(request: Request | None, body: Mapping[str, Any]) -> str:
    """Return the text of a last assistant message that is treated as a prefix without being marked as one.

    The caller has that text, so Mistral's repetition of it is not part of the answer. A prefix that the caller marked
    is repeated, as in the API.
    """
    messages = getattr(request, "messages", None)
    if not messages or messages[-1].prefix is not None or "messages" not in body:
        return ""
    last = body["messages"][-1]
    if not last.get("prefix"):
        return ""
    content = last["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part.get("type") == "text")


def without_prefix(response: ChatResponse, prefix: str) -> ChatResponse:
    """Remove the prefix from a whole response that repeats it."""
    choices = tuple(_choice_without_prefix(choice, prefix) for choice in response.choices)
    return response if choices == response.choices else replace(response, choices=choices)


def _choice_without_prefix(choice: Choice, prefix: str) -> Choice:
    message = _message_without_prefix(choice.message, prefix)
    return choice if message is None else replace(choice, message=message)


def _message_without_prefix(message: Message, prefix: str) -> Message | None:
    match message.content:
        case str(text) if text.startswith(prefix):
            return replace(message, content=text.removeprefix(prefix))
        case (TextPart(text) as first, *others) if text.startswith(prefix):
            trimmed = replace(first, text=text.removeprefix(prefix))
            return replace(message, content=(trimmed, *others))
        case _:
            return None


class RepeatedPrefixTrimmer:
    """Removes a prefix from the beginning of each choice of a stream that repeats all of it.

    Unlike `PrefixTrimmer`, it treats a part of the prefix as the response's own text.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        # Text held back, per choice; None once it is known whether the choice repeats the prefix.
        self._held: dict[int, str | None] = {}

    def trim(self, delta: Delta) -> Delta | None:
        """Return what is new in a delta, or None if all of it is repeated or held back."""
        held = self._held.get(delta.choice, "")
        if held is None or delta.choice < 0:
            return delta
        if delta.tool_calls or not all(isinstance(part, TextPart) for part in delta.parts):
            self._held[delta.choice] = None
            return replace(delta, text=held + delta.text) if held else delta
        text = self._trim_text(delta.choice, held + delta.text, ends=bool(delta.finish_reason))
        if not (text or delta.finish_reason or delta.usage):
            return None
        return replace(delta, text=text, parts=())

    def check_complete(self) -> None:
        """Nothing to do: text held back was returned at the end of its choice."""

    def _trim_text(self, choice: int, text: str, *, ends: bool) -> str:
        if text.startswith(self._prefix):
            self._held[choice] = None
            return text.removeprefix(self._prefix)
        if self._prefix.startswith(text) and not ends:
            self._held[choice] = text
            return ""
        self._held[choice] = None
        return text
