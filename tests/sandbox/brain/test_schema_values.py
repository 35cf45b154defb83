"""JSON Schemas filled from a text, and JSON whose format is described in the prompt."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from json_schemas import SCHEMAS as RANDOM_SCHEMAS
from mistral_calls import KEY, answer_text, chat_body
from portkey_mistral.sandbox import Sandbox
from portkey_mistral.sandbox.brain.schema_values import UnfillableSchemaError, fill
from portkey_mistral.sandbox.json_schema.formats import FORMATS
from portkey_mistral.sandbox.json_schema.values import value_error

STRING, INTEGER, NUMBER, BOOLEAN, NULL = (
    {"type": t} for t in ("string", "integer", "number", "boolean", "null")
)


def obj(required=None, **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }


def many(items, **bounds):
    return {"type": "array", "items": items, **bounds}


def either(*branches):
    return {"anyOf": list(branches)}


PERSON = obj(name=STRING, age=INTEGER)
ALICE = "Alice Smith is a 31 year old designer who lives in Paris. Mail: alice@example.org"

FILLED = [
    (obj(name=STRING, age=INTEGER, city=STRING), ALICE, {"name": "Alice Smith", "age": 31, "city": "Paris"}),
    (obj(role={"enum": ["engineer", "designer"]}), ALICE, {"role": "designer"}),
    (obj(email=either(STRING, NULL)), ALICE, {"email": "alice@example.org"}),
    (obj(phone={"type": ["string", "null"], "format": "phone"}), ALICE, {"phone": None}),
    (obj(when={"type": "string", "format": "date"}), "Meet me on March 3, 2026.", {"when": "2026-03-03"}),
    (obj(when={"type": "string", "format": "date"}), "Due 3rd of May 2027", {"when": "2027-05-03"}),
    (obj(due_date=STRING, price=NUMBER), "Due 2026-12-01, price 1,250.50 EUR", {"due_date": "2026-12-01", "price": 1250.5}),
    (obj(title=STRING), 'A book called "The Sea"', {"title": "The Sea"}),
    (obj(title=STRING), "title: The Sea\nyear: 1990", {"title": "The Sea"}),
    (obj(year=INTEGER, pages=INTEGER), "It has 300 pages and is from the year 1990.", {"year": 1990, "pages": 300}),
    (obj(minutes=INTEGER, people=INTEGER), "Serves four people in 20 minutes", {"minutes": 20, "people": 4}),
    (obj(vegan=BOOLEAN, spicy=BOOLEAN), "It is vegan but not spicy.", {"vegan": True, "spicy": False}),
    (obj(items=many(STRING)), "Buy carrots, onions and salt.", {"items": ["carrots", "onions", "salt"]}),
    (obj(ingredients=many(STRING)), "Its ingredients are leek and cream. Serve warm.", {"ingredients": ["leek", "cream"]}),
    (obj(steps=many(STRING)), "- wash\n- cut\n- cook", {"steps": ["wash", "cut", "cook"]}),
    (obj(scores=many(INTEGER)), "They got 3, 5 and 8 points", {"scores": [3, 5, 8]}),
    (obj(colours=many({"enum": ["red", "green", "blue"]})), "blue and red", {"colours": ["red", "blue"]}),
    (obj(people=many(PERSON)), "Alice is 30 and Bob is 25.", {"people": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]}),
    (obj(kind={"const": "person"}, name=STRING), ALICE, {"kind": "person", "name": "Alice Smith"}),
    (obj(["name"], kind={"const": "person", "default": "person"}, name=STRING), ALICE, {"kind": "person", "name": "Alice Smith"}),
    (obj(["name"], name=STRING, age=INTEGER, height=NUMBER), "Bob, age 25", {"name": "Bob", "age": 25}),
    (obj(["name"], name=STRING, punchline=STRING), "Bob, no punchline.", {"name": "Bob"}),
    (obj(code={"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}), "Order AB-123, please", {"code": "AB-123"}),
    (obj(link=STRING), "See https://example.com/a.", {"link": "https://example.com/a"}),
    (obj(level={"type": "integer", "minimum": 5}), "2 of 7", {"level": 7}),
    ({"allOf": [obj(name=STRING), obj(age=INTEGER)]}, "Bob is 25", {"name": "Bob", "age": 25}),
    ({"$ref": "#/$defs/P", "$defs": {"P": PERSON}}, "Bob is 25", {"name": "Bob", "age": 25}),
    (obj(pet=either(obj(cat_name=STRING), obj(dog_name=STRING))), 'The dog is "Rex"', {"pet": {"dog_name": "Rex"}}),
    (obj(pet=either(obj(cat_name=STRING), NULL)), "nothing to say", {"pet": None}),
    (obj(limit={"type": "integer", "default": 9}), "no figures", {"limit": 9}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "text", "value"), FILLED, ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_the_text_holds(schema, text, value):
    assert fill(schema, text) == value


INVENTED = [
    obj(a=STRING, b=INTEGER, c=NUMBER, d=BOOLEAN, e=NULL),
    obj(a={"type": "integer", "minimum": 10, "maximum": 12}, b={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    obj(a={"type": "integer", "exclusiveMaximum": -3}, b={"type": "integer", "multipleOf": 7, "minimum": 1}),
    obj(a={"type": "string", "minLength": 30, "maxLength": 31}, b={"type": "string", "maxLength": 2}),
    obj(a=many(STRING, minItems=3), b=many(INTEGER, maxItems=0), c=many(PERSON, minItems=2)),
    obj(a={"enum": ["x", "y"]}, b=either(STRING, NULL), c={"oneOf": [INTEGER, STRING]}),
    obj(a={"type": "string", "format": "date"}, b={"type": "string", "format": "email"}),
    obj(a=obj(b=obj(c=many(obj(d=STRING))))),
    {"type": "object", "additionalProperties": STRING},
    many(INTEGER),
    {"$defs": {"N": obj(["v"], v=INTEGER, next={"$ref": "#/$defs/N"})}, "$ref": "#/$defs/N"},
    {"$defs": {"N": obj(kids=many({"$ref": "#/$defs/N"}, minItems=0))}, "$ref": "#/$defs/N"},
]  # fmt: skip


@pytest.mark.parametrize("schema", INVENTED, ids=lambda each: json.dumps(each)[:60])
@pytest.mark.parametrize(
    "text", ["", "nothing of use here", "next kids: 1, 2, 3. Alice is 30 and lives in Paris."]
)
def test_what_is_missing_is_invented_within_the_rules(schema, text):
    value = fill(schema, text)
    Draft202012Validator(schema).validate(value)


LEAVES = st.sampled_from(
    [STRING, INTEGER, NUMBER, BOOLEAN, NULL, {"enum": ["a", 1, None]}, {"const": 3}, {"type": "integer", "minimum": 2}]
)  # fmt: skip
NAMES = st.sampled_from(["name", "age", "city", "date", "summary", "url", "from", "x"])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(many),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: either(*branches)),
        st.dictionaries(NAMES, inner, max_size=4).map(lambda properties: obj(**properties) if "from" not in properties else {"type": "object", "properties": properties}),
    ),
    max_leaves=8,
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=80),
    st.sampled_from([ALICE, "a, b and c: 1 2 3", "name: , age: x", "城市 is 北京 from 2 to 9"]),
)


@given(st.dictionaries(NAMES, SCHEMAS, max_size=4), TEXTS)
def test_every_answer_fits_its_schema(properties, text):
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    Draft202012Validator(schema).validate(fill(schema, text))


RICH = [
    # tuples
    {"type": "array", "prefixItems": [STRING, INTEGER], "items": False, "minItems": 2, "maxItems": 2},
    {"type": "array", "items": [INTEGER, STRING], "additionalItems": False, "minItems": 2},
    {"type": "array", "prefixItems": [INTEGER], "items": STRING, "minItems": 3},
    # maps
    {"type": "object", "additionalProperties": INTEGER, "minProperties": 2},
    {"type": "object", "patternProperties": {"^[a-z]{2}$": NUMBER}, "additionalProperties": False, "minProperties": 1},
    {"type": "object", "propertyNames": {"pattern": "^x-"}, "additionalProperties": STRING, "minProperties": 1},
    {"type": "object", "required": ["a"], "additionalProperties": INTEGER},
    {"type": "object", "required": ["a"]},
    # patterns
    obj(a={"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"}),
    obj(a={"type": "string", "pattern": r"^\+[1-9]\d{1,14}$", "minLength": 8}),
    obj(a={"type": "string", "pattern": "^[a-z]+$", "minLength": 20, "maxLength": 34}),
    obj(a={"type": "string", "pattern": r"^(?!0)\d+$"}),
    # formats and sizes
    *(obj(a={"type": "string", "format": name}) for name in FORMATS),
    obj(a={"type": "string", "format": "email", "maxLength": 40}),
    obj(a=many(STRING, minItems=3, uniqueItems=True), b=many({"enum": [1, 2, 3]}, minItems=3, uniqueItems=True)),
    obj(a=many(INTEGER, minItems=4, uniqueItems=True), b=many(BOOLEAN, minItems=2, uniqueItems=True)),
    obj(a=many({"type": "integer", "minimum": 1, "maximum": 3}, minItems=3, uniqueItems=True)),
    obj(a={"type": "number", "multipleOf": 0.01, "exclusiveMinimum": 3}, b={"type": "integer", "multipleOf": 10, "minimum": 15}),
    # the rest
    obj(a={"allOf": [{"minimum": 3}, {"type": "integer", "maximum": 4}]}),
    obj(a={"anyOf": [{"type": "string", "const": "x"}, INTEGER], "description": "either"}),
    obj(a={"const": None}, b={"enum": [None]}, c=True, d={}),
    obj(a={"default": 3, "type": "string"}),
    {"$defs": {"N": {"anyOf": [obj(n={"$ref": "#/$defs/N"}), STRING]}}, **obj(n={"$ref": "#/$defs/N"})},
]  # fmt: skip


@pytest.mark.parametrize("schema", RICH, ids=lambda each: json.dumps(each)[:60])
@pytest.mark.parametrize(
    "text",
    ["", "apples: 3, pears: 4, a: x", "Alice <a@b.example> wrote AB-12 on 2026-03-04, 12 times."],
)
def test_every_keyword_is_kept_to(schema, text):
    value = fill(schema, text)
    draft = Draft7Validator if "additionalItems" in schema else Draft202012Validator
    draft(schema).validate(value)
    assert value_error(value, schema) is None


def test_a_map_is_filled_from_the_pairs_of_the_text():
    stock = {"type": "object", "additionalProperties": INTEGER}
    assert fill(stock, "apples: 3, pears: 4") == {"apples": 3, "pears": 4}
    prices = obj(prices={"type": "object", "additionalProperties": NUMBER})
    assert fill(prices, "In USD. small: 0.1; large: 0.5")["prices"] == {"small": 0.1, "large": 0.5}


def test_a_tuple_is_filled_in_order():
    point = {"type": "array", "prefixItems": [NUMBER, NUMBER], "items": False, "minItems": 2}
    assert fill(point, "It is at 3.5 and 7.") == [3.5, 7]


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"N": obj(n={"$ref": "#/$defs/N"})}, "$ref": "#/$defs/N"},
        obj(a=False),
        {"enum": []},
        {"allOf": [STRING, INTEGER]},
        {"not": {}},
        {"type": ["string", "integer"], "anyOf": [False]},
        {"type": "integer", "minimum": 3, "maximum": 2},
        obj(a={"type": "string", "pattern": r"^(a)\1$", "minLength": 9}),
        obj(a=many(STRING, minItems=10**9)),
        obj(a={"type": "string", "minLength": 10**12}),
        {"$ref": "#/nowhere", "type": "string", "const": 3},
    ],
    ids=lambda each: json.dumps(each)[:60],
)
def test_what_cannot_be_filled_is_refused(schema):
    with pytest.raises(UnfillableSchemaError):
        fill(schema, "text")
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    body = chat_body("text", response_format=wanted)
    response = Sandbox().handle("POST", "/v1/chat/completions", KEY, json.dumps(body).encode())
    assert response.status == 400
    tool = {
        "function": {
            "name": "f",
            "parameters": {"type": "object", "properties": {"a": schema}, "required": ["a"]},
        }
    }
    body = chat_body("Use the tool.", tools=[tool], tool_choice="any")
    assert Sandbox().handle(
        "POST", "/v1/chat/completions", KEY, json.dumps(body).encode()
    ).status in (400, 200)


@given(RANDOM_SCHEMAS, TEXTS)
def test_any_schema_is_filled_or_refused(schema, text):
    whole = {"$defs": {"x": {"type": ["string", "integer", "object"]}}, "allOf": [schema]}
    with contextlib.suppress(UnfillableSchemaError):
        Draft202012Validator(whole).validate(fill(whole, text))


def as_json(text, **fields):
    return json.loads(answer_text(Sandbox(), text, **fields))


JSON_OBJECT = {"response_format": {"type": "json_object"}}


def test_a_schema_in_the_request():
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "Person", "schema": PERSON, "strict": True},
    }
    assert as_json("Bob is 25", response_format=wanted) == {"name": "Bob", "age": 25}


def test_keys_that_the_prompt_names():
    text = "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys. Return nothing other than JSON."
    joke = as_json(text, **JSON_OBJECT)
    assert list(joke) == ["setup", "punchline"]
    assert all("cats" in part for part in joke.values())


@pytest.mark.parametrize(
    "text",
    [
        "Bob is 25. Answer in JSON with the keys name and age.",
        'Bob is 25. Answer as {"name": "Zoe", "age": 3}',
    ],
)
def test_keys_and_examples(text):
    assert as_json(text, **JSON_OBJECT) == {"name": "Bob", "age": 25}


def test_json_without_any_hint_is_still_an_object():
    assert list(as_json("Hello", **JSON_OBJECT)) == ["answer"]


def test_a_schema_in_the_prompt_is_filled_without_any_mode():
    text = f"Who is it: Bob is 25.\nHere's a JSON schema to follow:\n{json.dumps(PERSON)}\n\nOutput a valid JSON object but do not repeat the schema.\n"
    assert as_json(text) == {"name": "Bob", "age": 25}


def test_loose_braces_are_no_schema():
    assert answer_text(Sandbox(), "What does {x} {{ mean?").startswith("I am the sandbox")
