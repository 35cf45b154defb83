"""Checks a request and its options, and determines which capabilities the request requires. Pure.

A capability is only required if a model without it is certain to reject the request, so no request is refused here that
the service would accept. Details (which reasoning efforts, whether a prediction is used) are left to the service, whose
error names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from portkey_mistral._call.request_types import check_option_types, check_request_types
from portkey_mistral.config import validators
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.messages import AudioPart, ImagePart, Part, UnknownPart
from portkey_mistral.models import find
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    ClassificationRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    Request,
    Tool,
)
from portkey_mistral.settings.arguments import refuse_settings
from portkey_mistral.settings.connection import SETTING_NAMES
from portkey_mistral.settings.httpx_types import is_seconds, is_timeout
from portkey_mistral.tokens import exact_counter

if TYPE_CHECKING:
    from portkey_mistral._api import Operation

__all__ = [
    "check_iterable",
    "check_options",
    "check_request",
    "check_text",
    "may_be_too_long",
    "required_capabilities",
]

# The schema of Mistral's API lists the first three, but only agents and conversations run them (mistralai 3.7.0).
_TOOLS_NOT_OF_CHAT = ("web_search", "web_search_premium", "code_interpreter", "fine_tuning")
# Members of the body of a training job, which may be passed in `model_kwargs` by mistake.
_TRAINING_MEMBERS = frozenset(
    {"fine_tuning", "training_files", "validation_files", "hyperparameters"}
)


def required_capabilities(request: Request) -> frozenset[str]:
    """Return the capabilities that the model of a request must have.

    They are values of `portkey_mistral.models.Capability`, or features that no model has: see `check_capabilities`.
    """
    match request:
        case ChatRequest():
            return _chat_capabilities(request)
        case FIMRequest():
            return frozenset({"fim"})
        case EmbeddingRequest():
            return frozenset({"embeddings"})
        case ModerationRequest():
            return frozenset({"moderation"})
        case ClassificationRequest():
            return frozenset({"classification"})
        case OCRRequest():
            return frozenset({"ocr"})
    assert_never(request)


def _chat_capabilities(request: ChatRequest) -> frozenset[str]:
    capabilities = {"chat"}
    for message in request.messages:
        if not isinstance(message.content, str):
            capabilities.update(filter(None, map(_part_capability, message.content)))
    for tool in request.tools:
        capabilities.add("tools" if isinstance(tool, Tool) else _tool_capability(tool))
    if not _TRAINING_MEMBERS.isdisjoint(request.extra):
        capabilities.add("fine_tuning")
    if "image" in (request.extra.get("modalities") or ()):
        capabilities.add("image_generation")
    return frozenset(capabilities)


def _part_capability(part: Part) -> str | None:
    match part:
        case ImagePart():
            return "vision"
        case AudioPart():
            return "audio"
        case UnknownPart(raw) if raw.get("type") == "image_url":
            return "vision"
        case _:
            return None


def _tool_capability(tool: Mapping[str, object]) -> str:
    """Return what a tool requires of a model. Chat completions run some of Mistral's built-in tools, others not."""
    kind = tool.get("type")
    return str(kind) if kind in _TOOLS_NOT_OF_CHAT else "tools"


_PAGES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*", re.ASCII)
_MAX_TEXT_TOKENS = 8192  # of every embedding model


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_strings(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_string, value))


def _is_string_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_string, [*value, *value.values()]))


def _is_time_limit(value: Any) -> bool:
    return is_timeout(value) or is_seconds(value)


# `portkey_config` is checked where it is parsed.
_OPTION_TYPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "trace_id": (_is_string, "a string"),
    "portkey_metadata": (_is_string_mapping, "a mapping of strings to strings"),
    "cache_namespace": (_is_string, "a string"),
    "cache_force_refresh": (lambda value: isinstance(value, bool), "True or False"),
    "forward_headers": (_is_strings, "a list of header names"),
    "headers": (_is_string_mapping, "a mapping of header names to strings"),
    "timeout": (_is_time_limit, "a number of seconds above 0 or an httpx.Timeout of these"),
}


