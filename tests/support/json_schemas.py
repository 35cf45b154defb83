"""Random JSON values, and random JSON Schemas of nearly all keywords."""

from __future__ import annotations

from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.sampled_from(["", "a", "ab", "B1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c1"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
KEYWORDS = {
    "type": st.sampled_from(
        ["string", "integer", "number", "boolean", "null", "array", "object", ["string", "array"]]
    ),
    "const": VALUES,
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "minimum": st.integers(-2, 2),
    "exclusiveMaximum": st.integers(-2, 3),
    "multipleOf": st.sampled_from([2, 0.5]),
    "minLength": st.integers(0, 2),
    "maxLength": st.integers(0, 2),
    "pattern": st.sampled_from(["^a", "b$", "[0-9]", "^$"]),
    "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 2),
    "uniqueItems": st.booleans(),
    "required": st.lists(st.sampled_from(["a", "b"]), unique=True),
    "minProperties": st.integers(0, 2),
    "maxProperties": st.integers(0, 2),
    "dependentRequired": st.just({"a": ["b"]}),
}


def _schemas(inner):
    parts = {
        **KEYWORDS,
        "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "[0-9]"]), inner, max_size=1),
        "additionalProperties": inner,
        "propertyNames": inner,
        "items": inner,
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "contains": inner,
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "oneOf": st.lists(inner, min_size=1, max_size=2),
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": st.just("#/$defs/x"),
    }
    names = st.lists(st.sampled_from(sorted(parts)), max_size=3, unique=True)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({name: parts[name] for name in chosen})
    )


SCHEMAS = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional=KEYWORDS), _schemas, max_leaves=4
)
