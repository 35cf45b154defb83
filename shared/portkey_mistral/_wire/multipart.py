"""Writes a multipart/form-data body with one file (RFC 7578)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import uuid4

__all__ = ["encode_form"]


def encode_form(
    fields: Mapping[str, str], filename: str, content: Iterable[bytes]
) -> tuple[bytes, str]:
    """Return the body and its Content-Type. `filename` has no quote and no line break."""
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{filename}"\r\n'
        "content-type: application/octet-stream\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), *content, f"\r\n--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"
