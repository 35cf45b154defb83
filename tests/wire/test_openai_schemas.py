"""Schemas in the form that OpenAI accepts in strict mode."""

import copy
from enum import StrEnum

import pytest
from pydantic import BaseModel, Field, RootModel

from portkey_mistral._wire.openai_schemas import strict_schema


class Colour(StrEnum):
    RED = "red"


class Wheel(BaseModel):
    size: int = Field(default=3, ge=1)


class Car(BaseModel):
    name: str = Field(min_length=2)
    colour: Colour | None = None
    wheel: Wheel = Field(default=Wheel(), description="Any of them.")
    wheels: list[Wheel] = []
    owner: int | str = 0


class Node(BaseModel):
    children: list["Node"] = []
    parent: "Node | None" = Field(default=None, description="Above.")


class Maps(BaseModel):
    prices: dict[str, float]


class Anything(BaseModel):
    value: object


class Pair(BaseModel):
    pair: tuple[int, str]


class Numbers(RootModel[list[int]]):
    pass


REFUSED = {"default", "minLength", "oneOf", "allOf", "prefixItems"}


def faults(schema, where="()"):
    """Return OpenAI's error for a schema."""
    if isinstance(schema, list):
        return [fault for each in schema for fault in faults(each, where)]
    if not isinstance(schema, dict):
        return []
    found = []
    if schema.get("type") == "object":
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            found.append(f"In context={where}, 'required' must include every key in properties.")
        if schema.get("additionalProperties") is not False:
            found.append(f"In context={where}, 'additionalProperties' must be false.")
    if "$ref" in schema and len(schema) > 1:
        found.append(f"In context={where}, $ref cannot have keywords.")
    found += [f"In context={where}, {name!r} is not permitted." for name in REFUSED & schema.keys()]
    for name, value in schema.items():
        children = value.values() if name in ("properties", "$defs") else [value]
        found += [fault for child in children for fault in faults(child, f"{where}.{name}")]
    return found


@pytest.mark.parametrize("cls", [Car, Node, Wheel])
def test_a_class_is_put_into_strict_form(cls):
    schema = cls.model_json_schema()
    before = copy.deepcopy(schema)
    strict = strict_schema(schema)
    assert strict is not None
    assert strict.schema["type"] == "object"
    assert faults(strict.schema) == []
    assert schema == before
    assert strict_schema(strict.schema).schema == strict.schema


def test_schemas_without_strict_are_unchanged():
    strict = strict_schema(Car.model_json_schema())
    properties = strict.schema["properties"]
    assert properties["wheel"]["description"] == "Any of them."
    assert properties["wheel"]["properties"]["size"]["minimum"] == 1
    assert properties["colour"]["anyOf"] == [{"$ref": "#/$defs/Colour"}, {"type": "null"}]
    assert properties["owner"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert strict.lost == {"minLength"}


@pytest.mark.parametrize("cls", [Maps, Anything, Pair, Numbers])
def test_what_strict_mode_cannot_express_has_no_form(cls):
    assert strict_schema(cls.model_json_schema()) is None


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"type": "object", "properties": {}},
            {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        ),
        ({"type": "object"}, None),
        ({"type": "object", "properties": {"a": True}}, None),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, None),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, None),
        ({"$ref": "#/$defs/gone"}, None),
        ({"anyOf": [{"type": "null"}]}, None),
        ({"type": "object", "properties": ["a"]}, None),
        ({"type": "object", "properties": {"a": {"anyOf": None}}}, None),
        ({"type": "object", "properties": {"a": {"allOf": []}}}, None),
        ({"type": "object", "properties": {"a": {"type": "string", "format": ["uuid"]}}}, None),
    ],
)
def test_schemas_not_generated_from_classes(schema, expected):
    strict = strict_schema(schema)
    assert (strict and strict.schema) == expected


def test_one_of_becomes_any_of():
    schema = {"type": "object", "properties": {"a": {"oneOf": [{"type": "null"}, {"const": 1}]}}}
    a = strict_schema(schema).schema["properties"]["a"]
    assert a == {"anyOf": [{"type": "null"}, {"const": 1}]}
