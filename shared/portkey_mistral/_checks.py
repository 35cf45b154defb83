"""What is found wrong with a request before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    ModerationRequest,
    Request,
)

__all__ = ["check_request"]


def check_request(request: Request) -> None:
    """Raise `InvalidRequestError` for what no server would take."""
    match request:
        case ChatRequest(messages=messages) if not messages:
            raise InvalidRequestError(
                "messages is empty: a conversation needs at least one message, for example "
                "[Message.user('Hello')]."
            )
        case EmbeddingRequest(inputs=inputs):
            _check_texts(inputs)
        case ModerationRequest(inputs=None, messages=None):
            raise InvalidRequestError("Nothing to moderate: give inputs or messages.")
        case _:
            pass


def _check_texts(inputs: object) -> None:
    if isinstance(inputs, str) or not isinstance(inputs, Sequence):
        raise InvalidRequestError("inputs must be a list of texts; for one text pass [text].")
    for index, text in enumerate(inputs):
        if not isinstance(text, str):
            raise InvalidRequestError(
                f"inputs[{index}] must be text, got {type(text).__name__}. Read the document's text first."
            )
