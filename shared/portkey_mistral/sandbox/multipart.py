"""Reads a multipart/form-data body (RFC 7578) as far as uploads need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["FormPart", "form_parts"]

_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|;)\s*name="([^"\r\n]*)"', re.IGNORECASE)
_FILENAME = re.compile(rb'(?:^|;)\s*filename="([^"\r\n]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FormPart:
    """One field of a form; `filename` is None for a field that is no file."""

    name: str
    filename: str | None
    content: bytes


def form_parts(content_type: str, body: bytes) -> tuple[FormPart, ...]:
    """Return the fields of a form; none if the body is not a form.

    Without a look at `content-transfer-encoding`, which RFC 7578 deprecates.
    """
    boundary = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or boundary is None:
        return ()
    return tuple(_parts(body, b"--" + boundary[1].encode()))


def _parts(body: bytes, delimiter: bytes) -> Iterator[FormPart]:
    for part in (b"\r\n" + body).split(b"\r\n" + delimiter)[1:]:
        if part.startswith(b"--"):
            return
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = next(
            (
                line
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-disposition:")
            ),
            b"",
        )
        name, filename = _NAME.search(disposition), _FILENAME.search(disposition)
        if name is not None:
            yield FormPart(
                name[1].decode("utf-8", "replace"),
                None if filename is None else filename[1].decode("utf-8", "replace"),
                content,
            )
