"""Schemas are valid where `jsonschema` finds them valid."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError

from portkey_mistral.sandbox.json_schema.schemas import schema_error

INVALID = [
    {"type": "text"},
    {"type": ["string", "string"]},
    {"type": []},
    {"type": 3},
    {"properties": []},
    {"properties": {"a": {"properties": {"b": {"type": "strin"}}}}},
    {"properties": {"a": 3}},
    {"required": "a"},
    {"required": ["a", "a"]},
    {"required": [1]},
    {"items": 3},
    {"items": {"type": "arr"}},
    {"items": [{"type": "string"}, {"type": "x"}]},
    {"additionalProperties": "no"},
    {"additionalProperties": {"minimum": "1"}},
    {"patternProperties": {"(": {}}},
    {"patternProperties": {"a": {"type": "x"}}},
    {"anyOf": []},
    {"anyOf": {}},
    {"anyOf": [{"type": "x"}]},
    {"allOf": [3]},
    {"not": "x"},
    {"if": {"type": "x"}},
    {"enum": "a"},
    {"minLength": -1},
    {"maxItems": 1.5},
    {"minProperties": "1"},
    {"multipleOf": 0},
    {"minimum": True},
    {"uniqueItems": "yes"},
    {"pattern": "("},
    {"pattern": 3},
    {"format": 3},
    {"$ref": 3},
    {"definitions": {"a": {"type": "x"}}},
    {"dependencies": {"a": {"type": "x"}}},
    {"propertyNames": {"type": "x"}},
    {"contains": {"type": "x"}},
    {"description": 3},
    "object",
    [],
    None,
]


@pytest.mark.parametrize("schema", INVALID, ids=json.dumps)
def test_an_invalid_schema_is_noticed_at_any_depth(schema):
    with pytest.raises(SchemaError):
        Draft7Validator.check_schema(schema)
    assert schema_error(schema)
    assert schema_error({"type": "object", "properties": {"outer": schema}})


VALID = [
    True,
    {},
    {"type": ["string", "null"], "default": 3, "examples": [1], "x-own": {"type": "text"}},
    {"properties": {"type": {"type": "string"}, "required": {"type": "boolean"}}},
    {"items": [{"type": "string"}], "additionalItems": False},
    {"anyOf": [{"const": {"type": "x"}}, {"enum": [{"type": "x"}]}]},
    {"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer", "minimum": 1.5}}},
    {"minLength": 1.0},
    {"if": True, "then": {}, "else": False},
    {"dependencies": {"a": ["b"]}},
]


@pytest.mark.parametrize("schema", VALID, ids=json.dumps)
def test_a_valid_schema_has_no_error(schema):
    Draft7Validator.check_schema(schema)
    assert schema_error(schema) is None


def test_a_schema_nested_too_deeply_is_an_error():
    schema = {"type": "string"}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    assert "deeper" in str(schema_error(schema))
