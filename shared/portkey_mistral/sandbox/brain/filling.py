"""Fill a JSON Schema from a text: what the text holds where it holds it, else something that is valid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

from portkey_mistral.sandbox.brain.evidence import Evidence
from portkey_mistral.sandbox.brain.reading import question_in
from portkey_mistral.sandbox.brain.words import sentences, split_name, stem, stems

__all__ = ["fill"]

_Reader: TypeAlias = Callable[[Mapping[str, Any], str, int], Any]
_MISSING: Final = object()
_DEEPEST = 12
_LONGEST_READ = 20_000


def _kinds(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


_SEGMENT = re.compile(r"\n+|;\s+|(?<=[.!?])\s+|,?(?<!\s)\s+and\s+(?=[A-ZÀ-Ö])|,\s+(?=[A-ZÀ-Ö])")

# What the words of a property's name say about the value that is wanted.
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


def fill(schema: Mapping[str, Any], text: str, *, wider: str = "") -> Any:
    """Return a value that fits the schema. `wider` is searched where `text` says nothing.

    Optional properties are left out unless the text speaks of them. Of JSON Schema it knows types, enum,
    const, bounds, lengths, formats, pattern, default, $ref, allOf, anyOf and oneOf.
    """
    evidence = Evidence(_shortened(text))
    wider_evidence = Evidence(_shortened(wider)) if wider else evidence
    return _Filler(schema, evidence, wider_evidence).value(schema, "", 0)


def _shortened(text: str) -> str:
    """Leave out the middle of a very long text, which is not worth the time of reading it."""
    if len(text) <= _LONGEST_READ:
        return text
    return f"{text[: _LONGEST_READ // 2]}\n{text[-_LONGEST_READ // 2 :]}"


@dataclass(frozen=True, slots=True)
class _Filler:
    root: Mapping[str, Any]
    evidence: Evidence
    wider: Evidence

    def value(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        """Return what the text holds for this schema, else an invention that is valid."""
        found = self.found(schema, name, depth)
        return self.invented(self.resolved(schema), name, depth) if found is _MISSING else found

    def found(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        """Return what the text holds for this schema, or `_MISSING`."""
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._member(schema["enum"])
        if branches := _branches(schema):
            return self._union(branches, name, depth)
        usual = "object" if "properties" in schema else "string"
        return self._readers[schema.get("type", usual)](schema, name, depth)

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
        """Return something valid for a resolved schema of which the text holds nothing."""
        if "default" in schema:
            return schema["default"]
        if "enum" in schema:
            return schema["enum"][0]
        if branches := _branches(schema):
            nullable = any(branch.get("type") == "null" for branch in branches)
            return None if nullable else self.value(branches[0], name, depth + 1)
        return self._invented_by_type(schema, name, depth)

    def _invented_by_type(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        match schema.get("type"):
            case "integer" | "number":
                return _inside(schema)
            case "boolean":
                return False
            case "array":
                return self._invented_items(schema, name, depth)
            case _:
                return _fitted(self._phrase(schema, name), schema)

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow $ref and merge allOf; what stands beside them wins."""
        for _ in range(_DEEPEST):
            match schema:
                case {"$ref": str(pointer), **beside}:
                    schema = {**_follow(self.root, pointer), **beside}
                case {"allOf": [*parts], **beside}:
                    merged: dict[str, Any] = {}
                    for part in parts:
                        merged = _merged(merged, self.resolved(part))
                    schema = _merged(merged, beside)
                case _:
                    break
        return schema

    def _object(self, schema: Mapping[str, Any], _name: str, depth: int) -> Mapping[str, Any]:
        required = schema.get("required", ())
        filled: dict[str, Any] = {}
        for name, each in schema.get("properties", {}).items():
            if name in required:
                filled[name] = self.value(each, name, depth + 1)
            elif depth < _DEEPEST and (found := self._optional(each, name, depth)) is not _MISSING:
                filled[name] = found
        return filled

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
        """Choose among objects the one whose title, constants and properties the text speaks of most."""
        words = set(stems(self.evidence.text))
        ranked = sorted(objects, key=lambda each: -len(words & self._vocabulary(each)))
        if nullable and not words & (self._vocabulary(ranked[0]) | set(stems(split_name(name)))):
            return None
        return self.value(ranked[0], name, depth + 1)

    def _vocabulary(self, schema: Mapping[str, Any]) -> set[str]:
        schema = self.resolved(schema)
        properties = schema.get("properties", {})
        constants = [str(each.get("const", "")) for each in properties.values()]
        texts = [schema.get("title", ""), *properties, *constants]
        return {word for text in texts for word in stems(split_name(text))}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        items = self.resolved(schema.get("items") or {})
        most = schema.get("maxItems", 20)
        if depth > _DEEPEST:
            return []
        found = list(islice(self._items(items, name, depth), most))
        return found if found and len(found) >= schema.get("minItems", 0) else _MISSING

    def _items(self, items: Mapping[str, Any], name: str, depth: int) -> Iterator[Any]:
        match items:
            case {"enum": [*members]}:
                yield from (
                    m for m in members if Evidence(self.evidence.text).member([m]) is not None
                )
            case {"type": "integer" | "number"}:
                while (one := self._number(items, "", depth)) is not _MISSING:
                    yield one
            case {"properties": dict()}:
                yield from self._rows(items, depth)
            case _ if not items or items.get("type") == "string":
                said = self.evidence
                yield from (
                    said.listed(name)
                    or said.quotations()
                    or said.series()
                    or said.foreign()
                    or said.names()
                )
            case _:
                return

    def _rows(self, items: Mapping[str, Any], depth: int) -> Iterator[Any]:
        """Yield an object for each segment of the text that holds the first required property."""
        properties = items["properties"]
        leading = next(iter(items.get("required") or properties), "")
        for segment in _SEGMENT.split(self.evidence.text) if leading else ():
            part = _Filler(self.root, Evidence(segment), Evidence(segment))
            if part.found(properties[leading], leading, depth + 1) is not _MISSING:
                fresh = _Filler(self.root, Evidence(segment), Evidence(segment))
                yield fresh.value(items, "", depth + 1)

    def _invented_items(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = self.resolved(schema.get("items") or {})
        number = max(1, schema.get("minItems", 0)) if schema.get("maxItems", 1) else 0
        return (
            [self.value(items, name, depth + 1) for _ in range(number)] if depth < _DEEPEST else []
        )

    def _member(self, members: Sequence[Any]) -> Any:
        for evidence in (self.evidence, self.wider):
            if (member := evidence.member(members)) is not None:
                return member
        return _MISSING

    def _number(self, schema: Mapping[str, Any], name: str, _depth: int) -> Any:
        whole = schema.get("type") == "integer"

        def fits(value: float) -> bool:
            return (not whole or value == int(value)) and _in_bounds(value, schema)

        description = str(schema.get("description", ""))
        for evidence in (self.evidence, self.wider):
            value = evidence.number(name, description, fits=fits)
            if value is not None:
                return int(value) if whole else value
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
        """Say plainly what is missing; the words are those of the property and of the text."""
        about = re.search(r"\babout (?:an? |the )?([\w'\u2019 -]+)", self.evidence.text)
        topic = about.group(1).strip() if about else " ".join(self.evidence.text.split()[:8])
        label = split_name(name) or "text"
        if "question" in str(schema.get("description", "")).lower():
            return f"What is there to say about {topic.rstrip('?.!')}?"
        return f"A {label} about {topic.rstrip('?.!')}."


def _strings(evidence: Evidence, schema: Mapping[str, Any], name: str) -> Iterator[str | None]:
    """Yield candidates for a text, the likeliest first."""
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
    # The last word of a name says most: an "answer style" is a style.
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
        case {"anyOf": [*branches]} | {"oneOf": [*branches]}:
            return branches
        case {"type": [*kinds]}:
            return [{**schema, "type": kind} for kind in kinds]
        case _:
            return ()


def _follow(root: Mapping[str, Any], pointer: str) -> Mapping[str, Any]:
    place: Any = root
    for part in pointer.removeprefix("#").strip("/").split("/"):
        place = place.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else place
    return place if isinstance(place, dict) else {}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _in_bounds(value: float, schema: Mapping[str, Any]) -> bool:
    step = schema.get("multipleOf")
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and not value <= schema.get("exclusiveMinimum", float("-inf"))
        and not value >= schema.get("exclusiveMaximum", float("inf"))
        and not (step and value % step)
    )


def _inside(schema: Mapping[str, Any]) -> float:
    """Return a number within the bounds, the smallest in size that is."""
    whole = schema.get("type") == "integer"
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    starts = [each for each in (0, low, high) if each is not None]
    tries = [start + offset * step for start in starts for offset in (0, 1, -1)]
    if low is not None and high is not None:
        tries.append((low + high) / 2)
    fitting = [each for each in tries if _in_bounds(each, schema)]
    chosen = fitting[0] if fitting else starts[-1]
    return int(chosen) if whole else float(chosen)


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", len(text))
    pattern = schema.get("pattern")
    return shortest <= len(text) <= longest and (not pattern or _matches(pattern, text))


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _fitted(text: str, schema: Mapping[str, Any]) -> str:
    example = _EXAMPLES.get(str(schema.get("format")), text)
    return example.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", None)]


_EXAMPLES = {
    "date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "time": "00:00:00",
    "email": "nobody@example.com", "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip
