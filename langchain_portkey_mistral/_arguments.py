"""Converts the arguments of one call to the core's request and options.

LangChain passes every argument of `invoke`, `bind` and `bind_tools` to the model as keywords. A name that is
not known here is an error; parameters that Mistral adds in the future are passed in `model_kwargs`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_portkey_mistral._from_langchain import to_messages
from langchain_portkey_mistral._schemas import to_response_format
from langchain_portkey_mistral._tools import to_tool, to_tool_choice
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import (
    CALL_OPTIONS,
    CallOptions,
    ChatRequest,
    Tool,
    ToolChoice,
    list_of_tools,
    spell,
)
from portkey_mistral.settings.arguments import argument_names, explain_unknown
from portkey_mistral.settings.connection import ONLY_AT_CONSTRUCTION
from portkey_mistral.settings.generation import GenerationSettings

__all__ = [
    "HEADERS",
    "call_headers",
    "model_arguments",
    "refuse_unknown",
    "to_call_options",
    "to_chat_request",
    "to_stream_request",
]

_MODEL_ARGUMENTS = frozenset(argument_names(GenerationSettings))
_TOOL_ARGUMENTS = frozenset({"tools", "tool_choice", "strict"})
# LangChain's own; on some paths its core does not remove them.
_LANGCHAIN_ARGUMENTS = frozenset(
    {"stream", "ls_structured_output_format", "structured_output_format"}
)
HEADERS = ("extra_headers", "headers")
"""The names of the headers of one call. The first is that of OpenAI's and Mistral's SDKs, which LangChain's own models
pass on.
"""
_BODY_EXTRAS = ("model_kwargs", "extra_body")
_KNOWN_ARGUMENTS = (
    _MODEL_ARGUMENTS | _TOOL_ARGUMENTS | CALL_OPTIONS | {*_BODY_EXTRAS, "extra_headers"}
)


class _ChatSettings(Protocol):
    @property
    def model_kwargs(self) -> Mapping[str, Any]: ...

    def generation_fields(self, overrides: Mapping[str, Any]) -> dict[str, Any]: ...


def to_chat_request(
    settings: _ChatSettings,
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    arguments: Mapping[str, Any],
) -> tuple[ChatRequest, Mapping[str, str]]:
    """Build the request of one call; the call's arguments override the fields of the model.

    Returns:
        The request, and the caller's names of tools by their names on the wire, where the two differ.

    Raises:
        InvalidRequestError: an unknown argument, no messages, or a message, tool or tool choice that cannot be
            sent.
    """
    if arguments:
        refuse_unknown(arguments, _KNOWN_ARGUMENTS, ignored=_LANGCHAIN_ARGUMENTS)
    if not messages:
        raise InvalidRequestError(
            "The list of messages is empty: pass at least one, for example HumanMessage('Hello')."
        )
    overrides = model_arguments(arguments)
    if stop is not None:
        overrides["stop"] = stop
    if "response_format" in overrides:
        overrides["response_format"] = to_response_format(overrides["response_format"])
    tools, choice, names = _tools(arguments) if arguments else _NO_TOOLS
    converted = to_messages(messages)
    extra = dict(settings.model_kwargs)
    if arguments:
        extra |= _mapping(arguments, _BODY_EXTRAS, "parameters to values")
    request = ChatRequest(
        messages=converted,
        tools=tools,
        tool_choice=choice,
        extra=extra,
        **settings.generation_fields(overrides),
    )
    return request, names


def to_stream_request(
    settings: _ChatSettings,
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    arguments: Mapping[str, Any],
) -> tuple[ChatRequest, Mapping[str, str]]:
    """Build the request of a stream; see `to_chat_request`.

    Raises:
        InvalidRequestError: as for `to_chat_request`, and for more than one choice.
    """
    request, names = to_chat_request(settings, messages, stop, arguments)
    if (request.n or 1) > 1:
        raise InvalidRequestError(
            f"n={request.n} choices cannot be streamed: a LangChain stream is one message. Use n=1, or "
            "generate() without streaming."
        )
    return request, names


def model_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that override fields of the model."""
    return {name: value for name, value in arguments.items() if name in _MODEL_ARGUMENTS}


def to_call_options(arguments: Mapping[str, Any]) -> CallOptions | None:
    """Return Portkey's own arguments, the headers and the timeout of one call; None if it has none of them.

    Raises:
        InvalidRequestError: headers are not a mapping.
    """
    if not arguments:
        return None
    options = {name: value for name, value in arguments.items() if name in CALL_OPTIONS}
    if headers := call_headers(arguments):
        options["headers"] = headers
    return CallOptions(**options) if options else None


def call_headers(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of one call, which may be given under both names of `HEADERS`.

    Raises:
        InvalidRequestError: they are not a mapping.
    """
    return _mapping(arguments, HEADERS, "header names to strings")


def _mapping(arguments: Mapping[str, Any], names: Sequence[str], content: str) -> dict[str, Any]:
    """Merge the mappings that are given under several names."""
    if arguments.keys().isdisjoint(names):
        return {}
    merged: dict[str, Any] = {}
    for name in names:
        match arguments.get(name):
            case None:
                pass
            case Mapping() as given:
                merged |= given
            case other:
                raise InvalidRequestError(
                    f"{name} must be a mapping of {content}, got {type(other).__name__}."
                )
    return merged


# The tools, the choice among them, and the caller's names by the names on the wire.
_Tools: TypeAlias = tuple[Sequence[Tool | Mapping[str, Any]], ToolChoice | None, Mapping[str, str]]
_NO_TOOLS: _Tools = ((), None, {})


def _tools(arguments: Mapping[str, Any]) -> _Tools:
    given, choice = arguments.get("tools") or (), arguments.get("tool_choice")
    if not given and choice is None:
        return _NO_TOOLS
    strict = arguments.get("strict")
    converted = [to_tool(tool, strict=strict) for tool in list_of_tools(given)]
    tools, names = spell(converted)
    return (
        tools,
        to_tool_choice(choice, converted),
        {wire: own for wire, own in names.items() if wire != own},
    )


def refuse_unknown(
    arguments: Mapping[str, Any], known: Collection[str], *, ignored: Collection[str] = ()
) -> None:
    """Raise `InvalidRequestError` for an unknown argument, with the closest known one."""
    for name in arguments:
        if name not in known and name not in ignored:
            raise InvalidRequestError(
                explain_unknown(name, known, ONLY_AT_CONSTRUCTION, extras="model_kwargs")
            )
