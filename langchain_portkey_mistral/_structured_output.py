"""Builds the runnable behind `with_structured_output`: the model with the schema bound to it, and a parser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, get_args

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

from langchain_portkey_mistral._arguments import to_call_options
from langchain_portkey_mistral._schemas import Method, Schema, json_schema_format, to_function
from langchain_portkey_mistral._tools import ToolLike
from langchain_portkey_mistral.output_parsers import (
    JsonParser,
    JsonToolParser,
    PydanticParser,
    PydanticToolParser,
)
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.models import find

if TYPE_CHECKING:
    from portkey_mistral.client import Client

__all__ = ["ToolBindingModel", "default_method", "structured_output"]


class ToolBindingModel(Protocol):
    """What structured output needs of a chat model."""

    @property
    def model(self) -> str: ...

    @property
    def client(self) -> Client: ...

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | None = None,
        strict: bool | None = None,
        response_format: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]: ...


def structured_output(
    model: ToolBindingModel,
    schema: Schema | None,
    *,
    method: Method | None,
    include_raw: bool,
    strict: bool | None,
    tools: Sequence[ToolLike] | None,
    arguments: Mapping[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """Build the runnable; for the parameters see `ChatPortkeyMistral.with_structured_output`.

    Raises:
        InvalidRequestError: the method is unknown, or the arguments exclude each other.
    """
    method = method or default_method(model, schema, arguments)
    _check_arguments(schema, method, strict=strict, tools=tools)
    bound = _bind_schema(
        model, schema, method, strict=strict, tools=tools or (), arguments=arguments
    )
    parser = _parser(schema, method)
    if tools:
        parser = RunnableLambda(_ParseUnlessToolsCalled(parser).parse)
    return _include_raw(bound, parser) if include_raw else bound | parser


def default_method(
    model: ToolBindingModel, schema: Schema | None, arguments: Mapping[str, Any]
) -> Method:
    """Return "json_schema", which Mistral enforces best, or "function_calling" where it cannot be used."""
    name = arguments.get("model") or model.model
    info = find(name)
    lacks_json = (
        info is not None and "tools" in info.capabilities and "json" not in info.capabilities
    )
    is_kept = model.client.keeps_response_format(name, to_call_options(arguments))
    if lacks_json or not is_kept or _is_pydantic_v1(schema):
        return "function_calling"
    return "json_schema"


def _is_pydantic_v1(schema: Schema | None) -> bool:
    return (
        isinstance(schema, type)
        and is_basemodel_subclass(schema)
        and not issubclass(schema, BaseModel)
    )


def _check_arguments(
    schema: Schema | None, method: Method, *, strict: bool | None, tools: Sequence[ToolLike] | None
) -> None:
    if method not in get_args(Method):
        raise InvalidRequestError(
            f"method={method!r} is unknown; use one of {', '.join(get_args(Method))}."
        )
    if schema is None and method != "json_mode":
        raise InvalidRequestError(f"method={method!r} needs a schema.")
    if strict is not None and method == "json_mode":
        raise InvalidRequestError("strict= needs a schema, and method='json_mode' has none.")
    if tools and method == "function_calling":
        raise InvalidRequestError(
            "tools= works with method='json_schema' only: with 'function_calling' the schema is itself the tool."
        )


def _bind_schema(
    model: ToolBindingModel,
    schema: Schema | None,
    method: Method,
    *,
    strict: bool | None,
    tools: Sequence[ToolLike],
    arguments: Mapping[str, Any],
) -> Runnable[LanguageModelInput, AIMessage]:
    # LangSmith recognises structured output by this argument.
    ls_format = {
        "kwargs": {"method": method, "strict": strict},
        "schema": {"type": "function", "function": to_function(schema)},
    }
    arguments = {**arguments, "ls_structured_output_format": ls_format}
    if method == "function_calling":
        function = to_function(schema, strict=strict or None)
        tool = {"type": "function", "function": function}
        return model.bind_tools([tool], tool_choice=function["name"], strict=strict, **arguments)
    response_format = (
        {"type": "json_object"}
        if method == "json_mode"
        # Strict by default: otherwise Mistral takes the schema as a suggestion.
        else json_schema_format(schema, strict=strict is not False)
    )
    return model.bind_tools(tools, response_format=response_format, **arguments)


def _parser(schema: Schema | None, method: Method) -> Runnable[Any, Any]:
    """Choose the parser: a pydantic class gives instances of it, any other schema gives dicts."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        if method == "function_calling":
            return PydanticToolParser(tools=[schema], first_tool_only=True)
        return PydanticParser(pydantic_object=schema)
    if method == "function_calling":
        return JsonToolParser(key_name=to_function(schema)["name"], first_tool_only=True)
    return JsonParser()


# Classes rather than nested functions: these runnables have to pickle.


@dataclass(frozen=True)
class _ParseUnlessToolsCalled:
    """Parses a message, unless it calls tools."""

    parser: Runnable[Any, Any]

    def parse(self, message: AIMessage) -> Any:
        return None if message.tool_calls else self.parser.invoke(message)


def _include_raw(
    model: Runnable[Any, Any], parser: Runnable[Any, Any]
) -> Runnable[Any, dict[str, Any]]:
    """Return the message, the parsed value and the parsing error side by side.

    In a stream the message comes chunk by chunk, and the other two after the last chunk.
    """
    side_by_side = _ParseBesideRaw(parser)
    return RunnableMap(raw=model) | RunnableGenerator(side_by_side.parse, side_by_side.aparse)


@dataclass(frozen=True)
class _ParseBesideRaw:
    """Passes messages through, then adds what they were parsed to."""

    parser: Runnable[Any, Any]

    def parse(self, chunks: Iterator[dict[str, Any]]) -> Iterator[AddableDict]:
        messages = []
        for chunk in chunks:
            messages.append(chunk["raw"])
            yield AddableDict(chunk)
        try:
            yield _parsed(self.parser.invoke(_merged(messages)))
        except Exception as error:  # noqa: BLE001 - any parsing error is returned
            yield _parsed(None, error)

    async def aparse(self, chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[AddableDict]:
        messages = []
        async for chunk in chunks:
            messages.append(chunk["raw"])
            yield AddableDict(chunk)
        try:
            yield _parsed(await self.parser.ainvoke(_merged(messages)))
        except Exception as error:  # noqa: BLE001 - any parsing error is returned
            yield _parsed(None, error)


def _merged(messages: list[Any]) -> Any:
    first, *rest = messages
    return first + rest if rest else first


def _parsed(value: Any, error: Exception | None = None) -> AddableDict:
    return AddableDict(parsed=value, parsing_error=error)
