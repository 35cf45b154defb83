"""Describes a schema of any form as a function: name, description, parameters. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import BaseModel

__all__ = ["Method", "Schema", "function_of"]

Method: TypeAlias = Literal["function_calling", "json_schema", "json_mode"]
Schema: TypeAlias = Mapping[str, Any] | type
Definitions: TypeAlias = Mapping[str, Any]

_ANY_OBJECT: Mapping[str, Any] = {"type": "object", "properties": {}}
_OF_DEFINITIONS = "#/$defs/"


def function_of(schema: Schema | None, *, strict: bool | None = None) -> dict[str, Any]:
    """Describe a schema as a function.

    A mapping may be a JSON Schema (with or without a title), a function, a tool, or a `response_format`, whole
    or what stands in it under `json_schema`. None is an object of any kind.
    """
    named = _recursive(schema) or _named(schema)
    function = convert_to_openai_function(named, strict=strict)
    function.setdefault("parameters", dict(_ANY_OBJECT))
    return function


def _named(schema: Schema | None) -> Schema:
    """Bring the forms that LangChain does not know, or reads only in part, into one that it does."""
    match schema:
        case None:
            return {"name": "JSON", "parameters": _ANY_OBJECT}
        case {"function": Mapping() as inner} | {"json_schema": Mapping() as inner}:
            return _named(inner)
        case {"name": str(name), "schema": Mapping() as parameters, **others}:
            description = others.get("description", "")
            return {"name": name, "description": description, "parameters": parameters}
        case {"name": str(), "parameters": _} | {"name": str(), "input_schema": _}:
            return schema
        case Mapping() if "name" in schema:
            return {**schema, "parameters": _ANY_OBJECT}
        case Mapping() if "toolSpec" not in schema:
            return _of_json_schema(schema)
        case _:
            return schema


def _of_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {key: schema[key] for key in schema if key not in ("title", "description")}
    named = {"name": schema.get("title", "response"), "parameters": parameters or _ANY_OBJECT}
    return {key: schema[key] for key in ("description",) if key in schema} | named


# --- classes that refer to themselves ---


def _recursive(schema: Schema | None) -> dict[str, Any] | None:
    """Describe a class whose schema refers to itself; None for any other.

    LangChain unfolds definitions, and leaves nothing of one that holds itself.
    """
    if not isinstance(schema, type) or not issubclass(schema, BaseModel):
        return None
    whole = schema.model_json_schema()
    definitions = whole.get("$defs", {})
    if not any(name in _reached(name, definitions) for name in definitions):
        return None
    root = definitions.get(str(whole.pop("$ref", "")).removeprefix(_OF_DEFINITIONS), {})
    return _of_json_schema({**whole, **root, "$defs": definitions})


def _reached(name: str, definitions: Definitions) -> set[str]:
    """Collect the definitions that one leads to, by however many steps."""
    reached: set[str] = set()
    ahead = set(_references(definitions[name]))
    while ahead:
        reached |= ahead
        ahead = {far for near in ahead for far in _references(definitions.get(near))} - reached
    return reached


def _references(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference.removeprefix(_OF_DEFINITIONS)
        case Mapping():
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)
