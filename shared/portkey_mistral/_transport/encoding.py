"""Decodes response bodies in bounded steps, for all HTTP libraries.

urllib3, aiohttp and httpx all accept a truncated gzip body, and httpx inflates a chunk of any size at once: a few
hundred bytes can inflate to gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from portkey_mistral._transport.base import DecodingError

__all__ = ["ACCEPT_ENCODING", "GzipDecoder", "decoder_for", "is_gzip"]

ACCEPT_ENCODING = "gzip"

_PIECE = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
# Deflate compresses by 1,000 at most, and JSON by much less than this limit.
_BOMB_BYTES, _BOMB_RATIO = 10_000_000, 200
_MAGIC = b"\x1f\x8b"


class GzipDecoder:
    """Decodes one body. A body may have several gzip members, one after the other (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)
        self._started = False
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode bytes, and yield the result in chunks of bounded size.

        Raises:
            DecodingError: the bytes are not gzip.
        """
        self._started = True
        self._taken += len(data)
        piece = b""
        while data or len(piece) == _PIECE:
            if data and self._inflate.eof:
                self._next_member(data)
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error as error:
                raise DecodingError(f"The body is not valid gzip: {error}") from error
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            self._given += len(piece)
            if self._given > max(_BOMB_BYTES, self._taken * _BOMB_RATIO):
                raise DecodingError(
                    f"The gzip body inflates to more than {_BOMB_RATIO} times its size"
                )
            if piece:
                yield piece

    def finish(self) -> None:
        """Check that the body ended at the end of its gzip stream.

        Raises:
            DecodingError: it ended before.
        """
        if self._started and not self._inflate.eof:
            raise DecodingError("The gzip body ends in the middle")

    def _next_member(self, data: bytes) -> None:
        if not _MAGIC.startswith(data[:2]):
            raise DecodingError("Data follows the end of the gzip body")
        self._inflate = zlib.decompressobj(_GZIP)


def is_gzip(headers: Mapping[str, str]) -> bool:
    return _coding(headers) in ("gzip", "x-gzip")


def decoder_for(headers: Mapping[str, str]) -> GzipDecoder | None:
    """Return the decoder for a body with these headers; None if the body is not encoded.

    Raises:
        DecodingError: the body has a content encoding that was not requested.
    """
    if "content-encoding" not in headers:
        return None
    coding = _coding(headers)
    if coding in ("", "identity"):
        return None
    if is_gzip(headers):
        return GzipDecoder()
    raise DecodingError(
        f"The body has the content encoding {coding[:40]!r}; only gzip was requested"
    )


def _coding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()
