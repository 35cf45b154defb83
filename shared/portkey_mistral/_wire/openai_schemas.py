"""Rewrites a JSON Schema to the form that OpenAI accepts in strict mode.

OpenAI rejects a request whose strict schema has any other form (its guide to structured outputs, "Supported schemas"):
objects closed, every property required, a subset of the keywords. Other servers accept schemas unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["StrictSchema", "strict_schema"]

# Annotations that strict mode rejects, and that a model does not need.
_ANNOTATIONS = frozenset(
    {"$comment", "$id", "$schema", "default", "deprecated", "examples", "readOnly", "writeOnly"}
)
# Constraints that strict mode rejects. They still apply where the answer is validated.
_CONSTRAINTS = frozenset(
    {
        "contains",
        "contentEncoding",
        "contentMediaType",
        "maxContains",
        "maxLength",
        "maxProperties",
        "minContains",
        "minLength",
        "minProperties",
        "propertyNames",
        "uniqueItems",
    }
)
_FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uuid"}
)
# Keywords that cannot be removed without changing the meaning of a schema.
_INEXPRESSIBLE = frozenset(
    {
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "patternProperties",
        "prefixItems",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_DEFINITIONS = ("$defs", "definitions")


@dataclass(frozen=True, slots=True)
class StrictSchema:
    """A schema in strict form. `lost` names the constraints that had to be left out."""

    schema: dict[str, Any]
    lost: frozenset[str]


def strict_schema(schema: Mapping[str, Any]) -> StrictSchema | None:
    """Return a schema in OpenAI's strict form; None if that cannot express it, such as an open map."""
    converter = _Converter(schema)
    try:
        return StrictSchema(converter.document(), frozenset(converter.lost))
    # The other errors mean that this is not a valid JSON Schema: it is sent unchanged, and OpenAI's error explains the
    # problem.
    except (_InexpressibleError, AttributeError, TypeError, ValueError, RecursionError):
        return None


class _InexpressibleError(Exception):
    """A part of the schema cannot be expressed in strict mode."""


class _Converter:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.lost: set[str] = set()

    def document(self) -> dict[str, Any]:
        """Convert the whole schema."""
        root = {name: value for name, value in self._document.items() if name not in _DEFINITIONS}
        # The root has to be an object, not a reference to one, as pydantic writes a recursive class.
        if isinstance(reference := root.pop("$ref", None), str):
            root = {**self._resolve(reference), **root}
        converted = self._schema(root)
        if converted.get("type") != "object":
            raise _InexpressibleError
        for name in _DEFINITIONS:
            if isinstance(definitions := self._document.get(name), Mapping):
                converted[name] = {key: self._schema(each) for key, each in definitions.items()}
        return converted

    def _schema(self, schema: Any, inlined: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Convert a schema. `inlined` are the references that it, or an enclosing schema, replaced."""
        if not isinstance(schema, Mapping) or not _INEXPRESSIBLE.isdisjoint(schema):
            raise _InexpressibleError
        node = self._without_unsupported(schema)
        if isinstance(reference := node.get("$ref"), str):
            siblings = {name: value for name, value in node.items() if name != "$ref"}
            if not siblings or reference in inlined:
                return {"$ref": reference}
            # A reference may not have siblings, so one with its own description is replaced by its target.
            return self._schema({**self._resolve(reference), **siblings}, inlined | {reference})
        if "allOf" in node:
            first, *others = node.pop("allOf")
            if others:
                raise _InexpressibleError
            return self._schema({**first, **node}, inlined)
        return self._members(node, inlined)

    def _members(self, node: dict[str, Any], inlined: frozenset[str]) -> dict[str, Any]:
        alternatives = [*node.pop("oneOf", ()), *node.pop("anyOf", ())]
        if alternatives:
            node["anyOf"] = [self._schema(each, inlined) for each in alternatives]
        elif not {"type", "enum", "const"} & node.keys():
            raise _InexpressibleError
        types = node.get("type")
        types = types if isinstance(types, list) else [types]
        if "object" in types:
            node |= self._closed_object(node, inlined)
        if "array" in types:
            node["items"] = self._schema(node.get("items"), inlined)
        return node

    def _closed_object(self, node: Mapping[str, Any], inlined: frozenset[str]) -> dict[str, Any]:
        properties, extra = node.get("properties"), node.get("additionalProperties")
        if extra not in (None, False) or (properties is None and extra is None):
            raise _InexpressibleError
        converted = {name: self._schema(each, inlined) for name, each in (properties or {}).items()}
        return {
            "properties": converted,
            "required": [*converted],
            "additionalProperties": False,
        }

    def _without_unsupported(self, node: Mapping[str, Any]) -> dict[str, Any]:
        dropped = set(_CONSTRAINTS & node.keys())
        if "format" in node and node["format"] not in _FORMATS:
            dropped.add("format")
        self.lost |= dropped
        return {
            name: value
            for name, value in node.items()
            if name not in _ANNOTATIONS and name not in dropped
        }

    def _resolve(self, reference: str) -> Mapping[str, Any]:
        node: Any = self._document
        for name in reference.removeprefix("#").split("/")[1:]:
            key = name.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, Mapping) else None
        if not isinstance(node, Mapping):
            raise _InexpressibleError
        return node
