"""Values match where `jsonschema` says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from json_schemas import SCHEMAS, VALUES
from portkey_mistral.sandbox.json_schema.formats import EXAMPLES, FORMATS
from portkey_mistral.sandbox.json_schema.values import value_error


@given(SCHEMAS, VALUES)
def test_values_are_judged_as_by_jsonschema(schema, value):
    whole = {"$defs": {"x": {"type": ["string", "integer", "object"]}}, "allOf": [schema]}
    expected = Draft202012Validator(whole).is_valid(value)
    assert (value_error(value, whole) is None) == expected, value_error(value, whole)


FORMATTED = {
    "date": ("2026-02-28", "2026-13-01"),
    "time": ("12:30:00Z", "12:30"),
    "date-time": ("2026-02-28T12:30:00.5+02:00", "2026-02-28"),
    "duration": ("P1DT2H", "P"),
    "email": ("a@b.example", "a b@c"),
    "idn-email": ("ä@b.example", "a"),
    "hostname": ("a-b.example", "-a"),
    "idn-hostname": ("ä.example", "a b"),
    "ipv4": ("127.0.0.1", "256.0.0.1"),
    "ipv6": ("2001:db8::1", "127.0.0.1"),
    "uri": ("https://a.example/x?y#z", "/x"),
    "uri-reference": ("/x", "a b"),
    "iri": ("https://ä.example/", "/x"),
    "iri-reference": ("/ä", "a b"),
    "uuid": ("00000000-0000-4000-8000-000000000000", "1"),
    "json-pointer": ("/a~1b/0", "a"),
    "relative-json-pointer": ("1/a", "/a"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name):
    good, bad = FORMATTED[name]
    assert value_error(good, {"format": name}) is None
    assert value_error(bad, {"format": name})
    assert value_error(EXAMPLES[name], {"format": name}) is None


def test_a_pattern_takes_linear_time():
    assert value_error("a" * 5000 + "b", {"pattern": "^(a+)+$"})
