"""Structured output: a prompt in, an instance of a pydantic class out, whole or growing.

The class goes to the model as a JSON Schema for its answer, or as the one function it has to call where
the first way is closed. Both ways share everything but their spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from portkey_mistral.exceptions import ResponseFormatError
from portkey_mistral.tool_names import wire_name

__all__ = [
    "Form",
    "Growing",
    "RefusedOutputError",
    "StructuredOutputError",
    "TruncatedOutputError",
    "as_function",
    "as_schema",
    "whole",
]

_Model = TypeVar("_Model", bound=BaseModel)

# Core passes these to function-calling programs; here the form decides.
_DECIDED = frozenset(
    {"tools", "tool_choice", "tool_required", "allow_parallel_tool_calls", "response_format"}
)


class StructuredOutputError(ResponseFormatError, ValueError):
    """The answer does not fit the class that was asked for. `body` is the answer's text."""


class TruncatedOutputError(StructuredOutputError):
    """The answer broke off at `max_tokens`, or at the end of the context window."""


class RefusedOutputError(StructuredOutputError):
    """The model answered in words where an object was asked for."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a class is asked for: arguments of the call, and where in the answer its JSON stands."""

    arguments: Mapping[str, Any]
    json_of: Callable[[ChatMessage], str | None]

    def call_arguments(self, llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        kept = {key: value for key, value in (llm_kwargs or {}).items() if key not in _DECIDED}
        return {**kept, **self.arguments}


def as_schema(output_cls: type[BaseModel]) -> Form:
    """Ask for the class as the schema of the answer."""
    schema = output_cls.model_json_schema()
    json_schema = {"name": _name(output_cls, schema), "schema": _closed(schema), "strict": True}
    wanted = {"type": "json_schema", "json_schema": json_schema}
    return Form({"response_format": wanted}, lambda message: message.content)


def as_function(output_cls: type[BaseModel]) -> Form:
    """Ask for the class as the arguments of a function that has to be called."""
    schema = output_cls.model_json_schema()
    name = _name(output_cls, schema)
    function = {
        "name": name,
        "description": schema.get("description", f"Give the answer as {name}."),
        "parameters": schema,
    }
    return Form(
        {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": name}},
            "parallel_tool_calls": False,
        },
        _first_arguments,
    )


def whole(response: ChatResponse, output_cls: type[_Model], form: Form) -> _Model:
    """Read the finished answer.

    Raises:
        TruncatedOutputError: it broke off.
        RefusedOutputError: it holds no JSON.
        StructuredOutputError: its JSON does not fit the class.
    """
    text = form.json_of(response.message)
    try:
        return output_cls.model_validate_json(text or "")
    except ValidationError as error:
        raise _fault(response, output_cls, text, error) from error


class Growing(Generic[_Model]):
    """Reads an object while its JSON still comes in."""

    def __init__(self, output_cls: type[_Model], form: Form) -> None:
        self._output_cls = output_cls
        self._flexible: type[FlexibleModel] = create_flexible_model(output_cls)
        self._form = form
        # Core's flexible classes know fields by their own names only.
        self._names = {
            alias: name
            for name, field in output_cls.model_fields.items()
            if isinstance(alias := field.validation_alias, str)
        }
        self._value: Any = None
        self._shown: BaseModel | None = None

    def read(self, message: ChatMessage) -> _Model | FlexibleModel | None:
        """Return the object as far as it has come; None where nothing is new."""
        value = _partial(self._form.json_of(message))
        if not isinstance(value, dict) or value == self._value:
            return None
        self._value = value
        self._shown = shown = self._validated(value)
        return shown

    def end(self, response: ChatResponse) -> _Model | None:
        """Return the finished object; None where `read` gave it already. Raises what `whole` raises."""
        result = whole(response, self._output_cls, self._form)
        return None if result == self._shown else result

    def _validated(self, value: dict[str, Any]) -> _Model | FlexibleModel:
        try:
            return self._output_cls.model_validate(value)
        except ValidationError:
            own = {self._names.get(key, key): item for key, item in value.items()}
            return self._flexible.model_validate(own)


def _partial(text: str | None) -> Any:
    try:
        return from_json(text, allow_partial="trailing-strings") if text else None
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


def _closed(schema: Any) -> Any:
    """Refuse properties that the class does not have, as Mistral's strict mode wants it said."""
    match schema:
        case dict():
            closed = {key: _closed(value) for key, value in schema.items()}
            if schema.get("type") == "object" and "properties" in schema:
                closed.setdefault("additionalProperties", False)
            return closed
        case list():
            return [_closed(item) for item in schema]
        case _:
            return schema


def _fault(
    response: ChatResponse, output_cls: type[BaseModel], text: str | None, error: ValidationError
) -> StructuredOutputError:
    name = output_cls.__name__
    said = text if text is not None else response.message.content or ""
    if response.additional_kwargs.get("finish_reason") in ("length", "model_length"):
        return TruncatedOutputError(
            f"The answer broke off before {name} was complete. Raise max_tokens, or ask for less. "
            f"What came: {_short(said)}",
            body=said,
        )
    if text is None or error.errors(include_input=False)[0]["type"] == "json_invalid":
        return RefusedOutputError(
            f"The model answered in words instead of giving {name}: {_short(said)}", body=said
        )
    faults = "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or name}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )
    return StructuredOutputError(
        f"The answer does not fit {name}: {faults}. It was: {_short(said)}", body=said
    )


def _short(text: str, limit: int = 300) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}...")
