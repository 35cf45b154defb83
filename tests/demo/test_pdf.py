"""The PDF files of the demo are valid, whatever their text."""

from __future__ import annotations

import io

from pypdf import PdfReader

from portkey_mistral.demo.pdf import PDFImage, make_pdf


def test_text_and_images_can_be_read() -> None:
    lines = [["Title (one) \\ 5 €", "Two"], ["Three"], []]
    reader = PdfReader(
        io.BytesIO(make_pdf(lines, PDFImage(b"\xff\xd8\xff\xd9", 4, 2))), strict=True
    )
    assert [page.extract_text().strip() for page in reader.pages] == [
        "Title (one) \\ 5 €\nTwo",
        "Three",
        "",
    ]
    resources = [page["/Resources"] for page in reader.pages]
    assert ["/XObject" in each for each in resources] == [True, False, False]


def test_it_is_deterministic() -> None:
    assert make_pdf([["x"]]) == make_pdf([["x"]])
