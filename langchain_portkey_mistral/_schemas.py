"""Converts tools and schemas in any format to a function: name, description and parameters.

The parameters are the JSON Schema as the caller, or pydantic, wrote it. LangChain's own conversion inlines definitions,
which breaks recursive schemas, and with `strict` it makes every property required and closes every map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from inspect import isroutine, signature
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_origin, get_type_hints

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from langchain_portkey_mistral._typed_dicts import is_typeddict, to_pydantic_class
from portkey_mistral.adapter_support import KeptSchemas
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import wire_name

__all__ = [
    "Method",
    "Schema",
    "ToolLike",
    "json_schema_format",
    "to_function",
    "to_response_format",
]

Method: TypeAlias = Literal["function_calling", "json_schema", "json_mode"]
Schema: TypeAlias = Mapping[str, Any] | type
ToolLike: TypeAlias = Mapping[str, Any] | type | Callable[..., Any] | BaseTool

_NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}
_ANY_OBJECT: Mapping[str, Any] = {"type": "object", "additionalProperties": True}


def to_function(source: ToolLike | None, *, strict: bool | None = None) -> dict[str, Any]:
    """Convert a tool or a schema to a function in OpenAI's format.

    A mapping may be a JSON Schema (with or without a title), a function or tool of OpenAI's, Anthropic's or Bedrock's,
    or a `response_format`, either whole or its `json_schema` member. None stands for any JSON object.

    Raises:
        InvalidRequestError: it is none of these, such as `list[X]`, `X | Y`, a class without fields, or a `functools.partial`.
    """
    function = _function(source)
    return function if strict is None else {**function, "strict": strict}


def to_response_format(source: Any) -> Any:
    """Convert a class to a strict `response_format`; any other value is returned unchanged."""
    return json_schema_format(source, strict=True) if isinstance(source, type) else source


def json_schema_format(schema: Schema | None, *, strict: bool) -> dict[str, Any]:
    """Convert a schema to a `response_format`; see `to_function`."""
    function = to_function(schema, strict=strict or None)
    json_schema = {
        "name": wire_name(function["name"]),
        "schema": function["parameters"],
        "strict": strict,
    }
    if description := function.get("description"):
        json_schema["description"] = description
    return {"type": "json_schema", "json_schema": json_schema}


def _function(source: Any) -> dict[str, Any]:
    match source:
        case None:
            return {"name": "JSON", "parameters": dict(_ANY_OBJECT)}
        case Mapping():
            return _from_mapping(source)
        case BaseTool():
            return _from_tool(source)
    schema = _schema_of_type(source)
    if schema is not None:
        return _from_json_schema(schema)
    if callable(source) and not _is_generic(source) and not _is_json_value(source):
        return _from_callable(source)
    raise _not_an_object(source)


def _schema_of_type(source: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema of a TypedDict, a pydantic class or a dataclass; None for anything else."""
    if is_typeddict(source):
        return _class_schema(to_pydantic_class(source))
    if not isinstance(source, type) or _is_generic(source):
        return None
    if is_basemodel_subclass(source):
        return _class_schema(source)
    if is_dataclass(source):
        return _titled(source, TypeAdapter(source).json_schema(schema_generator=_Untitled))
    return None


def _is_generic(source: Any) -> bool:
    return get_origin(source) is not None or isinstance(source, UnionType)


def _is_json_value(source: Any) -> bool:
    """Whether a class is a builtin such as `int` or `list`, whose JSON form is not an object."""
    return isinstance(source, type) and source.__module__ == "builtins"


def _not_an_object(source: Any) -> InvalidRequestError:
    origin = get_origin(source)
    if origin in (Union, UnionType) or isinstance(source, UnionType):
        example = f"class Answer(BaseModel): value: {source}"
    elif origin is not None:
        example = f"class Answer(BaseModel): items: {source}"
    else:
        name = source.__name__ if isinstance(source, type) else "..."
        example = f"class Answer(BaseModel): value: {name}"
    return InvalidRequestError(
        f"{source!r} cannot be a tool or a schema: both are JSON objects, so make it a field of one. Define "
        f"`{example}`, and pass Answer."
    )


# --- classes, functions and LangChain's tools


class _Untitled(GenerateJsonSchema):
    """Omits the titles that pydantic derives from field names; titles set by the user stay."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


_kept = KeptSchemas()


def _class_schema(cls: type) -> Mapping[str, Any]:
    if not issubclass(cls, BaseModel):
        v1_schema: Mapping[str, Any] = cls.schema()  # type: ignore[attr-defined]
        return v1_schema
    return _kept.get(cls, lambda: _titled(cls, cls.model_json_schema(schema_generator=_Untitled)))


def _titled(cls: type, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add title and description at the root, which only refers to a definition if the class is recursive."""
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    root = schema.get("$defs", {}).get(name, {})
    described = {key: root[key] for key in ("title", "description") if key in root}
    return {"title": cls.__name__, **described, **schema}


def _from_tool(tool: BaseTool) -> dict[str, Any]:
    arguments = tool.tool_call_schema
    if isinstance(arguments, dict):
        parameters = dict(arguments)
    elif tool.args_schema is not None or len(tool.args) != 1:
        parameters = dict(_class_schema(arguments))
    else:
        return convert_to_openai_function(tool)  # takes one string
    # They repeat the name and the description of the tool.
    for key in ("title", "description"):
        parameters.pop(key, None)
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters or dict(_NO_ARGUMENTS),
    }


def _from_callable(function: Callable[..., Any]) -> dict[str, Any]:
    if not _has_known_parameters(function):
        advice = (
            "derive it from pydantic's BaseModel, or make it a dataclass or a TypedDict."
            if isinstance(function, type)
            else "pass a function that calls it."
        )
        raise InvalidRequestError(
            f"{function!r} has no fields or parameters with known types: {advice}"
        )
    name = getattr(function, "__name__", type(function).__name__)
    cls = create_schema_from_function(
        name, function, filter_args=(), parse_docstring=True, include_injected=False
    )
    return {
        **_from_json_schema(_class_schema(cls)),
        "name": name,
        "description": cls.__doc__ or "",
    }


def _has_known_parameters(function: Callable[..., Any]) -> bool:
    """Whether the parameters are known: those of functions, and of classes that are made of their fields."""
    if not isinstance(function, type):
        return isroutine(function) or hasattr(function, "__wrapped__")
    try:
        parameters = signature(function).parameters.keys()
    except ValueError:
        return False
    return bool(parameters) and parameters <= get_type_hints(function).keys()


# --- mappings


def _from_mapping(schema: Mapping[str, Any]) -> dict[str, Any]:
    match schema:
        case {"function": Mapping() as inner} | {"json_schema": Mapping() as inner}:
            return _from_mapping(inner)
        case {"toolSpec": Mapping() as tool}:
            parameters = tool.get("inputSchema", {}).get("json")
            return _named(tool, parameters)
        case {"name": str(), "schema": Mapping() as parameters}:
            return _named(schema, parameters)
        case {"name": str()}:
            return _named(schema, schema.get("parameters", schema.get("input_schema")))
        case _:
            return _from_json_schema(schema)


def _named(source: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    function = {key: source[key] for key in ("name", "description", "strict") if key in source}
    return function | {"parameters": dict(parameters or _NO_ARGUMENTS)}


def _from_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {key: schema[key] for key in schema if key not in ("title", "description")}
    function = {"name": schema.get("title", "response"), "parameters": parameters or _ANY_OBJECT}
    if "description" in schema:
        function["description"] = schema["description"]
    return function
