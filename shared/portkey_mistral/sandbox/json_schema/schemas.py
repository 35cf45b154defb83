"""Whether a JSON Schema is valid.

Mistral checks the schemas of tools against the Draft 7 meta-schema (mistral-common's validator); the
keywords that Draft 2020-12 adds are checked too. Unknown keywords are ignored, as the standard demands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from portkey_mistral.sandbox.json_schema.common import MAX_DEPTH, Schema, is_number, is_whole, shown
from portkey_mistral.sandbox.json_schema.patterns import pattern_error

__all__ = ["schema_error"]

_TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")


def schema_error(schema: object, path: str = "#", depth: int = 0) -> str | None:
    """Return the first error of a schema with its path, None for a valid one."""
    if isinstance(schema, bool):
        return None
    if not isinstance(schema, dict):
        return f"{path}: {shown(schema)} is not a schema"
    if depth > MAX_DEPTH:
        return f"{path}: nested deeper than {MAX_DEPTH} levels"
    for keyword, value in schema.items():
        if (check := _KEYWORDS.get(keyword)) and (problem := check(value)):
            return f"{path}/{keyword}: {problem}"
    inner = (
        schema_error(each, f"{path}/{where}", depth + 1) for where, each in _subschemas(schema)
    )
    return next((error for error in inner if error), None)


def _subschemas(schema: Schema) -> Iterator[tuple[str, object]]:
    for keyword, value in schema.items():
        match value:
            case dict() if keyword in _MAPS:
                yield from ((f"{keyword}/{name}", each) for name, each in value.items())
            case dict() if keyword == "dependencies":
                yield from (
                    (f"{keyword}/{name}", each)
                    for name, each in value.items()
                    if not isinstance(each, list)
                )
            case list() if keyword in _LISTS or keyword == "items":
                yield from ((f"{keyword}/{index}", each) for index, each in enumerate(value))
            case _ if keyword in _SINGLE:
                yield keyword, value


_MAPS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE: Final = (
    "items", "additionalItems", "additionalProperties", "propertyNames", "contains", "not", "if", "then",
    "else", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip


def _type_problem(value: object) -> str | None:
    names = value if isinstance(value, list) else [value]
    wrong = [name for name in names if name not in _TYPES]
    if wrong:
        return f"{shown(wrong[0])} is not a type"
    return "is empty or repeats a type" if not names or len(set(names)) < len(names) else None


def _object_problem(value: object) -> str | None:
    return None if isinstance(value, dict) else f"{shown(value)} is not an object"


def _list_problem(value: object) -> str | None:
    return None if isinstance(value, list) else f"{shown(value)} is not an array"


def _schemas_problem(value: object) -> str | None:
    return (
        None if isinstance(value, list) and value else f"{shown(value)} is not an array of schemas"
    )


def _names_problem(value: object) -> str | None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return f"{shown(value)} is not an array of strings"
    return "repeats a name" if len(set(value)) < len(value) else None


def _number_problem(value: object) -> str | None:
    return None if is_number(value) else f"{shown(value)} is not a number"


def _positive_problem(value: object) -> str | None:
    if is_number(value) and value > 0:
        return None
    return f"{shown(value)} is not a number above 0"


def _count_problem(value: object) -> str | None:
    if is_whole(value) and value >= 0:
        return None
    return f"{shown(value)} is not a count"


def _boolean_problem(value: object) -> str | None:
    return None if isinstance(value, bool) else f"{shown(value)} is not a boolean"


def _string_problem(value: object) -> str | None:
    return None if isinstance(value, str) else f"{shown(value)} is not a string"


def _pattern_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return f"{shown(value)} is not a string"
    error = pattern_error(value)
    return error and f"{shown(value)} is not a regular expression of linear time: {error}"


def _patterns_problem(value: object) -> str | None:
    if not isinstance(value, dict):
        return _object_problem(value)
    return next((problem for each in value if (problem := _pattern_problem(each))), None)


_KEYWORDS: Final[Mapping[str, Callable[[object], str | None]]] = {
    "$ref": _string_problem,
    "type": _type_problem,
    "enum": _list_problem,
    "required": _names_problem,
    "pattern": _pattern_problem,
    "patternProperties": _patterns_problem,
    "format": _string_problem,
    "title": _string_problem,
    "description": _string_problem,
    "uniqueItems": _boolean_problem,
    "multipleOf": _positive_problem,
    **dict.fromkeys(("properties", "$defs", "definitions", "dependentSchemas"), _object_problem),
    **dict.fromkeys(_LISTS, _schemas_problem),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number_problem),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
         "maxContains"),
        _count_problem,
    ),
}  # fmt: skip
