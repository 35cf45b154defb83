"""Mistral's published schemas, if they are next to the repository. They are not part of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker

BUNDLE = Path(__file__).parents[3] / "shared" / "mistral" / "schemas.json"


@cache
def published(entry):
    if not BUNDLE.exists():
        return None
    bundle = json.loads(BUNDLE.read_text(encoding="utf-8"))
    schema = {**bundle, "$ref": bundle["x-entry-points"][entry]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def parameters(entry):
    """Return the names of all parameters of a request; none without the schemas."""
    validator = published(entry)
    if validator is None:
        return frozenset()
    name = validator.schema["$ref"].rpartition("/")[2]
    return frozenset(validator.schema["$defs"][name]["properties"])


def conforms(entry, value):
    """Whether a value is valid by Mistral's published schemas; always true without them."""
    validator = published(entry)
    return validator is None or validator.is_valid(value)
