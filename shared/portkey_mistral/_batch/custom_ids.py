"""The `custom_id` of a request in a batch job: its position, and the data that is needed to decode its response.

A job may be resumed by another process, which no longer has the requests.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

__all__ = ["CustomID"]

_FORM = re.compile(
    r"(?P<index>\d{1,12})(?:\.n(?P<inputs>\d{1,6}))?(?:\.d(?P<dtype>[a-z0-9]{1,8}))?"
    r"(?:\.p(?P<length>\d{1,9})-(?P<digest>[0-9a-f]{12}))?"
)
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class CustomID:
    """Facts of one request.

    Attributes:
        index: Position of the request in the job, from 0.
        inputs: Number of texts to embed.
        dtype: The requested dtype of embeddings.
        prefix_length: Length of the prefix that the response may repeat, and that is not part of it.
        prefix_digest: Digest of this prefix.
    """

    index: int
    inputs: int | None = None
    dtype: str | None = None
    prefix_length: int = 0
    prefix_digest: str = ""

    @classmethod
    def of(
        cls, index: int, *, inputs: int | None = None, dtype: str | None = None, prefix: str = ""
    ) -> CustomID:
        return cls(index, inputs, dtype, len(prefix), _digest(prefix) if prefix else "")

    @classmethod
    def parse(cls, text: object) -> CustomID | None:
        """Parse a `custom_id`; None for one that is not ours."""
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            return None
        inputs = found["inputs"]
        return cls(
            int(found["index"]),
            None if inputs is None else int(inputs),
            found["dtype"],
            int(found["length"] or 0),
            found["digest"] or "",
        )

    def __str__(self) -> str:
        inputs = "" if self.inputs is None else f".n{self.inputs}"
        dtype = "" if self.dtype is None else f".d{self.dtype}"
        prefix = f".p{self.prefix_length}-{self.prefix_digest}" if self.prefix_length else ""
        return f"{self.index}{inputs}{dtype}{prefix}"

    def repeated_prefix(self, text: str) -> str:
        """Return the prefix if a response's text begins with it, else an empty string."""
        start = text[: self.prefix_length]
        return start if self.prefix_length and _digest(start) == self.prefix_digest else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
