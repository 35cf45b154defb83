"""What is found wrong with a request, or with the options of its call, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from portkey_mistral.config import checks
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.models import find
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    EmbeddingRequest,
    ModerationRequest,
    Request,
)
from portkey_mistral.settings import SETTING_NAMES, is_seconds, is_timeout
from portkey_mistral.tokens import exact_counter
from portkey_mistral.validation import refuse_settings

__all__ = ["check_options", "check_request", "check_text"]

_LONGEST_TEXT = 8192  # tokens, of every model there is


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_texts_by_name(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, [*value, *value.values()]))


def _is_limit(value: Any) -> bool:
    return is_timeout(value) or is_seconds(value)


# What a config may be, its own reader tells.
_OPTIONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "trace_id": (_is_text, "text"),
    "portkey_metadata": (_is_texts_by_name, "a mapping of texts to texts"),
    "cache_namespace": (_is_text, "text"),
    "cache_force_refresh": (lambda value: isinstance(value, bool), "True or False"),
    "forward_headers": (_is_texts, "a list of header names"),
    "headers": (_is_texts_by_name, "a mapping of header names to texts"),
    "timeout": (_is_limit, "a number of seconds above 0 or an httpx.Timeout of these"),
}


def check_options(options: CallOptions) -> None:
    """Raise `InvalidRequestError` for an option of the wrong kind, or a header that cannot be sent."""
    for name, (fits, what) in _OPTIONS.items():
        value = getattr(options, name)
        if value is not None and not fits(value):
            # The value itself may hold a key.
            raise InvalidRequestError(f"{name} must be {what}, got {type(value).__name__}.")
    if options.headers:
        try:
            checks.headers(options.headers, "headers")
        except ConfigurationError as error:
            raise InvalidRequestError(error.message) from None


def check_request(request: Request) -> None:
    """Raise `InvalidRequestError` for what no server would take."""
    _check_extra(getattr(request, "extra", None))
    match request:
        case ChatRequest(messages=messages) if not messages:
            raise InvalidRequestError(
                "messages is empty: a conversation needs at least one message, for example "
                "[Message.user('Hello')]."
            )
        case EmbeddingRequest(inputs=inputs):
            _check_iterable(inputs)
        case ModerationRequest(inputs=None, messages=None):
            raise InvalidRequestError("Nothing to moderate: give inputs or messages.")
        case _:
            pass


def _check_extra(extra: Mapping[str, Any] | None) -> None:
    if not extra:
        return
    try:
        refuse_settings(extra, SETTING_NAMES, where="the request's body")
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


def _check_iterable(inputs: object) -> None:
    if isinstance(inputs, str) or not isinstance(inputs, Iterable):
        raise InvalidRequestError("inputs must be a list of texts; for one text pass [text].")


def check_text(text: object, index: int, model: str) -> None:
    """Raise `InvalidRequestError` for an input that is no text, or beyond the model's window.

    Only the model's own tokenizer can tell that a text is too long; where it is not installed, the server does.
    """
    if not isinstance(text, str):
        raise InvalidRequestError(
            f"inputs[{index}] must be text, got {type(text).__name__}. Read the document's text first."
        )
    # No token is shorter than a byte, so only these can be too long; all others need no counting.
    if 4 * len(text) <= _LONGEST_TEXT or len(text.encode("utf-8", "replace")) <= _LONGEST_TEXT:
        return
    known, count = find(model), exact_counter(model)
    if known is None or count is None:
        return
    limit = known.context_window or _LONGEST_TEXT
    if (tokens := count(text)) > limit:
        raise InvalidRequestError(
            f"inputs[{index}] has {tokens} tokens, but {model} takes at most {limit} a text. "
            "Split the text into smaller chunks."
        )
