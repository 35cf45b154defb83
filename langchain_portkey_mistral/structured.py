"""Builds the runnable behind `with_structured_output`: what is bound to the model, and the parser after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import (
    AddableDict,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnableMap,
)
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from langchain_portkey_mistral.call_arguments import to_options
from langchain_portkey_mistral.parsers import (
    JsonParser,
    JsonToolParser,
    PydanticParser,
    PydanticToolParser,
)
from langchain_portkey_mistral.schemas import Method, Schema, function_of
from langchain_portkey_mistral.tools import ToolLike
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.models import find
from portkey_mistral.tool_names import wire_name

if TYPE_CHECKING:
    from langchain_portkey_mistral.chat_models import ChatPortkeyMistral

__all__ = ["structured"]


def structured(
    model: ChatPortkeyMistral,
    schema: Schema | None,
    *,
    method: Method | None,
    include_raw: bool,
    strict: bool | None,
    tools: Sequence[ToolLike] | None,
    arguments: Mapping[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """Bind what makes the model answer in the schema, and parse the answer.

    Raises:
        InvalidRequestError: an unknown method, or arguments that do not go together.
    """
    chosen = method or _choose_method(model, schema, arguments)
    _check(schema, chosen, strict=strict, tools=tools)
    bound = _bound(model, schema, chosen, strict=strict, tools=tools or (), arguments=arguments)
    parser = _output_parser(schema, chosen)
    if tools:
        parser = _unless_tools_were_called(parser)
    return _with_raw(bound, parser) if include_raw else bound | parser


def _check(
    schema: Schema | None, method: Method, *, strict: bool | None, tools: Sequence[ToolLike] | None
) -> None:
    if method not in get_args(Method):
        raise InvalidRequestError(
            f"method={method!r} is unknown; use one of {', '.join(get_args(Method))}."
        )
    if schema is None and method != "json_mode":
        raise InvalidRequestError(f"method={method!r} needs a schema.")
    if strict is not None and method == "json_mode":
        raise InvalidRequestError("strict needs a schema to hold to; method='json_mode' has none.")
    if tools and method == "function_calling":
        raise InvalidRequestError(
            "tools= goes with method='json_schema': in function calling the schema is the tool itself."
        )


def _bound(
    model: ChatPortkeyMistral,
    schema: Schema | None,
    method: Method,
    *,
    strict: bool | None,
    tools: Sequence[ToolLike],
    arguments: Mapping[str, Any],
) -> Runnable[LanguageModelInput, AIMessage]:
    """Bind the schema to the model, with the mark by which tracers know structured output."""
    function = function_of(schema, strict=strict or None)
    mark = {
        "kwargs": {"method": method, "strict": strict},
        "schema": {"type": "function", "function": function_of(schema)},
    }
    marked: dict[str, Any] = {**arguments, "ls_structured_output_format": mark}
    if method == "function_calling":
        tool = {"type": "function", "function": function}
        return model.bind_tools([tool], tool_choice=function["name"], strict=strict, **marked)
    # Strict unless told otherwise: without it Mistral takes the schema as advice.
    form = _json_schema(schema, strict=strict is not False) if method == "json_schema" else _JSON
    return model.bind_tools(tools, response_format=form, **marked)


_JSON: Mapping[str, Any] = {"type": "json_object"}


def _json_schema(schema: Schema | None, *, strict: bool) -> dict[str, Any]:
    """Describe a schema as a `response_format`."""
    function = function_of(schema, strict=strict or None)
    description = {"description": function["description"]} if function.get("description") else {}
    json_schema = {
        "name": wire_name(function["name"]),
        "schema": function["parameters"],
        "strict": strict,
    }
    return {"type": "json_schema", "json_schema": json_schema | description}


def _choose_method(
    model: ChatPortkeyMistral, schema: Schema | None, arguments: Mapping[str, Any]
) -> Method:
    """Choose where the caller did not: JSON Schema, whose answers Mistral holds to the schema most firmly.

    Function calling where `response_format` would be lost on the way, where the model has no JSON Schema,
    and for classes of pydantic's old version.
    """
    name = arguments.get("model") or model.model
    info = find(name)
    lacks = info is not None and "tools" in info.capabilities and "json" not in info.capabilities
    kept = model.client.keeps_response_format(name, to_options(arguments))
    if lacks or not kept or _is_old_pydantic(schema):
        return "function_calling"
    return "json_schema"


def _is_old_pydantic(schema: Schema | None) -> bool:
    return (
        isinstance(schema, type)
        and is_basemodel_subclass(schema)
        and not issubclass(schema, BaseModel)
    )


def _output_parser(schema: Schema | None, method: Method) -> Runnable[Any, Any]:
    """Choose the parser: a class gives instances of itself, everything else gives mappings."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        if method == "function_calling":
            return PydanticToolParser(tools=[schema], first_tool_only=True)
        return PydanticParser(pydantic_object=schema)
    if method == "function_calling":
        return JsonToolParser(key_name=function_of(schema)["name"], first_tool_only=True)
    return JsonParser()


def _unless_tools_were_called(parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Parse an answer; one that calls tools instead gives None, and `include_raw` shows the calls."""
    return RunnableLambda(_UnlessCalled(parser).parse)


# Classes, because functions made within functions could not be pickled.


@dataclass(frozen=True)
class _UnlessCalled:
    parser: Runnable[Any, Any]

    def parse(self, message: AIMessage) -> Any:
        return None if message.tool_calls else self.parser.invoke(message)


def _with_raw(
    model: Runnable[Any, Any], parser: Runnable[Any, Any]
) -> Runnable[Any, dict[str, Any]]:
    """Give the message, the parsed value and the parsing error side by side.

    In a stream the message comes piece by piece, and the rest once it is whole.
    """
    beside = _BesideRaw(parser)
    return RunnableMap(raw=model) | RunnableGenerator(beside.parse, beside.aparse)


@dataclass(frozen=True)
class _BesideRaw:
    parser: Runnable[Any, Any]

    def parse(self, chunks: Iterator[dict[str, Any]]) -> Iterator[AddableDict]:
        messages = []
        for chunk in chunks:
            messages.append(chunk["raw"])
            yield AddableDict(chunk)
        try:
            yield _parsed(self.parser.invoke(_joined(messages)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong is shown
            yield _parsed(None, error)

    async def aparse(self, chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[AddableDict]:
        messages = []
        async for chunk in chunks:
            messages.append(chunk["raw"])
            yield AddableDict(chunk)
        try:
            yield _parsed(await self.parser.ainvoke(_joined(messages)))
        except Exception as error:  # noqa: BLE001 - whatever is wrong is shown
            yield _parsed(None, error)


def _joined(messages: list[Any]) -> Any:
    first, *rest = messages
    return first + rest if rest else first


def _parsed(value: Any, error: Exception | None = None) -> AddableDict:
    return AddableDict(parsed=value, parsing_error=error)
