"""What can be wrong with an answer that came with a good status."""

from __future__ import annotations

from typing import Any

__all__ = ["InBandError", "MalformedAnswer", "MalformedEvent", "StreamCut", "StreamFault"]


class MalformedAnswer(ValueError):  # noqa: N818  what came, not what we did wrong
    """An answer that is not what the API promises. `index` is the input at fault, for embeddings."""

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class StreamFault(Exception):  # noqa: N818  same
    """A stream that did not come to its end as it should. The base of all three kinds."""


class InBandError(StreamFault):
    """The server reported an error inside a stream, or inside an answer with a good status.

    `status` is the one that the error names, else 500; `body` is the error as it came.
    """

    def __init__(self, message: str, *, status: int = 500, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class MalformedEvent(StreamFault):
    """An event of the stream is no JSON, or no chunk of an answer."""


class StreamCut(StreamFault):
    """The stream ended before the answer did: a choice that was begun has no finish reason."""
