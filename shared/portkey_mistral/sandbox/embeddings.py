"""Embed text without a model: hashed words and trigrams, so that texts that share words are near.

Words are weighted by length, and their trigrams count a little, so that inflected forms are near and no
language is preferred. Vectors have unit length and contain 32-bit floats.
"""

from __future__ import annotations

import math
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

__all__ = ["embed", "packed"]

_WORD = re.compile(r"\w+")
_PIECE = 3
_PIECE_WEIGHT = 0.35
_LONGEST_WEIGHT = 6
_SIGN = 1 << 31


def embed(text: str, size: int) -> list[float]:
    """Return a vector of `size` floats. Equal texts have equal vectors; an empty text has (1, 0, ...)."""
    sums: dict[int, float] = {}
    for word in _WORD.findall(text.lower()):
        for hashed, weight in _features(word):
            slot = (hashed & ~_SIGN) % size
            sums[slot] = sums.get(slot, 0.0) + (weight if hashed & _SIGN else -weight)
    vector = [0.0] * size
    length = math.sqrt(sum(value * value for value in sums.values()))
    if not length:
        vector[0] = 1.0
        return vector
    singles = struct.Struct(f"{len(sums)}f")
    values = singles.unpack(singles.pack(*(value / length for value in sums.values())))
    for slot, value in zip(sums, values, strict=True):
        vector[slot] = value
    return vector


def packed(vector: Sequence[float], dtype: str, encoding: str) -> list[float] | list[int] | str:
    """Convert a float vector to the dtype and encoding of a request."""
    numbers = _QUANTISED[dtype](vector)
    if encoding == "float":
        return numbers
    return b64encode(struct.pack(f"<{len(numbers)}{_FORMATS[dtype]}", *numbers)).decode()


@lru_cache(maxsize=50_000)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Return the hash and weight of a word and of each of its trigrams."""
    weight = min(len(word), _LONGEST_WEIGHT) / _LONGEST_WEIGHT
    marked = f"<{word}>"
    pieces = {marked[start : start + _PIECE] for start in range(len(marked) - _PIECE + 1)}
    part = _PIECE_WEIGHT * weight
    return (
        (crc32(word.encode("utf-8", "replace")), weight),
        *((crc32(piece.encode("utf-8", "replace")), part) for piece in sorted(pieces)),
    )


def _floats(vector: Sequence[float]) -> list[float]:
    return list(vector)


def _int8(vector: Sequence[float]) -> list[int]:
    scale = 127 / max(map(abs, vector))
    return [round(value * scale) for value in vector]


def _uint8(vector: Sequence[float]) -> list[int]:
    return [value + 128 for value in _int8(vector)]


def _ubinary(vector: Sequence[float]) -> list[int]:
    bits = "".join("1" if value > 0 else "0" for value in vector)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def _binary(vector: Sequence[float]) -> list[int]:
    return [value - 256 if value > 127 else value for value in _ubinary(vector)]


_QUANTISED: Mapping[str, Callable[[Sequence[float]], list[float] | list[int]]] = {
    "float": _floats,
    "int8": _int8,
    "uint8": _uint8,
    "binary": _binary,
    "ubinary": _ubinary,
}
_FORMATS = {"float": "f", "int8": "b", "uint8": "B", "binary": "b", "ubinary": "B"}
