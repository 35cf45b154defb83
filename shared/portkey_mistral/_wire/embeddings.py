"""Decodes embedding responses: numbers or base64, checked for order, length and finiteness."""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from portkey_mistral._wire.json_members import string
from portkey_mistral._wire.malformed import MalformedResponse, json_object
from portkey_mistral._wire.responses import decode_usage
from portkey_mistral.requests import EmbeddingDtype
from portkey_mistral.responses import Usage

__all__ = ["decode_embeddings"]

# The array types of packed vectors, by the requested dtype.
_PACKED: Mapping[EmbeddingDtype, str] = {
    "float": "f",
    "int8": "b",
    "uint8": "B",
    "binary": "b",
    "ubinary": "B",
}

# `strict` refuses strings and booleans, which `float()` takes.
_FINITE_FLOATS = SchemaValidator(
    core_schema.list_schema(core_schema.float_schema(strict=True, allow_inf_nan=False))
)

_RANGES: Mapping[str, range] = {
    "int8": range(-128, 128),
    "uint8": range(256),
    "binary": range(-128, 128),
    "ubinary": range(256),
}


def decode_embeddings(
    body: object, *, expected: int, dtype: EmbeddingDtype = "float", packed: bool = False
) -> tuple[Sequence[Sequence[float]], str, Usage]:
    """Return the vectors in the order of the inputs, the model that made them, and the usage.

    Base64 is also decoded if numbers were requested. With `packed`, base64 vectors are returned as arrays, not as
    Python numbers.

    Raises:
        MalformedResponse: a vector is missing, duplicate, empty, of another length than the others, or has an element
            that is not a finite number, or an integer out of the range of its dtype.
    """
    response = json_object(body, "the response")
    data = response.get("data")
    if not isinstance(data, list):
        raise MalformedResponse("the response has no embeddings")
    if len(data) != expected:
        raise MalformedResponse(f"expected {expected} embeddings, got {len(data)}")
    arrays = _in_order(data, dtype)
    for index, vector in enumerate(arrays):
        _check_length(vector, index, len(arrays[0]))
    vectors = arrays if packed else [v.tolist() if isinstance(v, array) else v for v in arrays]
    usage = decode_usage(response.get("usage")) or Usage()
    return vectors, string(response, "model") or "", usage


def _in_order(data: list[Any], dtype: EmbeddingDtype) -> list[Sequence[float]]:
    found: dict[int, Sequence[float]] = {}
    for at, item in enumerate(data):
        row = json_object(item, f"data[{at}]")
        index = row.get("index", at)
        if index in found or not isinstance(index, int) or not 0 <= index < len(data):
            raise MalformedResponse(
                f"data[{at}] has the index {index!r}, which is duplicate or out of range"
            )
        found[index] = _vector(row.get("embedding"), index, dtype)
    return [found[index] for index in range(len(data))]


def _vector(raw: object, index: int, dtype: EmbeddingDtype) -> list[float] | array[float]:
    if isinstance(raw, list):
        return _floats(raw, index) if dtype == "float" else _integers(raw, index, dtype)
    if not isinstance(raw, str):
        raise MalformedResponse(f"embedding {index} is {type(raw).__name__}", index=index)
    try:
        packed: array[float] = array(_PACKED[dtype], b64decode(raw, validate=True))
    except (Base64Error, ValueError):
        raise MalformedResponse(
            f"embedding {index} is not base64 of {dtype}", index=index
        ) from None
    if sys.byteorder == "big":
        packed.byteswap()
    if _may_overflow(packed) and not all(map(math.isfinite, packed)):
        raise _not_finite(index)
    return packed


def _floats(raw: list[Any], index: int) -> list[float]:
    """Return numbers as floats: servers may write 0 for 0.0."""
    try:
        floats: list[float] = _FINITE_FLOATS.validate_python(raw)
    except ValidationError:
        raise _not_finite(index) from None
    return floats


def _integers(raw: list[Any], index: int, dtype: EmbeddingDtype) -> list[float]:
    """Return integers of a dtype; a server that does not know dtypes sends floats."""
    allowed = _RANGES[dtype]
    for item in raw:
        if type(item) is float:
            if not math.isfinite(item):
                raise _not_finite(index)
        elif type(item) is not int or item not in allowed:
            raise MalformedResponse(
                f"embedding {index} has an element that is no {dtype}", index=index
            )
    return raw


def _not_finite(index: int) -> MalformedResponse:
    return MalformedResponse(
        f"embedding {index} has an element that is not a finite number", index=index
    )


def _check_length(vector: Sequence[float], index: int, length: int) -> None:
    if not vector or len(vector) != length:
        raise MalformedResponse(
            f"embedding {index} has {len(vector)} numbers, the first has {length}", index=index
        )


def _may_overflow(packed: array[float]) -> bool:
    """Whether a float32 has the highest exponent byte, like infinity and NaN, but no valid embedding."""
    if packed.typecode != "f":
        return False
    highest = packed.tobytes()[3 if sys.byteorder == "little" else 0 :: 4]
    return b"\x7f" in highest or b"\xff" in highest
