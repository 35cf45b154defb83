"""Count tokens by a simple rule that splits text into pieces of the size that a tokenizer would make.

A piece is up to six Latin letters, up to two letters of another script, up to three digits or signs (each
with the space before it), or a run of white space. Joined pieces give back the text.
"""

from __future__ import annotations

import re

__all__ = ["MESSAGE_TOKENS", "count", "pieces", "words"]

MESSAGE_TOKENS = 4
"""What the marks around one message cost."""

_PIECE = re.compile(r" ?[A-Za-z]{1,6}| ?\d{1,3}| ?[^\W\d_]{1,2}| ?[^\w\s]{1,3}|\s+|.", re.DOTALL)
_WORD = re.compile(r"\s*\S{1,24}|\s+")


def pieces(text: str) -> list[str]:
    return _PIECE.findall(text)


def count(text: str) -> int:
    return len(_PIECE.findall(text))


def words(text: str) -> list[str]:
    """Split into the pieces that a stream sends: a word with the white space before it."""
    return _WORD.findall(text)
