"""What is found wrong with a request before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.models import find
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    ModerationRequest,
    Request,
)
from portkey_mistral.tokens import exact_counter

__all__ = ["check_request", "check_text"]

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
