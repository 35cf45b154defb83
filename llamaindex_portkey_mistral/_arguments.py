"""Turns the arguments of a LlamaIndex call into a request to the core.

A call takes model fields, per-call options (Portkey's and `timeout`), tools, and `additional_kwargs` for body
fields that this version does not know. Any other name raises, so that a misspelled argument is never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import LLM

from llamaindex_portkey_mistral._messages import to_messages
from llamaindex_portkey_mistral._redaction import unwrap_secrets
from llamaindex_portkey_mistral._tools import to_tool, to_tool_choice
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.requests import (
    CALL_OPTIONS,
    CallOptions,
    ChatRequest,
    FIMRequest,
    Tool,
    ToolChoice,
    spell,
    wire_name,
)
from portkey_mistral.settings.arguments import argument_names, explain_unknown
from portkey_mistral.settings.connection import ONLY_AT_CONSTRUCTION
from portkey_mistral.settings.generation import GenerationSettings

__all__ = ["PreparedRequest", "chat_request", "fim_request", "with_positional_model"]

_Request = TypeVar("_Request", bound=ChatRequest | FIMRequest)

_MODEL_FIELDS = argument_names(GenerationSettings)
_TOOL_ARGUMENTS = frozenset({"tools", "tool_choice"})
_FIM_FIELDS = frozenset(each.name for each in fields(FIMRequest)) - {"prompt", "suffix", "extra"}
# `extra_headers` is the name in OpenAI's and Mistral's SDKs; core's DocumentContextExtractor passes it.
_HEADERS = ("extra_headers", "headers")
_BODY_EXTRAS = ("additional_kwargs", "extra_body")
_MAPPINGS = frozenset({*_BODY_EXTRAS, *_HEADERS})
# Core passes these through to the LLM; they are not part of the request.
_IGNORED = frozenset({"formatted", "verbose"})
# Fields of every LLM of LlamaIndex, and those of `PortkeyMistral` that overrule the model catalog.
_OF_THE_OBJECT = ONLY_AT_CONSTRUCTION.union(
    LLM.model_fields, ("context_window", "is_function_calling_model")
)
_KNOWN = CALL_OPTIONS | _TOOL_ARGUMENTS | _IGNORED | _MODEL_FIELDS.keys()


@dataclass(slots=True)
class PreparedRequest(Generic[_Request]):
    """A request, its per-call options, and the tool names needed to read the answer.

    `tool_names` maps tool names on the wire to the caller's own.
    """

    request: _Request
    options: CallOptions | None
    tool_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def single_call(self) -> bool:
        """Whether at most one tool call is wanted. Models do not always respect it."""
        return isinstance(self.request, ChatRequest) and self.request.parallel_tool_calls is False


@dataclass(slots=True)
class _Arguments:
    """A call's keyword arguments, grouped by purpose."""

    model_fields: Mapping[str, Any]
    options: CallOptions | None
    tool_arguments: Mapping[str, Any]
    extra: Mapping[str, Any]


_NO_ARGUMENTS = _Arguments({}, None, {}, {})


def chat_request(
    settings: GenerationSettings,
    messages: Sequence[ChatMessage],
    kwargs: Mapping[str, Any],
    *,
    extra: Mapping[str, Any],
) -> PreparedRequest[ChatRequest]:
    """Build a chat request from the object's fields, the call's arguments and the messages.

    `extra` holds body fields of the object, sent as they are unless the call has an argument for them; the call's
    `additional_kwargs` are merged over it.

    Raises:
        InvalidRequestError: an argument is unknown, or a message or tool cannot be sent.
    """
    arguments = _sort(kwargs) if kwargs else _NO_ARGUMENTS
    tools, choice, tool_names = _tools(arguments.tool_arguments)
    if extra:
        extra = _not_set_by_call(extra, arguments)
    request = ChatRequest(
        messages=to_messages(messages),
        tools=tools,
        tool_choice=choice,
        extra={**extra, **arguments.extra},
        **settings.generation_fields(arguments.model_fields),
    )
    return PreparedRequest(request, arguments.options, tool_names)


