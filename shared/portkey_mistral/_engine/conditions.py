"""Whether a condition's query holds for a request: the query language of Portkey's conditional routing.

Values compare as JSON does in JavaScript, in which the gateway is written: kinds are never
converted for equality, and are read as leading numbers for order. Where the gateway leaves a query early
and ignores the rest of it, here all of it must hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from portkey_mistral.config.queries import regex

__all__ = ["holds"]


class _Missing:
    """Where a path leads nowhere. Equal to no JSON value, null included."""


MISSING: Final = _Missing()

# Between these, JavaScript writes a number out in full.
_LEAST_WITHOUT_EXPONENT, _LEAST_WITH_EXPONENT = 1e-6, 1e21

_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))")

# A user may know a field by the name that OpenAI gave it; the canonical body has Mistral's.
_TWIN_NAMES = {
    "seed": "random_seed",
    "max_completion_tokens": "max_tokens",
    "safe_mode": "safe_prompt",
    "dimensions": "output_dimension",
}


def holds(query: Mapping[str, Any], subjects: Mapping[str, Any]) -> bool:
    """Whether every part of a query is true of `subjects` (metadata, params, url)."""
    return all(_part_holds(key, expected, subjects) for key, expected in query.items())


def _part_holds(key: str, expected: Any, subjects: Mapping[str, Any]) -> bool:
    match key:
        case "$and":
            return all(holds(query, subjects) for query in expected)
        case "$or":
            return any(holds(query, subjects) for query in expected)
        case _:
            actual = _look_up(key, subjects)
    if isinstance(expected, Mapping):
        return all(_TESTS[operator](actual, operand) for operator, operand in expected.items())
    return _equal(actual, expected)


def _look_up(path: str, subjects: Mapping[str, Any]) -> Any:
    parts = path.split(".")
    value: Any = subjects
    for depth, part in enumerate(parts):
        found = _step(value, part)
        if found is MISSING and depth == 1 and parts[0] == "params" and part in _TWIN_NAMES:
            found = _step(value, _TWIN_NAMES[part])
        if found is MISSING:
            return MISSING
        value = found
    return value


def _step(value: Any, part: str) -> Any:
    match value:
        case Mapping():
            return value.get(part, MISSING)
        case list() | tuple() if part.isdecimal() and int(part) < len(value):
            return value[int(part)]
        case _:
            return MISSING


def _equal(actual: Any, expected: Any) -> bool:
    """JavaScript's `===`: an object or a list equals nothing that was written elsewhere."""
    if isinstance(actual, bool) or isinstance(expected, bool):
        return actual is expected
    if isinstance(actual, int | float) and isinstance(expected, int | float):
        return actual == expected
    if isinstance(actual, str) and isinstance(expected, str):
        return actual == expected
    return actual is None and expected is None


def _one_of(actual: Any, options: Sequence[Any]) -> bool:
    return any(_equal(actual, option) for option in options)


def _number(value: Any) -> float:
    """JavaScript's `parseFloat`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = None if value is MISSING else _LEADING_NUMBER.match(_written(value))
    return float(found[1]) if found else math.nan


def _matches(actual: Any, pattern: str) -> bool:
    compiled = _compiled(pattern)
    if compiled is None or actual is MISSING:
        return False
    return compiled.search(_written(actual)) is not None


def _written(value: Any) -> str:
    """A value as JavaScript writes it where a text is wanted."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return _written_number(value)
        case list() | tuple():
            return ",".join("" if item is None else _written(item) for item in value)
        case Mapping():
            return "[object Object]"
        case _:
            return str(value)


def _written_number(value: float) -> str:
    if _LEAST_WITHOUT_EXPONENT <= abs(value) < _LEAST_WITH_EXPONENT:
        whole = int(value)
        return str(whole) if whole == value else f"{Decimal(repr(value)):f}"
    return "0" if value == 0 else re.sub(r"e([+-])0*", r"e\1", repr(float(value)))


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern that cannot be read matches nothing, as in the gateway."""
    try:
        return regex(pattern)
    except re.error:
        return None


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda actual, operand: not _equal(actual, operand),
    "$gt": lambda actual, operand: _number(actual) > _number(operand),
    "$gte": lambda actual, operand: _number(actual) >= _number(operand),
    "$lt": lambda actual, operand: _number(actual) < _number(operand),
    "$lte": lambda actual, operand: _number(actual) <= _number(operand),
    "$in": _one_of,
    "$nin": lambda actual, operand: not _one_of(actual, operand),
    "$regex": _matches,
}
