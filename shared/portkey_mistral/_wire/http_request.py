"""One HTTP request as a value, before any HTTP library sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral._json import dumps
from portkey_mistral.exceptions import InvalidRequestError

__all__ = ["HTTPRequest", "encode_body"]


@dataclass(slots=True)
class HTTPRequest:
    """`headers` lack only those that an HTTP library adds. `lost` names parameters that could not be sent."""

    url: str
    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # contains a key
    method: str = "POST"
    lost: tuple[str, ...] = ()

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0]


def encode_body(body: Mapping[str, Any]) -> bytes:
    """Return a body as JSON.

    Raises:
        InvalidRequestError: a parameter has a value that JSON cannot express; the error names the parameter.
    """
    try:
        return dumps(body)
    except ValueError as error:
        raise InvalidRequestError(
            f"The request cannot be written as JSON: {_culprit(body) or 'body'}: {error}"
        ) from None


def _culprit(body: Mapping[str, Any]) -> str | None:
    for name, value in body.items():
        try:
            dumps(value)
        except ValueError:
            return name
    return None
