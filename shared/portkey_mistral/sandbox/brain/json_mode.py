"""JSON mode without a schema in the request: the prompt contains a schema, an example or keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from portkey_mistral.sandbox.brain.conversation import Conversation
from portkey_mistral.sandbox.brain.schema_values import fill
from portkey_mistral.sandbox.brain.words import sentences, stems
from portkey_mistral.sandbox.json_schema.schemas import schema_error

__all__ = ["answer_as_json"]

_QUOTED_KEY = re.compile(r"[\"'`\u2018“]([A-Za-z_][\w-]*)[\"'`\u2019”]")
_LISTED_KEYS = re.compile(
    r"\b(?:keys|fields|properties|attributes)\b[^\w\n]*((?:[a-z_]+(?:, | and |, and )?)+)"
)
# More unbalanced braces than this mean code, not a prompt with an example.
_MOST_FAILURES = 50
_TYPES = {bool: "boolean", int: "integer", float: "number"}
_NUMERIC = frozenset(
    stems("age year count price cost number quantity amount temperature score rating total")
)


def answer_as_json(conversation: Conversation) -> str | None:
    """Answer in JSON if the request or the prompt asks for it, otherwise None."""
    prompt = "\n\n".join(
        turn.text for turn in conversation.turns if turn.role in {"system", "user"}
    )
    schemas = [
        (text, value)
        for text, value in _objects(prompt)
        if "properties" in value and schema_error(value) is None
    ]
    if schemas:
        text, schema = schemas[-1]
        subject = conversation.user_text.replace(text, "").strip() or prompt.replace(text, "")
        return _filled(schema, _without_format(subject), prompt.replace(text, ""))
    if not conversation.as_json:
        return None
    return _filled(_guessed(prompt), _without_keys(conversation.user_text), _without_keys(prompt))


def _filled(schema: Mapping[str, Any], text: str, wider: str) -> str:
    return to_json(fill(schema, text, wider=wider)).decode()


def _guessed(prompt: str) -> Mapping[str, Any]:
    """Derive a schema from an example object or from the keys named in the prompt."""
    examples = [value for _, value in _objects(prompt) if value]
    if examples:
        properties = {key: _like(value, key) for key, value in examples[-1].items()}
    else:
        listed = _LISTED_KEYS.search(prompt)
        keys = _QUOTED_KEY.findall(prompt) or (
            re.findall(r"[a-z_]+", listed.group(1)) if listed else []
        )
        names = [key for key in dict.fromkeys(keys) if key != "and"] or ["answer"]
        properties = {name: _like(None, name) for name in names}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _like(value: object, name: str) -> Mapping[str, Any]:
    """Return the schema of an example value, or of a property name if the value is None."""
    match value:
        case bool() | int() | float():
            return {"type": _TYPES[type(value)]}
        case list():
            return {"type": "array", "items": _like(value[0] if value else "", name)}
        case dict():
            inner = {key: _like(each, key) for key, each in value.items()}
            return {"type": "object", "properties": inner, "required": list(inner)}
        case None if _NUMERIC & set(stems(name)):
            return {"type": "number"}
        case _:
            return {"type": "string"}


def _objects(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the outermost JSON objects in a text."""
    start = text.find("{")
    failures = 0
    while start >= 0 and failures < _MOST_FAILURES:
        end = _closing(text, start)
        try:
            value = from_json(text[start : end + 1])
        except ValueError:
            failures += 1
            start = text.find("{", start + 1)
            continue
        if isinstance(value, dict):
            yield text[start : end + 1], value
        start = text.find("{", end + 1)


def _closing(text: str, start: int) -> int:
    depth = 0
    quoted = escaped = False
    for position in range(start, len(text)):
        letter = text[position]
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            if not depth:
                return position
    return len(text)


def _without_keys(text: str) -> str:
    """Remove examples and the sentences about JSON and its keys, unless nothing else is left."""
    for example, _ in _objects(text):
        text = text.replace(example, "")
    kept = [each for each in sentences(text) if not re.search(r"\bJSON\b|\bkeys?\b", each)]
    return "\n".join(kept) or text


def _without_format(text: str) -> str:
    """Remove a framework's format instructions, so that they are not mistaken for content."""
    text = re.sub(r"Here's a JSON schema to follow:|Output a valid JSON object.*", "", text)
    text = re.sub(
        r"The output should be formatted as a JSON instance.*?schema:", "", text, flags=re.DOTALL
    )
    return text.replace("```json", "").replace("```", "").strip()
