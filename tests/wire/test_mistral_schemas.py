"""JSON Schemas are sent unchanged, except for what Mistral's strict mode needs."""

import copy

import pytest

from portkey_mistral._wire.mistral_schemas import encode_schema

CLOSED = {"additionalProperties": False}
TEXT = {"type": "string"}


def an_object(**others):
    return {"type": "object", "properties": {"a": TEXT}, "required": ["a"], **others}


OPEN_MAP = {"type": "object", "additionalProperties": {"type": "integer"}}
NODE = an_object(properties={"next": {"$ref": "#/$defs/Node"}})

# Each as it was written, and in strict mode.
SCHEMAS = {
    "an object": (an_object(), an_object(**CLOSED)),
    "an open object": (an_object(additionalProperties=True), an_object(additionalProperties=True)),
    "a map": (OPEN_MAP, OPEN_MAP),
    "a map of objects": (
        OPEN_MAP | {"additionalProperties": an_object()},
        OPEN_MAP | {"additionalProperties": an_object(**CLOSED)},
    ),
    "any object": ({"type": "object"}, {"type": "object"}),
    "optional properties": (an_object(required=[]), an_object(required=[], **CLOSED)),
    "a property named like a keyword": (
        an_object(properties={"$id": TEXT, "properties": TEXT, "anyOf": TEXT}),
        an_object(properties={"$id": TEXT, "properties": TEXT, "anyOf": TEXT}, **CLOSED),
    ),
    "objects of properties": (
        an_object(properties={"b": an_object(), "c": {"type": "array", "items": an_object()}}),
        an_object(
            properties={
                "b": an_object(**CLOSED),
                "c": {"type": "array", "items": an_object(**CLOSED)},
            },
            **CLOSED,
        ),
    ),
    "alternatives": ({"anyOf": [an_object(), TEXT]}, {"anyOf": [an_object(**CLOSED), TEXT]}),
    "exclusive alternatives": ({"oneOf": [an_object()]}, {"oneOf": [an_object(**CLOSED)]}),
    "a tuple": (
        {"type": "array", "prefixItems": [an_object(), True]},
        {"type": "array", "prefixItems": [an_object(**CLOSED), True]},
    ),
    "one part of all": ({"allOf": [an_object()]}, {"allOf": [an_object(**CLOSED)]}),
    "several parts of all": (
        {"allOf": [an_object(), {"$ref": "#/$defs/B"}], "$defs": {"B": an_object()}},
        {"allOf": [an_object(), {"$ref": "#/$defs/B"}], "$defs": {"B": an_object()}},
    ),
    "alternatives beside properties": (
        an_object(anyOf=[an_object(properties={"b": an_object()}), {"required": ["c"]}]),
        an_object(anyOf=[an_object(properties={"b": an_object(**CLOSED)}), {"required": ["c"]}]),
    ),
    "exclusive alternatives beside properties": (
        an_object(oneOf=[{"$ref": "#/$defs/B"}, an_object()], **{"$defs": {"B": an_object()}}),
        an_object(oneOf=[{"$ref": "#/$defs/B"}, an_object()], **{"$defs": {"B": an_object()}}),
    ),
    "alternatives that demand properties": (
        an_object(anyOf=[{"required": ["a"]}, {"required": ["b"]}]),
        an_object(anyOf=[{"required": ["a"]}, {"required": ["b"]}], **CLOSED),
    ),
    "properties beside a reference": (
        an_object(**{"$ref": "#/$defs/B", "$defs": {"B": an_object()}}),
        an_object(**{"$ref": "#/$defs/B", "$defs": {"B": an_object()}}),
    ),
    "properties under a condition": (
        an_object(**{"if": {"required": ["a"]}, "then": {"properties": {"b": TEXT}}}),
        an_object(**{"if": {"required": ["a"]}, "then": {"properties": {"b": TEXT}}}),
    ),
    "properties that depend on another": (
        an_object(dependentSchemas={"a": {"properties": {"b": TEXT}}}),
        an_object(dependentSchemas={"a": {"properties": {"b": TEXT}}}),
    ),
    "a condition without properties": (
        an_object(**{"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
        an_object(**{"if": {"required": ["a"]}, "then": {"required": ["b"]}}, **CLOSED),
    ),
    "a condition": (
        {"if": an_object(), "then": an_object(), "not": an_object()},
        {"if": an_object(), "then": an_object(), "not": an_object()},
    ),
    "an example of an object": (
        {"type": "object", "default": an_object(), "enum": [an_object()]},
        {"type": "object", "default": an_object(), "enum": [an_object()]},
    ),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_only_objects_without_additional_properties_are_closed(name):
    schema, strict = SCHEMAS[name]
    before = copy.deepcopy(schema)
    assert encode_schema(schema, strict=True) == strict
    assert encode_schema(schema, strict=False) == before
    assert schema == before


@pytest.mark.parametrize("strict", [False, True])
def test_keywords_about_the_document_are_left_out(strict):
    meta = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x", "$comment": "y"}
    schema = {**meta, "type": "array", "items": {"$id": "z", "type": "string"}}
    assert encode_schema(schema, strict=strict) == {"type": "array", "items": TEXT}


@pytest.mark.parametrize("holder", ["$defs", "definitions"])
def test_a_root_that_refers_to_a_definition_becomes_an_object(holder):
    node = an_object(properties={"next": {"$ref": f"#/{holder}/Node"}})
    schema = {"$ref": f"#/{holder}/Node", holder: {"Node": node}}
    assert encode_schema(schema, strict=True) == {
        **node,
        **CLOSED,
        holder: {"Node": node | CLOSED},
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/Gone"},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"properties": ["a"], "anyOf": {"a": 1}, "allOf": 1, "items": 5, "$defs": []},
    ],
)
def test_what_is_no_valid_schema_is_left_to_the_server(schema):
    assert encode_schema(schema, strict=False) == schema


@pytest.mark.parametrize("strict", [True, False])
def test_schemas_that_differ_in_a_value_are_not_taken_for_each_other(strict):
    schemas = [
        {"type": "object", "properties": {"a": {"const": value}}} for value in (1, True, 1.0, "1")
    ]
    for _ in range(2):
        encoded = [encode_schema(schema, strict=strict)["properties"]["a"] for schema in schemas]
        assert [repr(each["const"]) for each in encoded] == ["1", "True", "1.0", "'1'"]
