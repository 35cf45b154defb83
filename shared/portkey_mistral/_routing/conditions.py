"""Evaluates the query of a condition: the query language of Portkey's conditional routing.

Values compare as in JavaScript, the gateway's language: `===` for equality, `parseFloat` of both sides for order.
In the gateway, `$and`, `$or` and `$regex` end the evaluation, so their sibling keys are ignored; here all parts of a
query must hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from portkey_mistral._api import PARAMETER_ALIASES
from portkey_mistral._regex import UnsupportedPatternError, from_javascript, matcher

__all__ = ["MISSING", "holds", "look_up"]


class _Missing:
    """The value of a path that does not exist. Equal to no JSON value, null included."""


MISSING: Final = _Missing()

# JavaScript writes numbers between these without an exponent.
_LEAST_WITHOUT_EXPONENT, _LEAST_WITH_EXPONENT = 1e-6, 1e21

_LEADING_NUMBER = re.compile(
    r"\s*([+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))"
)
_LONGEST_INDEX = 9  # digits


def holds(query: Mapping[str, Any], subjects: Mapping[str, Any]) -> bool:
    """Whether every part of a query is true for `subjects` (metadata, params, url)."""
    return all(_part_holds(key, expected, subjects) for key, expected in query.items())


def _part_holds(key: str, expected: Any, subjects: Mapping[str, Any]) -> bool:
    match key:
        case "$and":
            return all(holds(query, subjects) for query in expected)
        case "$or":
            return any(holds(query, subjects) for query in expected)
        case _:
            actual = look_up(key, subjects)
    if isinstance(expected, Mapping):
        return all(_TESTS[operator](actual, operand) for operator, operand in expected.items())
    return _equal(actual, expected)


def look_up(path: str, subjects: Mapping[str, Any]) -> Any:
    """Return the value at a path such as `params.metadata.tier`, or `MISSING`."""
    parts = path.split(".")
    value: Any = subjects
    for depth, part in enumerate(parts):
        found = _step(value, part)
        if found is MISSING and depth == 1 and parts[0] == "params" and part in PARAMETER_ALIASES:
            # The canonical body has Mistral's names, but a config may use OpenAI's.
            found = _step(value, PARAMETER_ALIASES[part])
        if found is MISSING:
            return MISSING
        value = found
    return value


def _step(value: Any, part: str) -> Any:
    match value:
        case Mapping():
            return value.get(part, MISSING)
        case list() | tuple() if part.isdecimal() and len(part) <= _LONGEST_INDEX:
            return value[int(part)] if int(part) < len(value) else MISSING
        case _:
            return MISSING


def _equal(actual: Any, expected: Any) -> bool:
    """JavaScript's `===`: objects and lists are compared by identity, so never equal here."""
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
        return _to_float(value)
    found = None if value is MISSING else _LEADING_NUMBER.match(_to_string(value))
    return float(found[1]) if found else math.nan


def _to_float(value: float) -> float:
    """JavaScript's only type of numbers; an integer that is too large is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _matches(actual: Any, pattern: str) -> bool:
    matches = _matcher(pattern)
    return matches is not None and actual is not MISSING and matches(_to_string(actual))


def _to_string(value: Any) -> str:
    """JavaScript's `String(value)`."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return _number_to_string(value)
        case list() | tuple():
            return ",".join("" if item is None else _to_string(item) for item in value)
        case Mapping():
            return "[object Object]"
        case _:
            return str(value)


def _number_to_string(value: float) -> str:
    if _LEAST_WITHOUT_EXPONENT <= abs(value) < _LEAST_WITH_EXPONENT:
        whole = int(value)
        return str(whole) if whole == value else f"{Decimal(repr(value)):f}"
    if value == 0:
        return "0"
    number = _to_float(value)
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return "NaN" if math.isnan(number) else re.sub(r"e([+-])0*", r"e\1", repr(number))


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> Callable[[str], bool] | None:
    """Compile a pattern; None, which matches nothing, for an invalid one, as in the gateway."""
    try:
        return matcher(from_javascript(pattern))
    except UnsupportedPatternError:
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
