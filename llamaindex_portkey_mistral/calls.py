"""What a LlamaIndex call says, as a request to the core.

A call's keyword arguments are model fields, options of the call (Portkey's and `timeout`), tools, and
`additional_kwargs` for what Mistral adds next. Any other name is an error, so that nothing is lost to a
slip of the pen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatMessage

from llamaindex_portkey_mistral.guarding import opened
from llamaindex_portkey_mistral.messages import to_messages
from llamaindex_portkey_mistral.tools import to_tool, to_tool_choice
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.generation import GenerationSettings
from portkey_mistral.requests import (
    CALL_OPTIONS,
    CallOptions,
    ChatRequest,
    FIMRequest,
    Tool,
    ToolChoice,
)
from portkey_mistral.settings import ONLY_AT_CONSTRUCTION
from portkey_mistral.tool_names import spell, wire_name
from portkey_mistral.validation import argument_names, explain_unknown

__all__ = ["Call", "chat_call", "fim_call"]

_Request = TypeVar("_Request", bound=ChatRequest | FIMRequest)

_MODEL_FIELDS = argument_names(GenerationSettings)
_CHAT_ONLY = frozenset({"tools", "tool_choice"})
_FIM_FIELDS = frozenset(each.name for each in fields(FIMRequest)) - {"prompt", "suffix", "extra"}
# `extra_headers` is other vendors' name of `headers`; core's own DocumentContextExtractor says it too.
_HEADERS = ("extra_headers", "headers")
_MAPPINGS = frozenset({"additional_kwargs", *_HEADERS})
# Core passes these along; they say nothing to the model.
_IGNORED = frozenset({"formatted", "verbose"})
_KNOWN = CALL_OPTIONS | _CHAT_ONLY | _IGNORED | _MODEL_FIELDS.keys()


@dataclass(frozen=True, slots=True)
class Call(Generic[_Request]):
    """A request with what is needed to read its answer.

    `names` maps tool names on the wire to the caller's own.
    """

    request: _Request
    options: CallOptions
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def single(self) -> bool:
        """Whether only one tool call is wanted. Models do not always keep to it."""
        return isinstance(self.request, ChatRequest) and self.request.parallel_tool_calls is False


@dataclass(frozen=True, slots=True)
class _Split:
    model_fields: Mapping[str, Any]
    options: CallOptions
    chat: Mapping[str, Any]
    extra: Mapping[str, Any]


_NOTHING_SAID = _Split({}, CallOptions(), {}, {})


def chat_call(
    settings: GenerationSettings,
    messages: Sequence[ChatMessage],
    kwargs: Mapping[str, Any],
    *,
    extra: Mapping[str, Any],
) -> Call[ChatRequest]:
    """Join the model's own fields, one call's arguments and its messages.

    Raises:
        InvalidRequestError: an unknown argument, or a message or tool that cannot be sent.
    """
    said = _split(kwargs)
    wanted = settings.generation_fields(said.model_fields)
    tools, choice, names = _tools(said.chat)
    request = ChatRequest(
        messages=to_messages(messages),
        tools=tools,
        tool_choice=choice,
        extra={**extra, **said.extra},
        **wanted,
    )
    return Call(request, said.options, names)


def fim_call(
    settings: GenerationSettings, prompt: str, suffix: str | None, kwargs: Mapping[str, Any]
) -> Call[FIMRequest]:
    """Make the request of a fill-in-the-middle call.

    Of the model's own fields only those go along that fill-in-the-middle knows; a call's own argument
    that it does not know is an error.
    """
    said = _split(kwargs)
    strange = [name for name in said.model_fields if _canonical(name) not in _FIM_FIELDS]
    if strange := [*said.chat, *strange]:
        raise InvalidRequestError(
            f"Fill-in-the-middle does not know {', '.join(map(repr, strange))}."
        )
    wanted = settings.generation_fields(said.model_fields)
    known = {name: value for name, value in wanted.items() if name in _FIM_FIELDS}
    return Call(FIMRequest(prompt=prompt, suffix=suffix, extra=said.extra, **known), said.options)


def _split(kwargs: Mapping[str, Any]) -> _Split:
    """Sort a call's arguments by what they are for. A None of an unknown name is let go."""
    if not kwargs:
        return _NOTHING_SAID
    extra = dict(_mapping(kwargs, "additional_kwargs"))
    rest = {name: value for name, value in kwargs.items() if name not in _MAPPINGS}
    said = [_mapping(kwargs, name, " of header names to texts") for name in _HEADERS]
    if headers := {**said[0], **said[1]}:
        rest["headers"] = opened(headers)
    for name, value in rest.items():
        if name not in _KNOWN and value is not None:
            raise InvalidRequestError(
                explain_unknown(
                    name, _KNOWN - _IGNORED, ONLY_AT_CONSTRUCTION, extras="additional_kwargs"
                )
            )
    return _Split(
        model_fields={name: value for name, value in rest.items() if name in _MODEL_FIELDS},
        options=CallOptions(**{name: rest[name] for name in rest if name in CALL_OPTIONS}),
        chat={
            name: value for name, value in rest.items() if name in _CHAT_ONLY and value is not None
        },
        extra=extra,
    )


def _mapping(kwargs: Mapping[str, Any], name: str, what: str = "") -> Mapping[str, Any]:
    match kwargs.get(name):
        case None:
            return {}
        case Mapping() as found:
            return found
        case found:
            raise InvalidRequestError(
                f"{name} must be a mapping{what}, got {type(found).__name__}."
            )


def _canonical(name: str) -> str:
    own = _MODEL_FIELDS[name]
    return "metadata" if own == "request_metadata" else own


def _tools(
    said: Mapping[str, Any],
) -> tuple[Sequence[Tool | Mapping[str, Any]], ToolChoice | None, Mapping[str, str]]:
    """Read the tools, which of them to call, and their own names by those on the wire."""
    if not said.get("tools"):
        return [], None, {}
    tools, names = spell([to_tool(tool) for tool in said["tools"]])
    return tools, _tool_choice(said.get("tool_choice"), names) if tools else None, names


def _tool_choice(choice: Any, names: Mapping[str, str]) -> ToolChoice | None:
    read = to_tool_choice(choice)
    if read is None or read.function is None:
        return read
    name = wire_name(read.function)
    if name not in names:
        raise InvalidRequestError(
            f"tool_choice names {read.function!r}, which is not among the tools of this call: "
            f"{', '.join(map(repr, names.values()))}."
        )
    return ToolChoice(function=name)
