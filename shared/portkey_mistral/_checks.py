"""What is found wrong with a request before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.models import find
from portkey_mistral.requests import (
    CallOptions,
    ChatRequest,
    EmbeddingRequest,
    ModerationRequest,
    Request,
)
from portkey_mistral.tokens import exact_counter

__all__ = ["check_options", "check_request", "check_text"]

_LONGEST_TEXT = 8192  # tokens, of every model there is


def check_request(request: Request) -> None:
    """Raise `InvalidRequestError` for what no server would take."""
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


def check_options(options: CallOptions) -> None:
    """Raise `InvalidRequestError` for what was said for one call and is of no use.

    The settings of the same names are checked when an object is made.
    """
    for name, (fits, wanted) in _OPTIONS.items():
        value = getattr(options, name)
        if value is not None and not fits(value):
            # The value itself may be a key.
            raise InvalidRequestError(f"{name} must be {wanted}, got {type(value).__name__}.")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _are_names(value: object) -> bool:
    return isinstance(value, Sequence) and not _is_text(value) and all(map(_is_text, value))


def _are_pairs(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, [*value, *value.values()]))


def _are_headers(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and _are_pairs(value)
        and all(text.isascii() and text.isprintable() for text in [*value, *value.values()])
    )


def _is_time(value: object) -> bool:
    if isinstance(value, int | float):
        return not isinstance(value, bool) and value > 0
    return hasattr(value, "connect")  # httpx.Timeout


_OPTIONS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "trace_id": (_is_text, "text"),
    "portkey_metadata": (_are_pairs, "a mapping of text to text"),
    "cache_namespace": (_is_text, "text"),
    "cache_force_refresh": (_is_switch, "True or False"),
    "forward_headers": (_are_names, "a list of header names"),
    "headers": (_are_headers, "a mapping of names to printable ASCII text"),
    "timeout": (_is_time, "seconds above 0, or an httpx.Timeout"),
}
