"""Count tokens by a rule that splits text into pieces of about the size of a tokenizer's.

A piece is up to six Latin letters, up to two letters of another script, up to three digits or symbols (each
with the space before it), or a run of white space. The joined pieces are the text.
"""

from __future__ import annotations

import re

__all__ = ["MESSAGE_TOKENS", "count", "pieces", "words"]

MESSAGE_TOKENS = 4
"""Tokens of the control marks around one message."""

_PIECE = re.compile(r" ?[A-Za-z]{1,6}| ?\d{1,3}| ?[^\W\d_]{1,2}| ?[^\w\s]{1,3}|\s+|.", re.DOTALL)
_WORD = re.compile(r"\s*\S{1,24}|\s+")


def pieces(text: str) -> list[str]:
    return _PIECE.findall(text)


def count(text: str) -> int:
    return len(_PIECE.findall(text))


def words(text: str) -> list[str]:
    """Split text into the pieces that a stream sends: words with the white space before them."""
    return _WORD.findall(text)
