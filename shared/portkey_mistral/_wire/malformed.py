"""Faults of a response with a success status."""

from __future__ import annotations

from typing import Any

__all__ = [
    "InBandError",
    "MalformedEvent",
    "MalformedResponse",
    "StreamCut",
    "StreamFault",
    "json_object",
]


class MalformedResponse(ValueError):  # noqa: N818  the server's mistake, not ours
    """A response that violates the API. For embeddings, `index` is the position of the input at fault."""

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class StreamFault(Exception):  # noqa: N818  same
    """A stream that did not end properly. Base of the three errors below."""


class InBandError(StreamFault):
    """The server reported an error within a stream, or in a response with a success status.

    `status` is the one that the error names, else 500; `body` is the error as the server sent it. `is_completion` is
    set if the model itself failed, so that tokens may have been generated.
    """

    def __init__(
        self, message: str, *, status: int = 500, body: Any = None, is_completion: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.is_completion = is_completion


class MalformedEvent(StreamFault):
    """An event of the stream is not JSON, or not a chunk of a chat completion."""


class StreamCut(StreamFault):
    """The stream ended before the response was complete: a choice has no finish reason."""


def json_object(value: object, what: str) -> dict[str, Any]:
    """Return parsed JSON that has to be an object, or raise `MalformedResponse`."""
    if isinstance(value, dict):
        return value
    raise MalformedResponse(f"{what} is {type(value).__name__}, not an object")
