"""Converts the bytes of a document to a message part that Mistral's models can read, or to the document of an OCR request."""

from __future__ import annotations

import base64
import io
import mimetypes
from collections.abc import Mapping
from pathlib import PurePath
from urllib.parse import unquote_to_bytes

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, ImagePart, TextPart

__all__ = [
    "MAX_OCR_BYTES",
    "MAX_OCR_PAGES",
    "OCR_SUFFIXES",
    "decode_data_url",
    "document_from_data_url",
    "document_part",
    "ocr_document",
    "text_document",
]

# docs.mistral.ai, OCR, frequently asked questions.
MAX_OCR_BYTES = 50 * 2**20
"""Largest document that OCR reads, in bytes."""

MAX_OCR_PAGES = 1000
"""Largest number of pages of a document that OCR reads."""

# The formats of Mistral's document processing (docs.mistral.ai, OCR, frequently asked questions), except text formats,
# which are sent as text.
_DOCUMENT_TYPES = frozenset(
    {
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/epub+zip",
    }
)
_UNKNOWN_TYPE = "application/octet-stream"
_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})
# Not all of them are known to `mimetypes` on every system and Python.
_TYPES_OF_SUFFIXES: Mapping[str, str] = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".epub": "application/epub+zip",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
OCR_SUFFIXES = frozenset(_TYPES_OF_SUFFIXES)
"""Suffixes of the files that OCR reads, in lower case."""


def document_part(
    data: bytes, *, mime_type: str | None = None, name: str | None = None
) -> DocumentPart | ImagePart | TextPart:
    """Return the part for a document: PDF and office formats, an image, or any text.

    Without a `mime_type` the type is inferred from the suffix of `name`, or from the content. Text is decoded as UTF-8
    unless the type has another charset (`text/csv; charset=latin-1`), and begins with the name.

    Raises:
        InvalidRequestError: its type is not supported by Mistral, or it is text in another encoding.
    """
    if mime_type in (None, "", _UNKNOWN_TYPE):
        mime_type = _guess(data, name)
    kind, _, parameters = mime_type.partition(";")
    kind = kind.strip().lower()
    if kind in _DOCUMENT_TYPES:
        return DocumentPart(_data_url(kind, data), name)
    if kind in _IMAGE_TYPES:
        return ImagePart(_data_url(kind, data))
    text = _decode(data, _charset(parameters))
    if text is not None:
        return text_document(text, name)
    label = f"The document {name!r}" if name else "A document"
    if kind.startswith("text/"):
        raise InvalidRequestError(
            f"{label} is not encoded as {_charset(parameters)}: give its type with a charset, "
            f"for example {kind + '; charset=latin-1'!r}."
        )
    raise InvalidRequestError(
        f"{label} is of type {kind!r}, which Mistral does not read. It reads PDF, DOCX, PPTX, ODT, EPUB, images "
        "and text: convert it, or send its text."
    )


def text_document(text: str, name: str | None = None) -> TextPart:
    """Return the part for a document of text, which begins with the document's name."""
    return TextPart(f"Document {name}:\n\n{text}" if name else text)


def ocr_document(
    data: bytes, *, mime_type: str | None = None, name: str | None = None
) -> DocumentPart | ImagePart:
    """Return the `document` of an `OCRRequest`: PDF and office formats, or an image.

    The type is found as by `document_part`. The pages of PDF files are counted if `pypdf` is installed (extra `ocr`);
    without it, the server counts them.

    Raises:
        InvalidRequestError: the document is empty, larger than `MAX_OCR_BYTES`, has more than `MAX_OCR_PAGES`, or is of a
            type that OCR does not read.
    """
    label = f"The document {name!r}" if name else "The document"
    if not data:
        raise InvalidRequestError(f"{label} is empty.")
    if len(data) > MAX_OCR_BYTES:
        raise InvalidRequestError(
            f"{label} has {len(data) / 2**20:.1f} MB, but OCR reads at most {MAX_OCR_BYTES // 2**20} MB: split it."
        )
    part = document_part(data, mime_type=mime_type, name=name)
    if isinstance(part, TextPart):
        raise InvalidRequestError(f"{label} is text already, which needs no OCR.")
    pages = _count_pages(data) if data.startswith(b"%PDF-") else None
    if pages is not None and pages > MAX_OCR_PAGES:
        raise InvalidRequestError(
            f"{label} has {pages} pages, but OCR reads at most {MAX_OCR_PAGES}: split it."
        )
    return part


def _count_pages(data: bytes) -> int | None:
    """Return the number of pages of a PDF; None if it cannot be counted, which is for the server to judge."""
    try:
        from pypdf import PdfReader
    except ImportError:
        return None
    try:
        # Strict: it raises where it would otherwise log, and try to repair the file.
        return len(PdfReader(io.BytesIO(data), strict=True).pages)
    except Exception:  # noqa: BLE001  a damaged file can make it raise anything
        return None


def document_from_data_url(
    url: str, *, name: str | None = None
) -> DocumentPart | ImagePart | TextPart:
    """Return the part for a document in a `data:` URL; see `document_part`."""
    data, mime_type = decode_data_url(url)
    return document_part(data, mime_type=mime_type, name=name)


def decode_data_url(url: str) -> tuple[bytes, str | None]:
    """Return the content of a `data:` URL and its type.

    Raises:
        InvalidRequestError: it is not valid base64.
    """
    head, _, body = url.removeprefix("data:").partition(",")
    is_base64 = head.endswith(";base64")
    try:
        data = base64.b64decode(body) if is_base64 else unquote_to_bytes(body)
    except ValueError as error:
        raise InvalidRequestError(f"A data: URL is not valid base64: {error}.") from None
    return data, head.removesuffix(";base64") or None


def _guess(data: bytes, name: str | None) -> str:
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    if not name:
        return _UNKNOWN_TYPE
    known = _TYPES_OF_SUFFIXES.get(PurePath(name).suffix.lower())
    return known or mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"')
    return "utf-8"


def _decode(data: bytes, charset: str) -> str | None:
    try:
        text = data.decode(
            "utf-8-sig" if charset.lower() in ("utf-8", "utf8", "us-ascii") else charset
        )
    except (UnicodeDecodeError, LookupError):
        return None
    # Binary formats can happen to be valid UTF-8; text has no NUL.
    return None if "\0" in text else text


def _data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"
