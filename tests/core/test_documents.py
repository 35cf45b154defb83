"""Documents become the part of a message by which a model reads them."""

import base64

import pytest

from pdfs import pdf_of
from portkey_mistral.documents import (
    MAX_OCR_BYTES,
    document_from_data_url,
    document_part,
    ocr_document,
)
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, ImagePart, TextPart

PDF = b"%PDF-1.4 \xff\x00"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ZIP = b"PK\x03\x04\x00\xff"


def test_what_ocr_reads():
    pdf = pdf_of("Hello")
    assert ocr_document(pdf, name="a.pdf") == DocumentPart(url("application/pdf", pdf), "a.pdf")
    assert ocr_document(b"\x89PNG", name="a.png") == ImagePart(url("image/png", b"\x89PNG"))
    assert ocr_document(b"%PDF-1.4 damaged")  # Mistral may be able to read it


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"# Title", "is text already"),
        (b"\x00\xff", "is of type"),
        (b"%PDF-" + bytes(MAX_OCR_BYTES), "50.0 MB"),
        (pdf_of(*["x"] * 1001), "has 1001 pages"),
    ],
    ids=["empty", "text", "binary", "too large", "too many pages"],
)
def test_what_ocr_does_not_read(data, match):
    with pytest.raises(InvalidRequestError, match=match):
        ocr_document(data, name="report.bin" if b"\xff" in data else "report")


def url(mime_type, data):
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("data", "mime_type", "name", "expected"),
    [
        (PDF, "application/pdf", "a", DocumentPart(url("application/pdf", PDF), "a")),
        (PDF, None, None, DocumentPart(url("application/pdf", PDF))),
        (PDF, "application/octet-stream", None, DocumentPart(url("application/pdf", PDF))),
        (ZIP, DOCX, None, DocumentPart(url(DOCX, ZIP))),
        (ZIP, None, "a.docx", DocumentPart(url(DOCX, ZIP), "a.docx")),
        (b"\x89PNG", "image/png", "a", ImagePart(url("image/png", b"\x89PNG"))),
        (b"# Title", "text/markdown", None, TextPart("# Title")),
        (b"a,b", "text/csv", "a.csv", TextPart("Document a.csv:\n\na,b")),
        (b"<p>x</p>", "Text/HTML; charset=UTF-8", None, TextPart("<p>x</p>")),
        (b'{"a": 1}', "application/json", None, TextPart('{"a": 1}')),
        (b"<svg/>", "image/svg+xml", None, TextPart("<svg/>")),
        ("Été".encode("latin-1"), "text/plain; charset=latin-1", None, TextPart("Été")),
        (b"\xef\xbb\xbftext", "text/plain", None, TextPart("text")),
        (b"notes", None, None, TextPart("notes")),
        (b"notes", None, "notes.unheard", TextPart("Document notes.unheard:\n\nnotes")),
    ],
)
def test_a_document_goes_in_the_form_that_its_type_needs(data, mime_type, name, expected):
    assert document_part(data, mime_type=mime_type, name=name) == expected


@pytest.mark.parametrize(
    ("data", "mime_type", "name", "message"),
    [
        (
            ZIP,
            "application/zip",
            None,
            "A document is of type 'application/zip', which Mistral does",
        ),
        (ZIP, None, "a.bin", "The document 'a.bin' is of type 'application/octet-stream'"),
        (b"\0\1", None, None, "application/octet-stream"),
        (b"\xff\xd8", "audio/wav", None, "It reads PDF, DOCX"),
        (b"\xc9t\xe9", "text/csv", None, "not encoded as utf-8.*'text/csv; charset=latin-1'"),
        (b"text", "text/plain; charset=klingon", None, "not encoded as klingon"),
    ],
)
def test_unsupported_documents_are_errors(data, mime_type, name, message):
    with pytest.raises(InvalidRequestError, match=message):
        document_part(data, mime_type=mime_type, name=name)


@pytest.mark.parametrize(
    ("data_url", "expected"),
    [
        (url("application/pdf", PDF), DocumentPart(url("application/pdf", PDF), "n")),
        (url("text/plain", "é".encode()), TextPart("Document n:\n\né")),
        ("data:text/plain;charset=utf-8,a%20b", TextPart("Document n:\n\na b")),
        ("data:,a", TextPart("Document n:\n\na")),
    ],
)
def test_a_data_url_is_read_by_its_type(data_url, expected):
    assert document_from_data_url(data_url, name="n") == expected


def test_a_data_url_that_is_not_base64_is_an_error():
    with pytest.raises(InvalidRequestError, match="not valid base64"):
        document_from_data_url("data:application/pdf;base64,abc")
