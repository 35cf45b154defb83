"""Estimates how many tokens images, documents and audio take of a context window.

Mistral documents no formula for documents and audio. The estimates are high, so that a conversation trimmed to a
context window with them does fit.
"""

from __future__ import annotations

import base64
import re

__all__ = ["audio_tokens", "document_tokens", "image_tokens"]

# Mistral scales an image to at most 1540 x 1540 pixels, and bills one token per 28 x 28.
_IMAGE = 3025

# A dense page of text has 500 to 800 tokens.
_PAGE = 1000
# Mistral's limit for documents is 50 MB and 1000 pages.
_BYTES_PER_PAGE = 50_000
# For a document that only the server can read: by URL, or uploaded.
_UNKNOWN_PAGES = 10
# A page object of a PDF, but not the tree of pages ("/Type /Pages"). Newer PDFs compress these objects.
_PDF_PAGE = re.compile(rb"/Type\s{0,4}/Page(?![A-Za-z])")

# Voxtral uses 12.5 tokens per second (its paper, arXiv 2507.13264).
_TOKENS_PER_SECOND = 12.5
# Speech is rarely compressed to less than 32 kbit/s.
_BYTES_PER_SECOND = 4000
_UNKNOWN_SECONDS = 300
_WAV_HEADER = 32


def image_tokens() -> int:
    """Return the tokens of the largest image: its pixels are not known without decoding it."""
    return _IMAGE


def document_tokens(url: str | None) -> int:
    """Return the tokens of a document: by its pages if a PDF lists them, else by its size.

    `url` is an `https:` URL or a `data:` URL; None is a document that was uploaded.
    """
    encoded = _base64_of(url)
    if encoded is None:
        return _UNKNOWN_PAGES * _PAGE
    pages = _pdf_pages(encoded) or _decoded_size(encoded) // _BYTES_PER_PAGE + 1
    return pages * _PAGE


def audio_tokens(data: str) -> int:
    """Return the tokens of audio, given as base64, or as a URL: by its length for WAV, else by its size."""
    if data.startswith(("http://", "https://")):
        return round(_UNKNOWN_SECONDS * _TOKENS_PER_SECOND)
    encoded = _base64_of(data) or data
    rate = _wav_bytes_per_second(encoded) or _BYTES_PER_SECOND
    return round(_decoded_size(encoded) / rate * _TOKENS_PER_SECOND) + 1


def _base64_of(url: str | None) -> str | None:
    """Return the data in a `data:` URL; None for any other."""
    return url.partition(",")[2] if url is not None and url.startswith("data:") else None


def _decoded_size(encoded: str) -> int:
    return len(encoded) * 3 // 4


def _pdf_pages(encoded: str) -> int:
    if not encoded.startswith("JVBERi"):  # "%PDF-"
        return 0
    try:
        return sum(1 for _ in _PDF_PAGE.finditer(base64.b64decode(encoded)))
    except ValueError:
        return 0


def _wav_bytes_per_second(encoded: str) -> int:
    """Return the bytes per second that the header of a WAV file states; 0 for anything else."""
    try:
        header = base64.b64decode(encoded[: _WAV_HEADER * 2])
    except ValueError:
        return 0
    is_wav = header[:4] == b"RIFF" and header[8:16] == b"WAVEfmt "
    return int.from_bytes(header[28:32], "little") if is_wav else 0
