"""Joins a resumed answer to the text that a cut attempt gave. Pure.

Mistral repeats the prefix it was asked to continue at the start of its answer (seen in vercel/ai#3256 and
SillyTavern#2557). It is cut off here, wherever the borders of the chunks fall.
"""

from __future__ import annotations

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
            BrokenSeamError: the answer repeats the prefix in part, and then says something else.
        """
        rest = self._prefix[self._matched :]
        text = delta.text
        if not rest or not text:
            return delta
        if text.startswith(rest):
            self._matched = len(self._prefix)
            delta.text = text[len(rest) :]
            return delta if delta.text or delta.finish_reason or delta.usage else None
        if rest.startswith(text):
            self._matched += len(text)
            return _without_text(delta)
        if self._matched:
            raise BrokenSeamError("the resumed answer leaves the text that was already given")
        # A server that does not repeat the prefix goes on at once.
        self._matched = len(self._prefix)
        return delta

    def check_complete(self) -> None:
        """Raise `BrokenSeamError` if the answer ended within the repeated prefix."""
        if 0 < self._matched < len(self._prefix):
            raise BrokenSeamError("the resumed answer ended before the text that was already given")


def _without_text(delta: Delta) -> Delta | None:
    if delta.finish_reason is None and delta.usage is None:
        return None
    delta.text = ""
    return delta
