"""PDF documents for tests of OCR."""

from __future__ import annotations

import base64

from portkey_mistral import DocumentPart
from portkey_mistral.demo.pdf import PDFImage, make_pdf

JPEG = b"\xff\xd8\xff\xd9"

INVOICE = make_pdf(
    [
        [
            "Invoice 17 of 2026-11-30",
            "| item | price |",
            "| --- | --- |",
            "| pen | 2 |",
            "Page 1 of 2",
        ],
        ["Total (with taxes): 2.40 €", "Page 2 of 2"],
    ],
    PDFImage(JPEG, 40, 20),
)
"""Two pages with a table, an image and footers."""


def pdf_of(*pages: str) -> bytes:
    """Return a PDF with one line of text a page."""
    return make_pdf([[page] for page in pages])


def as_part(data: bytes, kind: str = "application/pdf") -> DocumentPart:
    return DocumentPart(as_url(data, kind))


def as_url(data: bytes, kind: str = "application/pdf") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
