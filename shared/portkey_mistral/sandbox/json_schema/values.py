"""Whether a value matches a JSON Schema. The schema must be valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import isfinite
from typing import Any, TypeAlias

from portkey_mistral.sandbox.json_schema.common import (
    MAX_DEPTH,
    Schema,
    follow,
    is_number,
    is_whole,
    shown,
)
from portkey_mistral.sandbox.json_schema.effort import step
from portkey_mistral.sandbox.json_schema.formats import FORMATS
from portkey_mistral.sandbox.json_schema.patterns import matches

__all__ = ["in_bounds", "item_schemas", "property_schemas", "value_error"]


_Inner: TypeAlias = Callable[..., Iterator[str]]


def value_error(value: object, schema: object, root: Schema | None = None) -> str | None:
    """Return why a value does not match a valid schema, with its path; None if it does."""
    whole = root if root is not None else schema if isinstance(schema, dict) else {}
    return next(_errors(value, schema, whole, "$", 0), None)


def in_bounds(value: float, schema: Schema) -> bool:
    """Return whether a number is within the bounds of a schema and a multiple of its step."""
    step = schema.get("multipleOf")
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and not value <= schema.get("exclusiveMinimum", float("-inf"))
        and not value >= schema.get("exclusiveMaximum", float("inf"))
        and (not step or _is_multiple(value, step))
    )


def _errors(value: object, schema: object, root: Schema, path: str, depth: int) -> Iterator[str]:
    step()
    if schema is False:
        yield f"{path}: nothing is allowed here"
    if depth > MAX_DEPTH:
        yield f"{path}: nested too deeply"
    elif isinstance(schema, dict):

        def inner(item: object, part: object, where: str = path) -> Iterator[str]:
            return _errors(item, part, root, where, depth + 1)

        yield from _reference_errors(value, schema, root, path, inner)
        yield from _general_errors(value, schema, path)
        yield from _combination_errors(value, schema, path, inner)
        yield from _errors_by_type(value, schema, path, inner)


def _reference_errors(
    value: object, schema: Schema, root: Schema, path: str, inner: _Inner
) -> Iterator[str]:
    if "$ref" not in schema:
        return
    target = follow(root, schema["$ref"])
    if target is None:
        yield f"{path}: {schema['$ref']} refers to nothing"
    else:
        yield from inner(value, target)


def _errors_by_type(value: object, schema: Schema, path: str, inner: _Inner) -> Iterator[str]:
    match value:
        case str():
            yield from _string_errors(value, schema, path)
        case int() | float() if not isinstance(value, bool) and not in_bounds(value, schema):
            yield f"{path}: {value} is out of bounds"
        case list():
            yield from _array_errors(value, schema, path, inner)
        case dict():
            yield from _object_errors(value, schema, path, inner)
        case _:
            pass


def _general_errors(value: object, schema: Schema, path: str) -> Iterator[str]:
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is_of_type(value, name) for name in names):
            yield f"{path}: {shown(value)} is not of type {', '.join(map(str, names))}"
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{path}: {shown(value)} is not {shown(schema['const'])}"
    if "enum" in schema and not any(_equal(value, member) for member in schema["enum"]):
        yield f"{path}: {shown(value)} is not among the allowed values"


def _combination_errors(value: object, schema: Schema, path: str, inner: _Inner) -> Iterator[str]:
    def fits(part: object) -> bool:
        return next(inner(value, part), None) is None

    for part in schema.get("allOf", ()):
        yield from inner(value, part)
    if "anyOf" in schema and not any(map(fits, schema["anyOf"])):
        yield f"{path}: {shown(value)} matches no schema of anyOf"
    if "oneOf" in schema and sum(map(fits, schema["oneOf"])) != 1:
        yield f"{path}: {shown(value)} does not match exactly one schema of oneOf"
    if "not" in schema and fits(schema["not"]):
        yield f"{path}: {shown(value)} matches what must not match"
    if "if" in schema:
        branch = schema.get("then" if fits(schema["if"]) else "else")
        if branch is not None:
            yield from inner(value, branch)


def _string_errors(value: str, schema: Schema, path: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path}: a string of {len(value)} characters is too short or too long"
    if "pattern" in schema and not matches(schema["pattern"], value):
        yield f"{path}: {shown(value)} does not match {shown(schema['pattern'])}"
    check = FORMATS.get(str(schema.get("format")))
    if check and not check.fullmatch(value):
        yield f"{path}: {shown(value)} is not a {schema['format']}"


def _array_errors(value: list[Any], schema: Schema, path: str, inner: _Inner) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{path}: an array of {len(value)} items is too short or too long"
    if schema.get("uniqueItems") and any(_equal(*pair) for pair in combinations(value, 2)):
        yield f"{path}: items are repeated"
    if "contains" in schema:
        found = sum(next(inner(each, schema["contains"]), None) is None for each in value)
        if not schema.get("minContains", 1) <= found <= schema.get("maxContains", found):
            yield f"{path}: {found} items match contains"
    first, rest = item_schemas(schema)
    for index, each in enumerate(value):
        yield from inner(each, first[index] if index < len(first) else rest, f"{path}[{index}]")


def item_schemas(schema: Schema) -> tuple[Sequence[Any], Any]:
    """Return the schemas of the first items of an array (2020-12 or Draft 7), and that of all others."""
    if "prefixItems" in schema:
        return schema["prefixItems"], schema.get("items", True)
    if isinstance(schema.get("items"), list):
        return schema["items"], schema.get("additionalItems", True)
    return (), schema.get("items", True)


def _object_errors(
    value: dict[str, Any], schema: Schema, path: str, inner: _Inner
) -> Iterator[str]:
    yield from (
        f"{path}: {name!r} is missing" for name in schema.get("required", ()) if name not in value
    )
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        yield f"{path}: an object of {len(value)} properties is too small or too large"
    yield from _dependency_errors(value, schema, path, inner)
    for name, each in value.items():
        if "propertyNames" in schema:
            yield from inner(name, schema["propertyNames"], f"{path}.{name}")
        for part in property_schemas(schema, name):
            yield from inner(each, part, f"{path}.{name}")


def _dependency_errors(
    value: dict[str, Any], schema: Schema, path: str, inner: _Inner
) -> Iterator[str]:
    keywords = ("dependentRequired", "dependentSchemas", "dependencies")
    for name, demanded in (item for each in keywords for item in schema.get(each, {}).items()):
        if name not in value:
            continue
        if isinstance(demanded, list):
            missing = [other for other in demanded if other not in value]
            yield from (f"{path}: {other!r} is missing beside {name!r}" for other in missing)
        else:
            yield from inner(value, demanded)


def property_schemas(schema: Schema, name: str) -> list[Any]:
    """Return every schema that a property must match."""
    found = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    found += [
        part
        for pattern, part in schema.get("patternProperties", {}).items()
        if matches(pattern, name)
    ]
    return found or [schema.get("additionalProperties", True)]


def _is_of_type(value: object, name: object) -> bool:
    match name:
        case "integer":
            return is_whole(value)
        case "number":
            return is_number(value)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return value is None


def _is_multiple(value: float, step: float) -> bool:
    quotient = value / step if isfinite(value) else float("inf")
    return isfinite(quotient) and abs(quotient - round(quotient)) < 1e-9


def _equal(one: object, other: object) -> bool:
    """Compare as JSON does: 1 and 1.0 are equal, 1 and true are not."""
    match one, other:
        case bool(), _:
            return one is other
        case _, bool():
            return False
        case list(), list():
            return len(one) == len(other) and all(map(_equal, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(
                _equal(each, other[name]) for name, each in one.items()
            )
        case _:
            return one == other
