"""Where documents come from: paths, folders, URLs and bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from pdfs import as_part, as_url, pdf_of
from portkey_mistral.document_sources import sources_of
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, ImagePart

PDF = pdf_of("Hello")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.pdf", "a.PDF", "notes.txt", ".hidden.pdf", "deep/c.pdf", ".git/d.pdf"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(PDF)
    return tmp_path


def names(source, **options):
    return [Path(each.name).name for each in sources_of(source, **options)]


def test_a_folder(folder):
    assert names(folder) == ["a.PDF", "b.pdf", "c.pdf"]
    assert names(str(folder), glob="*.pdf") == ["b.pdf"]
    assert names([folder / "deep", folder / "b.pdf"]) == ["c.pdf", "b.pdf"]


def test_a_folder_without_documents(folder):
    with pytest.raises(InvalidRequestError, match=r"no document that matches '\*\.docx'"):
        names(folder, glob="*.docx")


@pytest.mark.parametrize("glob", ["", "/docs/*.pdf"])
def test_a_pattern_that_is_none(folder, glob):
    with pytest.raises(InvalidRequestError, match="no pattern of paths"):
        names(folder, glob=glob)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (PDF, as_part(PDF)),
        (bytearray(PDF), as_part(PDF)),
        (memoryview(PDF), as_part(PDF)),
        ("HTTPS://example.com/a.pdf", DocumentPart("HTTPS://example.com/a.pdf")),
        ("https://example.com/a.pdf", DocumentPart("https://example.com/a.pdf")),
        ("https://example.com/A.PNG?x=1", ImagePart("https://example.com/A.PNG?x=1")),
        (as_url(b"\x89PNG", "image/png"), ImagePart(as_url(b"\x89PNG", "image/png"))),
    ],
)
def test_what_is_sent(content, part):
    (source,) = sources_of(content)
    assert source.read() == part


def test_names_of_urls_have_no_secrets():
    (source,) = sources_of("https://user:pass@example.com/a.pdf?signature=secret#x")
    assert source.name == "https://example.com/a.pdf"
    assert "secret" not in repr(source)


def test_urls_that_differ_in_their_query_are_two_documents():
    first, second = sources_of(["https://example.com/get?id=1", "https://example.com/get?id=2"])
    assert first.name == second.name
    assert first.key != second.key


def test_names_of_bytes_are_the_same_each_time():
    assert names(PDF) == names(PDF)
    assert names(PDF) != names(pdf_of("Other"))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (Path("absent.pdf"), "absent.pdf cannot be read: No such file"),
        ("absent.pdf", "absent.pdf cannot be read"),
        (b"", "is empty"),
        ("a\0.pdf", "cannot be read: .*embedded null"),
        ("a" * 5000, "cannot be read: File name too long"),
        ("file:///tmp/a.pdf", "not file://. Pass the path"),
        ("s3://bucket/a.pdf?signature=secret", "^s3://bucket/a.pdf cannot be read: .* not s3://"),
        ("data:text/plain;base64,aGk=", "is text already"),
        ("data:application/pdf;base64,A", "not valid base64"),
    ],
)
def test_what_cannot_be_read(content, match):
    (source,) = sources_of(content)
    with pytest.raises(InvalidRequestError, match=match):
        source.read()


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (None, "must be a path, a URL"),
        (3, "must be a path, a URL"),
        ([3], "must be a path, a URL"),
        ([None], "must be a path, a URL"),
        (BytesIO(PDF), "got BytesIO; pass what its read"),
        ([BytesIO(PDF)], "got BytesIO; pass what its read"),
        ("", "empty text"),
        ([PDF, ""], "empty text"),
    ],
)
def test_what_is_no_source(source, match):
    with pytest.raises(InvalidRequestError, match=match):
        names(source)
