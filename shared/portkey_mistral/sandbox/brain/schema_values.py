"""Fill a JSON Schema from a text: values found in the text, otherwise made-up values that are valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import isfinite
from typing import Any, Final, TypeAlias

from portkey_mistral.sandbox.brain.evidence import Evidence
from portkey_mistral.sandbox.brain.prompts import question_in
from portkey_mistral.sandbox.brain.words import sentences, split_name, stem, stems
from portkey_mistral.sandbox.json_schema.common import follow, is_whole
from portkey_mistral.sandbox.json_schema.effort import TooComplexError, limited, step
from portkey_mistral.sandbox.json_schema.formats import EXAMPLES
from portkey_mistral.sandbox.json_schema.patterns import texts_matching
from portkey_mistral.sandbox.json_schema.values import (
    in_bounds,
    item_schemas,
    property_schemas,
    value_error,
)

__all__ = ["UnfillableSchemaError", "fill"]

_Reader: TypeAlias = Callable[[Mapping[str, Any], str, int], Any]
_MISSING: Final = object()
_DEEPEST = 12
_LONGEST_READ = 20_000
_TOO_DEEP = 60
_MOST_PAIRS = 100
_MOST_ITEMS = 1000
_LONGEST_MADE = 100_000
_CHARACTERS_A_STEP = 100  # of the text, in which each property is searched


def _kinds(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


_SEGMENT = re.compile(r"\n+|;\s+|(?<=[.!?])\s+|,?(?<!\s)\s+and\s+(?=[A-ZÀ-Ö])|,\s+(?=[A-ZÀ-Ö])")

# Words in a property's name that reveal the kind of value.
_SHAPES = {
    stem(word): shape
    for words, shape in (
        ("email mail", "email"),
        ("url uri link website homepage", "uri"),
        ("date day birthday deadline", "date"),
        ("phone telephone mobile", "phone"),
        ("uuid", "uuid"),
    )
    for word in words.split()
}
_QUESTIONS = _kinds("query question input prompt request search task expression")
_PLACES = _kinds("city location place country town destination region address venue")
_PROSE = _kinds(
    "summary description explanation reason answer content text message body details note comment"
)
_SOURCES = _kinds("source from origin src")
_TARGETS = _kinds("target to destination dest into")


class UnfillableSchemaError(ValueError):
    """No value was found or made up that matches the schema; the message says why."""


def fill(schema: Mapping[str, Any], text: str, *, wider: str = "") -> Any:
    """Return a value that matches a valid schema. `wider` is searched if `text` contains no value.

    Optional properties are left out unless the text mentions them.

    Raises:
        UnfillableSchemaError: the schema allows nothing, or demands what is beyond this stand-in.
    """
    evidence = Evidence(_shortened(text))
    wider_evidence = Evidence(_shortened(wider)) if wider else evidence
    try:
        with limited():
            value = _Filler(schema, evidence, wider_evidence).value(schema, "", 0)
            error = value_error(value, schema)
    except RecursionError:
        raise UnfillableSchemaError("it is nested too deeply, or demands itself") from None
    except OverflowError:
        raise UnfillableSchemaError("a number in it is too large for a float") from None
    except TooComplexError:
        raise UnfillableSchemaError("its properties or alternatives are too many") from None
    if error:
        raise UnfillableSchemaError(error)
    return value


def _shortened(text: str) -> str:
    """Leave out the middle of a very long text."""
    if len(text) <= _LONGEST_READ:
        return text
    return f"{text[: _LONGEST_READ // 2]}\n{text[-_LONGEST_READ // 2 :]}"


@dataclass(frozen=True, slots=True)
class _Filler:
    root: Mapping[str, Any]
    evidence: Evidence
    wider: Evidence

    def value(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        """Return the value for this schema found in the text, otherwise a made-up one that is valid."""
        found = self.found(schema, name, depth)
        return self.invented(self.resolved(schema), name, depth) if found is _MISSING else found

    def found(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        """Return the value for this schema found in the text, or `_MISSING`."""
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._member(schema["enum"])
        if branches := _branches(schema):
            return self._union(branches, name, depth)
        return self._readers[schema.get("type", _usual_type(schema))](schema, name, depth)

    @property
    def _readers(self) -> Mapping[str, _Reader]:
        return {
            "object": self._object,
            "array": self._array,
            "integer": self._number,
            "number": self._number,
            "boolean": self._boolean,
            "string": self._string,
            "null": lambda *_: None,
        }

    def invented(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        """Return a valid value for a resolved schema without evidence from the text."""
        if "default" in schema and value_error(schema["default"], schema, self.root) is None:
            return schema["default"]
        if "enum" in schema:
            return next(iter(schema["enum"]), None)
        if branches := _branches(schema):
            nullable = any(branch.get("type") == "null" for branch in branches)
            return None if nullable else self._first_valid(branches, name, depth)
        return self._invented_by_type(schema, name, depth)

    def _first_valid(self, branches: Sequence[Mapping[str, Any]], name: str, depth: int) -> Any:
        """Return the value of the first branch that can be filled: one that demands itself cannot."""
        made = None
        if depth >= _DEEPEST:
            branches = sorted(branches, key=self._is_nested)[:1]
        for branch in branches:
            made = self.value(branch, name, depth + 1)
            if value_error(made, branch, self.root) is None:
                return made
        return made

    def _is_nested(self, schema: Mapping[str, Any]) -> bool:
        schema = self.resolved(schema)
        return schema.get("type", _usual_type(schema)) in {"object", "array"}

    def _invented_by_type(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match schema.get("type", _usual_type(schema)):
            case "integer" | "number":
                return _inside(schema)
            case "boolean":
                return False
            case "array":
                return self._invented_items(schema, name, depth)
            case _:
                return _fitted(self._phrase(schema, name), schema)

    def resolved(self, schema: Mapping[str, Any] | bool) -> Mapping[str, Any]:
        """Follow $ref and merge allOf; sibling keywords take precedence."""
        step()
        if isinstance(schema, bool):
            return {}
        for _ in range(_DEEPEST):
            match schema:
                case {"$ref": str(pointer), **beside}:
                    target = follow(self.root, pointer)
                    schema = {**(target if isinstance(target, dict) else {}), **beside}
                case {"allOf": [*parts], **beside}:
                    merged: dict[str, Any] = {}
                    for part in parts:
                        merged = _merged(merged, self.resolved(part))
                    schema = _merged(merged, beside)
                case _:
                    break
        return schema

    def _object(self, schema: Mapping[str, Any], _name: str, depth: int) -> Mapping[str, Any]:
        required = dict.fromkeys(schema.get("required", ()))
        properties = schema.get("properties", {})
        if depth > _TOO_DEEP:
            raise RecursionError
        filled: dict[str, Any] = {}
        for name, each in properties.items():
            step(len(self.evidence.text) // _CHARACTERS_A_STEP)
            # A tag of a union has one value; pydantic needs it although a default makes it optional.
            if name in required or (isinstance(each, Mapping) and "const" in each):
                filled[name] = self.value(each, name, depth + 1)
            elif (
                each is not False
                and depth < _DEEPEST
                and (found := self._optional(each, name, depth)) is not _MISSING
            ):
                filled[name] = found
        for name in required:
            if name not in properties:
                filled[name] = self.value(property_schemas(schema, name)[0], name, depth + 1)
        filled.update(self._open_properties(schema, filled, depth))
        return filled

    def _open_properties(
        self, schema: Mapping[str, Any], filled: Mapping[str, Any], depth: int
    ) -> Mapping[str, Any]:
        """Fill a map (`additionalProperties` or `patternProperties`) from pairs in the text."""
        least, most = schema.get("minProperties", 0), schema.get("maxProperties", _MOST_PAIRS)
        added: dict[str, Any] = {}
        if isinstance(schema.get("additionalProperties"), dict) or "patternProperties" in schema:
            for name, text in self.evidence.pairs():
                part = property_schemas(schema, name)[0]
                if len(filled) + len(added) < most and self._may_be_key(name, schema):
                    found = _Filler(self.root, Evidence(text), Evidence(text)).found(
                        part, "", depth + 1
                    )
                    if found is not _MISSING and value_error(found, part, self.root) is None:
                        added[name] = found
        for name in self._key_names(schema):
            if len(filled) + len(added) >= least:
                break
            if name not in filled and name not in added:
                part = property_schemas(schema, name)[0]
                added[name] = self.value(part, name, depth + 1)
        return added

    def _may_be_key(self, name: str, schema: Mapping[str, Any]) -> bool:
        own = name in schema.get("properties", {})
        part = property_schemas(schema, name)[0]
        return (
            not own
            and part is not False
            and value_error(name, schema.get("propertyNames", True), self.root) is None
        )

    def _key_names(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """Yield names that an object may have besides those it must have."""
        yield from schema.get("properties", {})
        for pattern in schema.get("patternProperties", {}):
            yield from texts_matching(pattern)
        wanted = schema.get("propertyNames", True)
        if isinstance(wanted, dict) and wanted:
            yield str(self.value({"type": "string", **wanted}, "", 0))
        yield from (f"key{number}" for number in range(1, _MOST_PAIRS + 1))

    def _optional(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if self.evidence.denies(name) or not self.evidence.mentions(name):
            label = self.evidence.labelled(name)
            return _MISSING if label is None else self.found(schema, name, depth + 1)
        branches = [each for each in _branches(self.resolved(schema)) if each.get("type") != "null"]
        return self.value(branches[0] if branches else schema, name, depth + 1)

    def _union(self, branches: Sequence[Mapping[str, Any]], name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            return _MISSING
        real = [branch for branch in branches if branch.get("type") != "null"]
        nullable = len(real) < len(branches)
        if nullable and self.evidence.denies(name):
            return None
        objects = [branch for branch in real if "properties" in self.resolved(branch)]
        if objects and len(objects) == len(real):
            return self._likeliest(objects, name, depth, nullable=nullable)
        for branch in real:
            if (found := self.found(branch, name, depth + 1)) is not _MISSING:
                return found
        return None if nullable else _MISSING

    def _likeliest(
        self, objects: Sequence[Mapping[str, Any]], name: str, depth: int, *, nullable: bool
    ) -> Any:
        """Choose the object whose title, constants and properties share most words with the text."""
        words = self.evidence.stems
        ranked = sorted(objects, key=lambda each: -len(words & self._vocabulary(each)))
        if nullable and not words & (self._vocabulary(ranked[0]) | set(stems(split_name(name)))):
            return None
        return self.value(ranked[0], name, depth + 1)

    def _vocabulary(self, schema: Mapping[str, Any]) -> set[str]:
        schema = self.resolved(schema)
        properties = schema.get("properties", {})
        parts = [each for each in properties.values() if isinstance(each, dict)]
        constants = [str(each.get("const", "")) for each in parts]
        texts = [schema.get("title", ""), *properties, *constants]
        return {word for text in texts for word in stems(split_name(text))}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        first, rest = item_schemas(schema)
        if depth > _DEEPEST:
            return []
        if first:
            return self._tuple(schema, name, depth)
        items = self.resolved(rest)
        found = list(islice(self._items(items, name, depth), schema.get("maxItems", 20)))
        found = [each for each in found if value_error(each, rest, self.root) is None]
        if schema.get("uniqueItems"):
            found = [each for index, each in enumerate(found) if each not in found[:index]]
        return found if found and len(found) >= schema.get("minItems", 0) else _MISSING

    def _tuple(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        first, rest = item_schemas(schema)
        most = schema.get("maxItems", len(first))
        made = [self.value(self.resolved(each), name, depth + 1) for each in first[:most]]
        while len(made) < schema.get("minItems", 0):
            made.append(self.value(self.resolved(rest), name, depth + 1))
        return made

    def _items(self, items: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
        match items:
            case {"enum": [*members]}:
                yield from (
                    m for m in members if Evidence(self.evidence.text).member([m]) is not None
                )
            case {"type": "integer" | "number"}:
                yield from _numbers_in(self.evidence, items) or _numbers_in(self.wider, items)
            case {"properties": dict()}:
                yield from self._rows(items, depth)
            case _ if not items or items.get("type") == "string":
                evidence = self.evidence
                yield from (
                    evidence.listed(name)
                    or evidence.quotations()
                    or evidence.series()
                    or evidence.foreign()
                    or evidence.names()
                )
            case _:
                return

    def _rows(self, items: Mapping[str, Any], depth: int) -> Iterator[Any]:
        """Yield an object for each segment of the text that contains the first required property."""
        properties = items["properties"]
        leading = next(iter(items.get("required") or properties), "")
        for segment in _SEGMENT.split(self.evidence.text) if leading else ():
            part = _Filler(self.root, Evidence(segment), Evidence(segment))
            if part.found(properties[leading], leading, depth + 1) is not _MISSING:
                fresh = _Filler(self.root, Evidence(segment), Evidence(segment))
                yield fresh.value(items, "", depth + 1)

    def _invented_items(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = self.resolved(item_schemas(schema)[1])
        number = max(1, schema.get("minItems", 0)) if schema.get("maxItems", 1) else 0
        if number > _MOST_ITEMS:
            raise UnfillableSchemaError(f"more than {_MOST_ITEMS} items are demanded")
        if depth >= _DEEPEST and not schema.get("minItems"):
            return []
        if schema.get("uniqueItems") and number > 1:
            return list(islice(self._distinct(items, name, depth), number))
        return [self.value(items, name, depth + 1) for _ in range(number)]

    def _distinct(self, items: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
        """Yield different items: the members of an enum, numbers in a row, or numbered texts."""
        match items:
            case {"enum": [*members]}:
                yield from members
            case {"type": "boolean"}:
                yield from (False, True)
            case {"type": "integer" | "number"}:
                start, step = _inside(items), items.get("multipleOf", 1)
                numbers = (
                    start + sign * index * step for index in range(_MOST_ITEMS) for sign in (1, -1)
                )
                yield from (each for each in dict.fromkeys(numbers) if in_bounds(each, items))
            case {"pattern": str(pattern)}:
                yield from (text for text in texts_matching(pattern) if _fits(text, items))
            case _:
                base = self.value(items, name, depth + 1)
                yield base
                while isinstance(base, str):
                    for number in range(2, _MOST_ITEMS):
                        yield f"{base} {number}"

    def _member(self, members: Sequence[Any]) -> Any:
        for evidence in (self.evidence, self.wider):
            if (member := evidence.member(members)) is not None:
                return member
        return _MISSING

    def _number(self, schema: Mapping[str, Any], name: str, _depth: int) -> Any:
        for evidence in (self.evidence, self.wider):
            if (value := _number_in(evidence, schema, name)) is not None:
                return value
        return _MISSING

    def _boolean(self, _schema: Mapping[str, Any], name: str, _depth: int) -> Any:
        label = (self.evidence.labelled(name) or "").lower()
        if self.evidence.denies(name) or label.startswith(("no", "false", "off")):
            return False
        return True if self.evidence.mentions(name) else _MISSING

    def _string(self, schema: Mapping[str, Any], name: str, _depth: int) -> Any:
        for evidence in (self.evidence, self.wider):
            for text in _strings(evidence, schema, name):
                if text and _fits(text, schema) and evidence.is_free(text):
                    evidence.take(text)
                    return text
        return _MISSING

    def _phrase(self, schema: Mapping[str, Any], name: str) -> str:
        """Make up a text from the words of the property and of the text."""
        about = re.search(r"\babout (?:an? |the )?([\w'\u2019 -]+)", self.evidence.text)
        topic = about.group(1).strip() if about else " ".join(self.evidence.text.split()[:8])
        label = split_name(name) or "text"
        if "question" in str(schema.get("description", "")).lower():
            return f"What is there to say about {topic.rstrip('?.!')}?"
        return f"A {label} about {topic.rstrip('?.!')}."


def _number_in(evidence: Evidence, schema: Mapping[str, Any], name: str) -> float | None:
    whole = schema.get("type") == "integer"

    def fits(value: float) -> bool:
        return isfinite(value) and (not whole or is_whole(value)) and in_bounds(value, schema)

    value = evidence.number(name, str(schema.get("description", "")), fits=fits)
    return value if value is None or not whole else int(value)


def _numbers_in(evidence: Evidence, schema: Mapping[str, Any]) -> list[float]:
    return [*iter(partial(_number_in, evidence, schema, ""), None)]


def _strings(evidence: Evidence, schema: Mapping[str, Any], name: str) -> Iterator[str | None]:
    """Yield candidates for a string, the likeliest first."""
    words = [stem(word) for word in split_name(name).split()]
    shape = schema.get("format") or next((_SHAPES[word] for word in words if word in _SHAPES), None)
    if shape:
        yield evidence.shaped(str(shape))
    if "format" in schema:
        return
    if "pattern" in schema:
        yield evidence.matching(schema["pattern"])
    if name:
        yield evidence.labelled(name)
    # The last word of a name is the head: an "answer style" is a style.
    yield from _by_kind(evidence, words[-1] if words else "")


def _by_kind(evidence: Evidence, kind: str) -> Iterator[str | None]:
    if kind in _PROSE:
        yield from sentences(evidence.text)[:1]
        return
    if kind in _SOURCES:
        yield evidence.source()
    if kind in _TARGETS:
        yield evidence.target()
    if kind in _PLACES:
        yield from evidence.places()
    if kind in _QUESTIONS:
        yield question_in(evidence.text)
    yield from evidence.quotations()
    yield from evidence.foreign()
    yield from evidence.names()


def _branches(schema: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    match schema:
        case {"anyOf": [*branches], **beside} | {"oneOf": [*branches], **beside} if allowed := [
            each for each in branches if each is not False
        ]:
            return [_merged(beside, each if isinstance(each, dict) else {}) for each in allowed]
        case {"type": [*kinds]}:
            return [{**schema, "type": kind} for kind in kinds]
        case _:
            return ()


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _inside(schema: Mapping[str, Any]) -> float:
    """Return a number within the bounds, the one nearest to zero if possible."""
    whole = schema.get("type") == "integer"
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    starts = [each for each in (0, low, high) if each is not None]
    tries = [step * (start // step + offset) for start in starts for offset in (0, 1, -1)]
    tries += [start + offset * step for start in starts for offset in (0, 1, -1)]
    if low is not None and high is not None:
        tries.append((low + high) / 2)
    fitting = (each for each in tries if in_bounds(each, schema) and (not whole or is_whole(each)))
    chosen = next(fitting, None)
    if chosen is None or not isfinite(chosen):
        raise UnfillableSchemaError("no number is within its bounds")
    return int(chosen) if whole else float(chosen)


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    own = {name: schema[name] for name in _OF_STRINGS if name in schema}
    return value_error(text, own) is None


def _fitted(text: str, schema: Mapping[str, Any]) -> str:
    """Make a text valid: by its format or pattern, else by its length."""
    if (example := EXAMPLES.get(str(schema.get("format")))) and _fits(example, schema):
        return example
    if "pattern" in schema and not _fits(text, schema):
        made = (each for each in texts_matching(schema["pattern"]) if _fits(each, schema))
        return next(made, text)
    if schema.get("minLength", 0) > _LONGEST_MADE:
        raise UnfillableSchemaError(f"a string of more than {_LONGEST_MADE} characters is demanded")
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", None)]


def _usual_type(schema: Mapping[str, Any]) -> str:
    """Return the type that keywords imply where none is named."""
    return next((kind for kind, keywords in _IMPLIED.items() if keywords & schema.keys()), "string")


_OF_STRINGS = ("minLength", "maxLength", "pattern", "format")
_IMPLIED = {
    "object": {
        "properties",
        "required",
        "additionalProperties",
        "patternProperties",
        "minProperties",
    },
    "array": {"items", "prefixItems", "minItems"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
}
