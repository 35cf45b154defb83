"""Structured output: requests an instance of a pydantic class, and parses the answer, complete or partial.

The class is sent as a JSON Schema for the answer or, where that is not possible, as the parameters of a
function that the model has to call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from portkey_mistral.exceptions import ResponseFormatError
from portkey_mistral.requests import wire_name
from portkey_mistral.responses import TRUNCATED

__all__ = [
    "OutputFormat",
    "PartialObject",
    "RefusedOutputError",
    "StructuredOutputError",
    "TruncatedOutputError",
    "as_function",
    "as_json_schema",
    "choose_format",
    "parse_output",
]

_Model = TypeVar("_Model", bound=BaseModel)

# Core's function-calling programs pass these in `llm_kwargs`; here they follow from the output format.
_SET_BY_FORMAT = frozenset(
    {"tools", "tool_choice", "tool_required", "allow_parallel_tool_calls", "response_format"}
)


class StructuredOutputError(ResponseFormatError, ValueError):
    """The answer does not fit the requested class. `body` is the text of the answer."""


class TruncatedOutputError(StructuredOutputError):
    """The answer was cut off: at `max_tokens`, at the end of the context window, or by a stop sequence."""


class RefusedOutputError(StructuredOutputError):
    """The model answered in prose where JSON was requested."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a class is requested: arguments for the call, and how to get the JSON from the answer.

    `json_text` returns None if the answer holds no candidate for the JSON (no function call).
    """

    arguments: Mapping[str, Any]
    json_text: Callable[[ChatMessage], str | None]

    def call_arguments(self, llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        kwargs = {k: v for k, v in (llm_kwargs or {}).items() if k not in _SET_BY_FORMAT}
        return {**kwargs, **self.arguments}


def choose_format(
    output_cls: type[BaseModel], mode: PydanticProgramMode, *, takes_schema: bool, calls_tools: bool
) -> OutputFormat | None:
    """Choose how to request a class; None means that core's program for the mode is used."""
    match mode:
        case PydanticProgramMode.DEFAULT if takes_schema:
            return as_json_schema(output_cls)
        case PydanticProgramMode.DEFAULT | PydanticProgramMode.FUNCTION if calls_tools:
            return as_function(output_cls)
        case _:
            return None


def as_json_schema(output_cls: type[BaseModel]) -> OutputFormat:
    """Request the class by `response_format`."""
    schema = output_cls.model_json_schema()
    json_schema = {"name": _name(output_cls, schema), "schema": schema, "strict": True}
    response_format = {"type": "json_schema", "json_schema": json_schema}
    return OutputFormat({"response_format": response_format}, lambda message: message.content)


def as_function(output_cls: type[BaseModel]) -> OutputFormat:
    """Request the class as the arguments of a forced function call."""
    schema = output_cls.model_json_schema()
    name = _name(output_cls, schema)
    function = {
        "name": name,
        "description": schema.get("description", f"Give the answer as {name}."),
        "parameters": schema,
    }
    return OutputFormat(
        {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": name}},
            "parallel_tool_calls": False,
        },
        _first_arguments,
    )


def parse_output(
    response: ChatResponse, output_cls: type[_Model], output_format: OutputFormat
) -> _Model:
    """Parse a complete answer.

    Raises:
        TruncatedOutputError: the answer was cut off.
        RefusedOutputError: the answer is not JSON.
        StructuredOutputError: the answer's JSON does not fit the class.
    """
    text = output_format.json_text(response.message)
    try:
        return _validated(output_cls, text or "")
    except ValidationError as error:
        raise _output_error(response, output_cls, text, error) from error


def _validated(output_cls: type[_Model], text: str) -> _Model:
    try:
        return output_cls.model_validate_json(text)
    except ValidationError as error:
        if not _is_no_json(error) or (found := _first_json(text)) is None:
            raise
    return output_cls.model_validate_json(found)


_FENCE = re.compile(r"\s*(?:```\w*\s*)?")


def _without_fence(text: str) -> str:
    """Leave out the beginning of a Markdown code block."""
    match = _FENCE.match(text)
    return text[match.end() :] if match else text