def fim_request(
    settings: GenerationSettings, prompt: str, suffix: str | None, kwargs: Mapping[str, Any]
) -> PreparedRequest[FIMRequest]:
    """Build a fill-in-the-middle request.

    Fields of the object that fill-in-the-middle does not take are left out; arguments of the call that it
    does not take raise `InvalidRequestError`.
    """
    arguments = _sort(kwargs) if kwargs else _NO_ARGUMENTS
    unsupported = [
        *arguments.tool_arguments,
        *(name for name in arguments.model_fields if _request_field(name) not in _FIM_FIELDS),
    ]
    if unsupported:
        raise InvalidRequestError(
            f"Fill-in-the-middle does not take {', '.join(map(repr, unsupported))}."
        )
    generation = settings.generation_fields(arguments.model_fields)
    supported = {name: value for name, value in generation.items() if name in _FIM_FIELDS}
    request = FIMRequest(prompt=prompt, suffix=suffix, extra=arguments.extra, **supported)
    return PreparedRequest(request, arguments.options)


def with_positional_model(
    model: str | None, field_name: str, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Add a model given by position to a constructor's fields. LlamaIndex's other LLMs take it first too.

    Raises:
        ConfigurationError: the fields name a model as well.
    """
    if model is None:
        return fields
    if given := fields.keys() & {"model", "model_name"}:
        raise ConfigurationError(f"The model is given twice: by position and as {min(given)}=.")
    return {field_name: model, **fields}


def _sort(kwargs: Mapping[str, Any]) -> _Arguments:
    """Group a call's arguments by purpose. Unknown names are accepted with a value of None."""
    extra = {name: value for each in _BODY_EXTRAS for name, value in _mapping(kwargs, each).items()}
    rest = {name: value for name, value in kwargs.items() if name not in _MAPPINGS}
    if headers := _headers(kwargs):
        rest["headers"] = headers
    for name, value in rest.items():
        if name not in _KNOWN and value is not None:
            raise InvalidRequestError(
                explain_unknown(
                    name,
                    (_KNOWN | _MAPPINGS) - _IGNORED,
                    _OF_THE_OBJECT,
                    extras="additional_kwargs",
                )
            )
    options = {name: value for name, value in rest.items() if name in CALL_OPTIONS}
    return _Arguments(
        model_fields={name: value for name, value in rest.items() if name in _MODEL_FIELDS},
        options=CallOptions(**options) if options else None,
        tool_arguments={
            name: value
            for name, value in rest.items()
            if name in _TOOL_ARGUMENTS and value is not None
        },
        extra=extra,
    )


def _headers(kwargs: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, Any] = {}
    for name in _HEADERS:
        headers |= _mapping(kwargs, name, " of header names to strings")
    return unwrap_secrets(headers)


def _mapping(kwargs: Mapping[str, Any], name: str, content: str = "") -> Mapping[str, Any]:
    match kwargs.get(name):
        case None:
            return {}
        case Mapping() as value:
            return value
        case value:
            raise InvalidRequestError(
                f"{name} must be a mapping{content}, got {type(value).__name__}."
            )


def _request_field(argument: str) -> str:
    """Return the field of the core's request that an argument sets."""
    name = _MODEL_FIELDS[argument]
    return "metadata" if name == "request_metadata" else name


def _not_set_by_call(extra: Mapping[str, Any], arguments: _Arguments) -> Mapping[str, Any]:
    """Leave out body fields for which the call has an argument."""
    given = {
        _request_field(each) for each, value in arguments.model_fields.items() if value is not None
    }
    given |= arguments.tool_arguments.keys()
    return {
        name: value
        for name, value in extra.items()
        if (_request_field(name) if name in _MODEL_FIELDS else name) not in given
    }


def _tools(
    arguments: Mapping[str, Any],
) -> tuple[Sequence[Tool | Mapping[str, Any]], ToolChoice | None, Mapping[str, str]]:
    """Return the tools, the tool choice, and the caller's tool names by their names on the wire."""
    if not arguments.get("tools"):
        return [], None, {}
    tools, tool_names = spell([to_tool(tool) for tool in arguments["tools"]])
    choice = _tool_choice(arguments.get("tool_choice"), tool_names) if tools else None
    return tools, choice, tool_names


def _tool_choice(value: Any, tool_names: Mapping[str, str]) -> ToolChoice | None:
    choice = to_tool_choice(value)
    if choice is None or choice.function is None:
        return choice
    name = wire_name(choice.function)
    if name not in tool_names:
        raise InvalidRequestError(
            f"tool_choice names {choice.function!r}, which is not one of this call's tools: "
            f"{', '.join(map(repr, tool_names.values()))}."
        )
    return ToolChoice(function=name)
