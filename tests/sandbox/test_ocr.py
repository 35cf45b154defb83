"""OCR on the sandbox: what it reads, and what it refuses as Mistral does."""

from __future__ import annotations

import json

import pytest

from mistral_calls import KEY, post
from pdfs import INVOICE, as_url, pdf_of
from portkey_mistral.sandbox import Fault, Sandbox

PATH = "/v1/ocr"
SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
FORMAT = {"type": "json_schema", "json_schema": {"name": "invoice", "schema": SCHEMA}}


@pytest.fixture
def sandbox():
    return Sandbox(clock=lambda: 1_795_392_000)


def ocr(sandbox, url=None, **fields):
    document = {"type": "document_url", "document_url": as_url(INVOICE) if url is None else url}
    return post(sandbox, PATH, {"model": "mistral-ocr-latest", "document": document, **fields})


def pages(answer):
    status, body = answer
    assert status == 200, body
    return body["pages"]


def test_the_shape_of_an_answer(sandbox):
    status, body = ocr(sandbox)
    assert (status, body["model"], body["document_annotation"]) == (200, "mistral-ocr-latest", None)
    assert body["usage_info"] == {"pages_processed": 2, "doc_size_bytes": len(INVOICE)}
    first, second = body["pages"]
    assert first["markdown"].split("\n")[:2] == ["Invoice 17 of 2026-11-30", "| item | price |"]
    assert first["dimensions"] == {"dpi": 200, "height": 2339, "width": 1653}
    (image,) = first["images"]
    assert f"![{image['id']}]({image['id']})" in first["markdown"]
    assert image["image_base64"] is None
    assert (second["index"], second["markdown"]) == (
        1,
        "Total (with taxes): 2.40 €\nPage 2 of 2",
    )


def test_it_is_deterministic():
    assert ocr(Sandbox("one")) == ocr(Sandbox("two"))


def test_parameters(sandbox):
    (first, _) = pages(ocr(sandbox, table_format="html", extract_footer=True, image_limit=0))
    assert first["footer"] == "Page 1 of 2"
    assert first["images"] == []
    assert first["markdown"] == "Invoice 17 of 2026-11-30\n[tbl-0.html](tbl-0.html)"
    assert first["tables"][0]["content"].startswith("<table><tr><td>item</td>")
    (first, _) = pages(ocr(sandbox, include_image_base64=True, bbox_annotation_format=FORMAT))
    assert first["images"][0]["image_base64"].startswith("data:image/jpeg;base64,")
    assert isinstance(json.loads(first["images"][0]["image_annotation"])["number"], int)
    _, body = ocr(sandbox, document_annotation_format=FORMAT)
    assert json.loads(body["document_annotation"]) == {"number": 17}


@pytest.mark.parametrize(("wanted", "found"), [([1], [1]), ("0-5", [0, 1]), ("1,0", [1, 0])])
def test_pages(sandbox, wanted, found):
    assert [page["index"] for page in pages(ocr(sandbox, pages=wanted))] == found


def test_an_error_has_no_address_of_the_process(sandbox):
    status, body = ocr(sandbox, pages=[-1])
    assert status == 422
    assert " at 0x" not in json.dumps(body)


def test_an_image_and_a_document_elsewhere_answer_what_is_scripted(sandbox):
    sandbox.reply("# One\fTwo", times=2)
    image = {"type": "image_url", "image_url": {"url": as_url(b"\x89PNG", "image/png")}}
    assert [p["markdown"] for p in pages(ocr(sandbox, document=image))] == ["# One", "Two"]
    elsewhere = "https://example.com/a.pdf"
    assert [p["markdown"] for p in pages(ocr(sandbox, elsewhere))] == ["# One", "Two"]
    assert "example.com/a.pdf" in pages(ocr(sandbox, elsewhere))[0]["markdown"]


def test_an_uploaded_file(sandbox):
    form = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nocr\r\n--x\r\n'
    form += b'content-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
    form += INVOICE + b"\r\n--x--\r\n"
    headers = {**KEY, "content-type": "multipart/form-data; boundary=x"}
    _, card = post(sandbox, "/v1/files", form, headers)
    document = {"type": "file", "file_id": card["id"]}
    assert len(pages(ocr(sandbox, document=document))) == 2
    unknown = {"type": "file", "file_id": "00000000-0000-0000-0000-000000000000"}
    status, body = ocr(sandbox, document=unknown)
    assert (status, body["code"], body["message"]) == (422, "1901", "Could not get file.")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (as_url(b"no pdf"), "3740"),
        (as_url(INVOICE[: len(INVOICE) // 3]), "3740"),
        (as_url(pdf_of(*["x"] * 1001)), "3730"),
        ("data:application/pdf;base64,%%%", "3310"),
        ("file:///etc/passwd", "3310"),
    ],
    ids=["no PDF", "cut off", "too many pages", "no base64", "no URL"],
)
def test_bad_documents(sandbox, url, code):
    status, body = ocr(sandbox, url)
    assert (status, body["code"]) == (400, code)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"other": 1}, "extra_forbidden"),
        ({"document": {"type": "text", "text": "x"}}, "union_tag_invalid"),
        ({"table_format": "csv"}, "enum"),
        ({"pages": [-1]}, "greater_than_equal"),
        ({"image_limit": "x"}, "int_parsing"),
    ],
)
def test_bad_bodies(sandbox, fields, kind):
    status, body = ocr(sandbox, **fields)
    assert status == 422
    assert kind in {item["type"] for item in body["message"]["detail"]}


def test_models_and_annotation_formats_that_do_not_fit(sandbox):
    assert ocr(sandbox, model="mistral-small-latest")[1]["code"] == "1500"
    assert ocr(sandbox, document_annotation_format={"type": "json_object"})[1]["code"] == "3051"


def test_scripted_faults(sandbox):
    sandbox.inject(Fault(on="/ocr", status=503))
    assert ocr(sandbox)[0] == 503
    assert ocr(sandbox)[0] == 200