def check_options(options: CallOptions) -> None:
    """Raise `InvalidRequestError` for an option of the wrong type, or a header that cannot be sent."""
    check_option_types(options)
    for name in _OPTION_TYPES:
        value = getattr(options, name)
        if value is not None:
            _check_option(name, value)
    if options.headers:
        try:
            validators.headers(options.headers, "headers")
        except ConfigurationError as error:
            raise InvalidRequestError(error.message) from None


def _check_option(name: str, value: object) -> None:
    is_valid, expected = _OPTION_TYPES[name]
    if not is_valid(value):
        raise InvalidRequestError(f"{name} must be {expected}, got {_describe(value)}.")


def _describe(value: object) -> str:
    """Describe a value by its type, a mapping by its first item that is not one of strings.

    Not by the value itself, which may contain a key.
    """
    items = value.items() if isinstance(value, Mapping) else ()
    for name, item in items:
        if not (_is_string(name) and _is_string(item)):
            return f"{type(item).__name__} for {name!r}"
    return type(value).__name__


def check_request(request: Request | None, operation: Operation) -> None:
    """Raise `InvalidRequestError` for a request that no server would accept."""
    check_request_types(request, operation)
    if extra := getattr(request, "extra", None):
        _check_extra(extra)
    match request:
        case ChatRequest():
            if not request.messages:
                raise InvalidRequestError(
                    "messages is empty: pass at least one message, for example [Message.user('Hello')]."
                )
        case EmbeddingRequest(inputs=inputs):
            check_iterable(inputs, "inputs", "text")
        case ModerationRequest(inputs=None, messages=None):
            raise InvalidRequestError("Nothing to moderate: pass inputs or messages.")
        case ClassificationRequest(inputs=None, messages=None):
            raise InvalidRequestError("Nothing to classify: pass inputs or messages.")
        case OCRRequest(pages=pages) if pages is not None:
            _check_pages(pages)
        case _:
            pass


def _check_pages(pages: str | Sequence[int]) -> None:
    if not isinstance(pages, str):
        if any(page < 0 for page in pages):
            raise InvalidRequestError(
                "pages: the numbers of pages count from 0, and none is below."
            )
        return
    if not _PAGES.fullmatch(pages):
        raise InvalidRequestError(
            f"pages={pages!r} is no list of pages: write numbers and ranges, counted from 0, such as '0-5,7'."
        )
    for each in pages.split(","):
        first, _, last = each.partition("-")
        if last and int(first) > int(last):
            raise InvalidRequestError(f"pages={pages!r}: the range {each!r} ends before it begins.")


def _check_extra(extra: Mapping[str, Any]) -> None:
    try:
        refuse_settings(extra, SETTING_NAMES, where="the request's body")
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


def check_iterable(inputs: object, name: str, what: str) -> None:
    """Raise `InvalidRequestError` for what is not several: a string, which is iterable, is one text."""
    if isinstance(inputs, str | bytes | Mapping) or not isinstance(inputs, Iterable):
        raise InvalidRequestError(
            f"{name} must be a list of {what}s, got {type(inputs).__name__}; for one {what} pass [{what}]."
        )


def check_text(text: object, index: int, model: str, *, wait: bool = False) -> None:
    """Raise `InvalidRequestError`, with its `index`, for an input that is not a string or too long for the model.

    Length is checked only if the model's own tokenizer is installed; without it, the server checks. `wait` loads it also
    on an event loop.
    """
    if not isinstance(text, str):
        raise _input_error(
            index, f"must be a string, got {type(text).__name__}. Read the document's text first."
        )
    if not may_be_too_long(text):
        return
    known, count = find(model), exact_counter(model, wait=wait)
    if known is None or count is None:
        return
    limit = known.context_window or _MAX_TEXT_TOKENS
    if (tokens := count(text)) > limit:
        raise _input_error(
            index,
            f"has {tokens} tokens, but {model} accepts at most {limit} per text. "
            "Split the text into smaller chunks.",
        )


def may_be_too_long(text: object) -> bool:
    """Whether only counting tells if a text is too long for an embedding model."""
    # A token is at least one byte, and a character at most four.
    return (
        isinstance(text, str)
        and 4 * len(text) > _MAX_TEXT_TOKENS
        and len(text.encode("utf-8", "replace")) > _MAX_TEXT_TOKENS
    )


def _input_error(index: int, problem: str) -> InvalidRequestError:
    error = InvalidRequestError(f"inputs[{index}] {problem}")
    error.index = index
    return error
