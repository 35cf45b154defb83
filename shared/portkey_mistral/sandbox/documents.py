"""Reads the text layer of PDF documents, with `pypdf`; other documents and scanned pages have none here."""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portkey_mistral.sandbox.errors import (
    RefusalError,
    envelope,
    invalid_document,
    invalid_request_file,
    too_many_pages,
)

if TYPE_CHECKING:
    from pypdf import PageObject

__all__ = ["MAX_PAGES", "Page", "Picture", "data_of", "read_document"]

MAX_PAGES = 1000
MAX_BYTES = 50 * 2**20

_PDF = b"%PDF-"
_HEADER = 1024  # bytes in which readers look for it
_POINTS = 72
DPI = 200
_HEIGHT, _WIDTH = 2200, 1700  # of US Letter in pixels


@dataclass(frozen=True, slots=True)
class Picture:
    """An image on a page: its edges (left, top, right, bottom) in pixels, and its bytes, a JPEG file."""

    box: tuple[int, int, int, int]
    data: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """The text of a page, its images, and its height and width in pixels."""

    text: str
    pictures: tuple[Picture, ...] = ()
    size: tuple[int, int] = (_HEIGHT, _WIDTH)


def data_of(url: str) -> bytes | None:
    """Return the content of a `data:` URL; None for the address of a document elsewhere.

    Raises:
        RefusalError: it is no URL that Mistral could fetch.
    """
    if url.startswith(("https://", "http://")):
        return None
    head, comma, body = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64") and comma):
        raise invalid_request_file("Document could not be fetched: use an https: or data: URL.")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise invalid_request_file("Document could not be decoded: invalid base64.") from None


def read_document(data: bytes, *, is_pdf: bool) -> Sequence[Page]:
    """Return the pages of a document; one page without text if it is not PDF.

    Raises:
        RefusalError: it is too large, has too many pages, or is no valid PDF.
    """
    if len(data) > MAX_BYTES:
        raise invalid_request_file(f"Document is too large: at most {MAX_BYTES} bytes")
    if not is_pdf and not data.startswith(_PDF):
        return [Page("", (Picture((0, 0, _WIDTH, _HEIGHT), data),))]
    return _read_pdf(data)


def _read_pdf(data: bytes) -> Sequence[Page]:
    if _PDF not in data[:_HEADER]:
        raise invalid_document("Invalid PDF: it has no header")
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        message = "The sandbox reads PDF with pypdf: pip install 'portkey-mistral[ocr]'"
        raise RefusalError(500, envelope(500, message, "internal_error", "3000")) from None
    try:
        pages = PdfReader(io.BytesIO(data)).pages
        count = len(pages)
        if count > MAX_PAGES:
            raise too_many_pages(count, MAX_PAGES)
        return [_page(page) for page in pages]
    # What a damaged file makes of pypdf, besides its own errors.
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise invalid_document(f"Invalid PDF: {type(error).__name__}") from None


def _page(page: PageObject) -> Page:
    places: dict[str, Sequence[float]] = {}

    def visit(operator: bytes, operands: Any, matrix: Sequence[float], _: object) -> None:
        if operator == b"Do" and operands:
            places[str(operands[0])] = [*matrix]

    text = page.extract_text(visitor_operand_before=visit)
    height, width = float(page.mediabox.height), float(page.mediabox.width)
    resources = page.get("/Resources") or {}
    objects = resources.get("/XObject") or {}
    pictures = [
        Picture(_box(places[name], height), image.get_data())
        for name in objects
        if name in places and (image := objects[name].get_object()).get("/Filter") == "/DCTDecode"
    ]
    return Page(text.strip(), tuple(pictures), (_pixels(height), _pixels(width)))


def _box(matrix: Sequence[float], height: float) -> tuple[int, int, int, int]:
    """Return the edges of an image; PDF counts from the bottom of the page, Mistral from its top."""
    wide, _, _, high, left, bottom = matrix
    top = height - bottom - high
    return _pixels(left), _pixels(top), _pixels(left + wide), _pixels(top + high)


def _pixels(points: float) -> int:
    return round(points * DPI / _POINTS)
