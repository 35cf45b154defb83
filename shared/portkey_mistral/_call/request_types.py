"""Checks that a request is made of this package's types, as type checkers do for callers who use one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_args

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    DocumentPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ToolCall,
)
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    ClassificationRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    ResponseFormat,
    Tool,
    ToolChoice,
)

if TYPE_CHECKING:
    from portkey_mistral._api import Operation
    from portkey_mistral.requests import Request

__all__ = ["check_option_types", "check_request_types"]

_REQUESTS: Mapping[str, tuple[type, str]] = {
    "chat": (
        ChatRequest,
        "ChatRequest(model='mistral-small-latest', messages=[Message.user('Hello!')])",
    ),
    "fim": (FIMRequest, "FIMRequest(model='codestral-latest', prompt='def add(')"),
    "embed": (EmbeddingRequest, "EmbeddingRequest(model='mistral-embed', inputs=['Hello!'])"),
    "moderate": (
        ModerationRequest,
        "ModerationRequest(model='mistral-moderation-latest', inputs=['Hello!'])",
    ),
    "classify": (
        ClassificationRequest,
        "ClassificationRequest(model='ft:classifier:...', inputs=['Hello!'])",
    ),
    "ocr": (
        OCRRequest,
        "OCRRequest(model='mistral-ocr-latest', document=DocumentPart('https://example.com/a.pdf'))",
    ),
}
_PARTS = get_args(Part)
_NONE = type(None)
# The usual types come first: a check against an abstract class alone takes ten times as long.
_MAPPING_OR_NONE = (_NONE, dict, Mapping)
_LISTS = (list, tuple, Sequence)

_MESSAGE = "Message.user('Hello!')"
_PART = "TextPart('Hello!')"
_TOOL = "Tool('add', 'Add two numbers.', {'type': 'object', ...})"
_CHOICE = "ToolChoice(mode='any'), or ToolChoice(function='add')"
_FORMAT = "ResponseFormat('json_object'), or ResponseFormat.read({...}) for the form of the API"


def check_request_types(request: Request | None, operation: Operation) -> None:
    """Raise `InvalidRequestError` for a request of another class, or one with members of another type."""
    expected, example = _REQUESTS[operation]
    _check(request, expected, "The request", example)
    _check(getattr(request, "model", None), str, "model", "'mistral-small-latest'")
    _check(getattr(request, "extra", None), _MAPPING_OR_NONE, "extra", "{'top_k': 5}")
    _check(getattr(request, "metadata", None), _MAPPING_OR_NONE, "metadata", "{'team': 'a'}")
    stop = getattr(request, "stop", None)
    if stop is not None and not isinstance(stop, str):
        _check_list(stop, "stop", "'END'")
    match request:
        case ChatRequest():
            _check_chat(request)
        case FIMRequest(prompt=prompt, suffix=suffix):
            _check(prompt, str, "prompt", "a string")
            _check(suffix, (str, _NONE), "suffix", "a string")
        case ModerationRequest(inputs=inputs) | ClassificationRequest(inputs=inputs) if (
            inputs is not None
        ):
            _check_list(inputs, "inputs", "'Hello!'")
        case ModerationRequest(messages=messages) | ClassificationRequest(messages=messages) if (
            messages is not None
        ):
            _check_messages(messages)
        case OCRRequest():
            _check_ocr(request)
        case _:
            pass


def check_option_types(options: object) -> None:
    """Raise `InvalidRequestError` for options of another class."""
    _check(options, CallOptions, "options", "CallOptions(timeout=10)")


def _check_chat(request: ChatRequest) -> None:
    _check_messages(request.messages)
    _check_list(request.tools, "tools", _TOOL)
    for at, tool in enumerate(request.tools):
        if not _is_tool(tool):
            _check_tool(tool, f"tools[{at}]")
    _check(request.tool_choice, (ToolChoice, _NONE), "tool_choice", _CHOICE)
    _check(request.response_format, (ResponseFormat, _NONE), "response_format", _FORMAT)
    if request.response_format is not None:
        schema = request.response_format.schema
        _check(schema, _MAPPING_OR_NONE, "response_format.schema", "a JSON Schema as a dict")
    if request.guardrails is not None:
        _check_list(request.guardrails, "guardrails", "{'moderation_llm_v2': {...}}")


def _check_ocr(request: OCRRequest) -> None:
    document = "ocr_document(data), or DocumentPart('https://example.com/a.pdf')"
    _check(request.document, (DocumentPart, ImagePart, FilePart), "document", document)
    if request.pages is not None and not isinstance(request.pages, str):
        _check_list(request.pages, "pages", "0")
        for at, page in enumerate(request.pages):
            _check(page, int, f"pages[{at}]", "0")
    for name in ("bbox_annotation_format", "document_annotation_format"):
        _check(getattr(request, name), (ResponseFormat, type(None)), name, _FORMAT)


def _check_messages(messages: Sequence[Any]) -> None:
    _check_list(messages, "messages", _MESSAGE)
    for at, message in enumerate(messages):
        if not (isinstance(message, Message) and _is_of_text(message)):
            _check_message(message, f"messages[{at}]")


def _check_message(message: Message, location: str) -> None:
    _check(message, Message, location, _MESSAGE)
    _check(message.role, str, f"{location}.role", "'user'")
    _check(message.name, (str, _NONE), f"{location}.name", "a string")
    _check(message.tool_call_id, (str, _NONE), f"{location}.tool_call_id", "a string")
    if not isinstance(message.content, str):
        _check_list(message.content, f"{location}.content", _PART)
        for position, part in enumerate(message.content):
            _check(part, _PARTS, f"{location}.content[{position}]", _PART)
    for position, call in enumerate(message.tool_calls):
        if not _is_tool_call(call):
            _check_tool_call(call, f"{location}.tool_calls[{position}]")


def _check_tool(tool: object, location: str) -> None:
    _check(tool, (Tool, Mapping), location, _TOOL)
    if isinstance(tool, Tool):
        _check(tool.name, str, f"{location}.name", "the name of a function")
        _check(tool.parameters, Mapping, f"{location}.parameters", "a JSON Schema as a dict")


def _check_tool_call(call: Any, location: str) -> None:
    _check(call, ToolCall, location, "ToolCall('id', 'add')")
    _check(call.id, (str, _NONE), f"{location}.id", "a string")
    _check(call.name, str, f"{location}.name", "the name of a function")
    _check(call.arguments, str, f"{location}.arguments", "JSON text: '{\"a\": 1}'")


# Long histories and many tools cost what their checks cost, so the usual members are checked in one expression each, and
# only the others one by one. To type checkers the attributes have the right types already, hence `Any` and `attrgetter`.

_of_tool_call = attrgetter("id", "name", "arguments")
_of_tool = attrgetter("name", "parameters")


def _is_of_text(message: Any) -> bool:
    return (
        isinstance(message.content, str)
        and isinstance(message.role, str)
        and (message.name is None or isinstance(message.name, str))
        and (message.tool_call_id is None or isinstance(message.tool_call_id, str))
        and (not message.tool_calls or all(map(_is_tool_call, message.tool_calls)))
    )


def _is_tool_call(call: object) -> bool:
    if not isinstance(call, ToolCall):
        return False
    id_, name, arguments = _of_tool_call(call)
    return (
        isinstance(name, str)
        and isinstance(arguments, str)
        and (id_ is None or isinstance(id_, str))
    )


def _is_tool(tool: object) -> bool:
    if not isinstance(tool, Tool):
        return isinstance(tool, dict)
    name, parameters = _of_tool(tool)
    return isinstance(name, str) and isinstance(parameters, dict)


def _check_list(value: object, location: str, example: str) -> None:
    if not isinstance(value, _LISTS) or isinstance(value, str | bytes):
        raise InvalidRequestError(
            f"{location} must be a list, got {type(value).__name__}. Pass, for example, [{example}]."
        )


def _check(value: object, expected: type | tuple[type, ...], location: str, example: str) -> None:
    if not isinstance(value, expected):
        raise InvalidRequestError(
            f"{location} has the type {type(value).__name__}. Pass, for example, {example}."
        )