def _first_json(text: str) -> str | None:
    """Return the first object or list of a text that is not JSON as a whole; None if it does not begin with one.

    Servers that do not constrain the model to the schema send code blocks, text after the object, and line breaks within
    strings.
    """
    text = _without_fence(text)
    if not text.startswith(("{", "[")):
        return None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return json.dumps(value)


class PartialObject(Generic[_Model]):
    """Parses an object while its JSON is still being streamed.

    Parsing costs as much as the text is long, so it is parsed again only once it has grown by a 64th. The whole
    stream then costs a fixed multiple of its length, and a reader sees it grow in steps of less than two percent.
    """

    _STEPS = 64

    def __init__(self, output_cls: type[_Model], output_format: OutputFormat) -> None:
        self._output_cls = output_cls
        self._flexible_cls: type[FlexibleModel] = create_flexible_model(output_cls)
        self._format = output_format
        # Core's flexible classes take fields by name only.
        self._names_by_alias = {
            alias: name
            for name, field in output_cls.model_fields.items()
            if isinstance(alias := field.validation_alias, str)
        }
        self._next_length = 1
        self._last_value: Any = None
        self._last_object: BaseModel | None = None

    def update(self, message: ChatMessage) -> _Model | FlexibleModel | None:
        """Return the object received so far; None if little or nothing changed since the last one."""
        text = self._format.json_text(message) or ""
        if len(text) < self._next_length:
            return None
        self._next_length = len(text) + max(1, len(text) // self._STEPS)
        value = _partial_json(text)
        if not isinstance(value, dict) or value == self._last_value:
            return None
        self._last_value = value
        self._last_object = result = self._validate(value)
        return result

    def finish(self, response: ChatResponse) -> _Model | None:
        """Return the complete object; None if `update` returned it already.

        Raises what `parse_output` raises.
        """
        result = parse_output(response, self._output_cls, self._format)
        return None if result == self._last_object else result

    def _validate(self, value: dict[str, Any]) -> _Model | FlexibleModel:
        try:
            return self._output_cls.model_validate(value)
        except Exception:  # noqa: BLE001  a validator may rely on what has not been received yet
            by_name = {self._names_by_alias.get(key, key): item for key, item in value.items()}
            return self._flexible_cls.model_validate(by_name)


def _partial_json(text: str) -> Any:
    try:
        return from_json(_without_fence(text), allow_partial="trailing-strings")
    except ValueError:
        return None


def _first_arguments(message: ChatMessage) -> str | None:
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            arguments = block.tool_kwargs
            return arguments if isinstance(arguments, str) else to_json(arguments).decode()
    return None


def _name(output_cls: type[BaseModel], schema: Mapping[str, Any]) -> str:
    return wire_name(schema.get("title") or output_cls.__name__)


def _output_error(
    response: ChatResponse, output_cls: type[BaseModel], text: str | None, error: ValidationError
) -> StructuredOutputError:
    name = output_cls.__name__
    answer = text if text is not None else response.message.content or ""
    if response.additional_kwargs.get("finish_reason") in TRUNCATED:
        return TruncatedOutputError(
            f"The answer was cut off before {name} was complete. Raise max_tokens, or request less. "
            f"Received: {_shortened(answer)}",
            body=answer,
        )
    problems = error.errors(include_input=False, include_url=False)
    if text is None or (_is_no_json(error) and not _without_fence(text).startswith(("{", "["))):
        return RefusedOutputError(
            f"The model answered in prose instead of JSON for {name}: {_shortened(answer)}",
            body=answer,
        )
    if _is_no_json(error) and "EOF while parsing" in problems[0]["msg"]:
        reason = response.additional_kwargs.get("finish_reason")
        return TruncatedOutputError(
            f"The answer ended before {name} was complete, with the finish reason {reason!r}. A stop sequence ends an "
            f"answer wherever it occurs. Received: {_shortened(answer)}",
            body=answer,
        )
    details = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or name}: {each['msg']}" for each in problems
    )
    return StructuredOutputError(
        f"The answer does not fit {name}: {details}. Received: {_shortened(answer)}", body=answer
    )


def _is_no_json(error: ValidationError) -> bool:
    problem = error.errors(include_input=False, include_url=False)[0]
    # A `Json` field has the same error type, at its own location.
    return problem["type"] == "json_invalid" and not problem["loc"]


def _shortened(text: str, limit: int = 300) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}...")
