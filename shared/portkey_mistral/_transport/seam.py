"""Joins a resumed answer to the text that a cut attempt gave. Pure.

Mistral repeats the prefix it was asked to continue at the start of its answer (seen in vercel/ai#3256 and
SillyTavern#2557). It is cut off here, wherever the borders of the chunks fall.
"""

from __future__ import annotations

from portkey_mistral.messages import TextPart
from portkey_mistral.responses import Delta

__all__ = ["BrokenSeamError", "Seam"]


class BrokenSeamError(ValueError):
    """The new answer does not continue the old text."""


class Seam:
    """Takes the repeated prefix off the first deltas of a resumed stream."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._matched = 0

    def trim(self, delta: Delta) -> Delta | None:
        """Return what of the delta is new; None where all of it was repeated.

        Raises:
            BrokenSeamError: the answer repeats the prefix in part, and then says something else; or it
                begins with something else than text.
        """
        if self._matched == len(self._prefix):
            return delta
        if delta.tool_calls or not all(isinstance(part, TextPart) for part in delta.parts):
            raise BrokenSeamError("the resumed answer begins with something else than text")
        delta.text, delta.parts = self._new(delta.text), ()
        return delta if delta.text or delta.finish_reason or delta.usage else None

    def check_complete(self) -> None:
        """Raise `BrokenSeamError` if the answer ended within the repeated prefix."""
        if 0 < self._matched < len(self._prefix):
            raise BrokenSeamError("the resumed answer ended before the text that was already given")

    def _new(self, text: str) -> str:
        """Return what of the text lies behind the prefix."""
        left = len(self._prefix) - self._matched
        if self._prefix.startswith(text[:left], self._matched):
            self._matched += min(left, len(text))
            return text[left:]
        if self._matched:
            raise BrokenSeamError("the resumed answer leaves the text that was already given")
        # A server that does not repeat the prefix goes on at once.
        self._matched = len(self._prefix)
        return text
