"""Encodes a caller's JSON Schema for Mistral: unchanged, except for what Mistral's decoder needs.

In strict mode the decoder follows a schema literally, so an object without `additionalProperties` could be filled with
anything. Such objects are closed, as by Mistral's own SDK. Declared maps (`additionalProperties`) stay open, and no
property becomes required.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from portkey_mistral._json import dumps, loads

__all__ = ["encode_schema"]

_Schema: TypeAlias = Mapping[str, Any]

# They identify a document or its draft, which does not matter to a model.
_META = frozenset({"$anchor", "$comment", "$id", "$schema", "$vocabulary"})
_DEFINITIONS = ("$defs", "definitions")
# Keywords whose value is a schema, a list of schemas, or schemas by name. Schemas below other keywords (`not`, `if`)
# test a value that is described elsewhere; closing them would change their meaning.
_ONE = ("items", "additionalProperties")
_LISTED = ("prefixItems", "items")
_COMBINED = ("allOf", "anyOf", "oneOf")
# They add to the `properties` of an object if a condition holds.
_CONDITIONAL = ("then", "else")
_NAMED = ("properties", "patternProperties", *_DEFINITIONS)


def encode_schema(schema: _Schema, *, strict: bool) -> dict[str, Any]:
    """Return a schema without keywords about the document, and with an object at its root.

    With `strict`, objects are closed unless they have `additionalProperties`. The result is shared: do not change it.
    """
    try:
        text = dumps(schema)
    except ValueError:  # not JSON: the request cannot be written either, and that error says why
        return _encode(schema, strict)
    return _encode_text(text, strict)


# An agent sends the same tools again with every call. Two schemas with the same text are the same, whoever holds them.
@lru_cache(maxsize=512)
def _encode_text(text: bytes, strict: bool) -> dict[str, Any]:
    return _encode(loads(text), strict)


def _encode(schema: _Schema, strict: bool) -> dict[str, Any]:
    root = _with_object_at_root(schema)
    return _Encoder(strict, _open_references(root) if strict else frozenset()).encode(root)


def _with_object_at_root(schema: _Schema) -> _Schema:
    """Replace a root that only refers to a definition, which is how pydantic writes recursive classes."""
    seen: set[str] = set()
    while isinstance(reference := schema.get("$ref"), str) and reference not in seen:
        if "properties" in schema:  # it is an object already, and has these in addition
            break
        seen.add(reference)
        target = _definition(schema, reference)
        if target is None:
            break
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        if "$ref" in target:
            schema["$ref"] = target["$ref"]
    return schema


def _definition(schema: _Schema, reference: str) -> _Schema | None:
    for holder in _DEFINITIONS:
        prefix = f"#/{holder}/"
        definitions = schema.get(holder)
        if reference.startswith(prefix) and isinstance(definitions, Mapping):
            target = definitions.get(reference.removeprefix(prefix))
            return target if isinstance(target, Mapping) else None
    return None


def _open_references(node: object) -> frozenset[str]:
    """Return the references to parts of objects. If closed, each would reject the properties of the others."""
    found: set[str] = set()
    nodes = [node]
    while nodes:
        current = nodes.pop()
        if isinstance(current, Mapping):
            found |= {part["$ref"] for part in _parts(current) if _is_reference(part)}
            if _is_reference(current) and "properties" in current:
                found.add(current["$ref"])
            nodes += current.values()
        elif isinstance(current, list):
            nodes += current
    return frozenset(found)


def _parts(schema: _Schema) -> list[Any]:
    """Return the schemas that describe parts of the object that a schema describes."""
    return [part for key in _COMBINED if _holds_parts(schema, key) for part in schema[key]]


def _holds_parts(schema: _Schema, key: str) -> bool:
    """Whether each schema in a list describes only a part of an object: others of `allOf`, or properties beside them."""
    parts = schema.get(key)
    if key not in _COMBINED or not isinstance(parts, list):
        return False
    return "properties" in schema or (key == "allOf" and len(parts) > 1)


def _is_reference(schema: object) -> bool:
    return isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str)


class _Encoder:
    def __init__(self, strict: bool, open_references: frozenset[str]) -> None:
        self._strict = strict
        self._open_references = open_references

    def encode(self, schema: _Schema, *, is_part: bool = False) -> dict[str, Any]:
        """Encode a schema. `is_part` means that it describes a part of an object, and must not close it."""
        encoded = {
            key: self._value(key, value, are_parts=is_part or _holds_parts(schema, key))
            for key, value in schema.items()
            if key not in _META
        }
        if self._strict and not is_part and _says_nothing_of_others(schema):
            encoded["additionalProperties"] = False
        return encoded

    def _value(self, key: str, value: Any, *, are_parts: bool) -> Any:
        if key in _ONE and isinstance(value, Mapping):
            return self.encode(value)
        if key in _NAMED and isinstance(value, Mapping):
            return self._named(key, value)
        if key in _COMBINED and isinstance(value, list):
            return self._each(value, are_parts=are_parts)
        if key in _LISTED and isinstance(value, list):
            return self._each(value, are_parts=False)
        return value

    def _named(self, holder: str, schemas: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.encode(each, is_part=f"#/{holder}/{name}" in self._open_references)
            if isinstance(each, Mapping)
            else each
            for name, each in schemas.items()
        }

    def _each(self, schemas: Sequence[Any], *, are_parts: bool) -> list[Any]:
        return [
            self.encode(each, is_part=are_parts) if isinstance(each, Mapping) else each
            for each in schemas
        ]


def _says_nothing_of_others(schema: _Schema) -> bool:
    """Whether a schema lists the properties of an object, and all of them, without `additionalProperties`."""
    is_open = {"additionalProperties", "unevaluatedProperties"} & schema.keys()
    return "properties" in schema and not is_open and not _has_other_properties(schema)


def _has_other_properties(schema: _Schema) -> bool:
    """Whether a schema describes properties of its object outside its `properties`."""
    conditional = [schema.get(key) for key in _CONDITIONAL]
    dependent = schema.get("dependentSchemas")
    if isinstance(dependent, Mapping):
        conditional += dependent.values()
    others = [*_parts(schema), *conditional]
    return _is_reference(schema) or any(map(_describes_properties, others))


def _describes_properties(schema: object) -> bool:
    """Whether a schema has properties; what it refers to, or combines, may have some."""
    return isinstance(schema, Mapping) and bool(
        {"properties", "$ref", *_COMBINED, *_CONDITIONAL} & schema.keys()
    )
