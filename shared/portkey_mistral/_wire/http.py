"""One HTTP request as a value, before any HTTP library sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from portkey_mistral._records import record

__all__ = ["HTTPRequest"]


@record()
class HTTPRequest:
    """`headers` are complete but for what the HTTP library adds; `lost` names fields that could not be told."""

    url: str
    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # a key is among them
    method: str = "POST"
    lost: tuple[str, ...] = ()

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0]
