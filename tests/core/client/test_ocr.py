"""OCR through the client: sync and async, its costs, its errors, and bad input."""

from __future__ import annotations

import asyncio
import pickle
from decimal import Decimal

import httpx
import pytest

from pdfs import INVOICE, as_part
from portkey_mistral import (
    BadRequestError,
    Budget,
    BudgetExceededError,
    CapabilityError,
    Client,
    ConfigurationError,
    DocumentPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    OCRRequest,
    ResidencyError,
    ResponseFormat,
    ResponseFormatError,
    TextPart,
)
from portkey_mistral.sandbox import get, reset
from scripted import network

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
FORMAT = ResponseFormat("json_schema", name="invoice", schema=SCHEMA)


@pytest.fixture(autouse=True)
def _fresh_sandboxes():
    reset()


def sync_ocr(client, request):
    return client.ocr(request)


def async_ocr(client, request):
    return asyncio.run(client.aocr(request))


@pytest.fixture(params=[sync_ocr, async_ocr])
def ocr(request):
    return request.param


def client(**fields):
    return Client(**{"base_url": "sandbox:", "max_retries": 0, **fields})


def of(document, **fields):
    return OCRRequest(model="mistral-ocr-latest", document=document, **fields)


INVOICE_PART = as_part(INVOICE)


def test_a_document_is_read(ocr):
    response = ocr(client(), of(INVOICE_PART, table_format="markdown", include_image_base64=True))
    first, second = response.pages
    assert (first.index, second.index) == (0, 1)
    assert first.markdown != first.text
    assert "| pen | 2 |" in first.text
    assert second.text in response.text
    (image,) = first.images
    assert image.data_url is not None
    assert image.box is not None
    assert (first.dimensions.dpi, first.dimensions.width) == (200, 1653)
    assert response.info.mode == "sandbox"
    assert pickle.loads(pickle.dumps(response)) == response


@pytest.mark.parametrize(
    ("fields", "amount"), [({}, "0.008"), ({"document_annotation_format": FORMAT}, "0.01")]
)
def test_pages_and_annotated_pages_have_their_price(ocr, fields, amount):
    response = ocr(client(), of(INVOICE_PART, **fields))
    assert response.usage.pages == 2
    assert response.info.cost.amount == Decimal(amount)
    assert response.annotation == ({"number": 17} if fields else None)


def test_pages_count_against_a_budget(ocr):
    limited = client(budget=Budget(0.01, key=ocr.__name__))
    ocr(limited, of(INVOICE_PART))
    with pytest.raises(BudgetExceededError, match="is spent"):
        ocr(limited, of(INVOICE_PART))


def test_only_what_was_set_is_sent(ocr):
    ocr(client(), of(ImagePart("https://example.com/a.png"), pages=[0]))
    assert get().requests[-1].body == {
        "model": "mistral-ocr-latest",
        "document": {"type": "image_url", "image_url": "https://example.com/a.png"},
        "pages": [0],
    }


def test_refusals_have_mistrals_code(ocr):
    with pytest.raises(BadRequestError, match="Invalid PDF") as caught:
        ocr(client(), of(as_part(b"x")))
    assert caught.value.code == "3740"


@pytest.mark.parametrize(
    ("request_", "error", "match"),
    [
        (of(b"%PDF"), InvalidRequestError, "document has the type bytes"),
        (of(TextPart("x")), InvalidRequestError, "document has the type TextPart"),
        (of(INVOICE_PART, pages=0), InvalidRequestError, "pages must be a list"),
        (of(INVOICE_PART, pages=[0, -1]), InvalidRequestError, "pages: .* count from 0"),
        (of(INVOICE_PART, pages=""), InvalidRequestError, "pages='' is no list of pages"),
        (of(INVOICE_PART, pages="1, 2"), InvalidRequestError, "such as '0-5,7'"),
        (of(INVOICE_PART, pages="0,5-3"), InvalidRequestError, "'5-3' ends before it begins"),
        (of(INVOICE_PART, pages=["1"]), InvalidRequestError, r"pages\[0\] has the type str"),
        (
            of(INVOICE_PART, document_annotation_format=SCHEMA),
            InvalidRequestError,
            "document_annotation_format has the type dict",
        ),
        (
            OCRRequest(model="mistral-small-latest", document=INVOICE_PART),
            CapabilityError,
            "cannot transcribe pages",
        ),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(ocr, request_, error, match):
    with pytest.raises(error, match=match):
        ocr(client(), request_)
    assert get().requests == []


def test_uploaded_files_are_not_regional(ocr):
    with pytest.raises(ResidencyError, match="uploaded files"):
        ocr(Client(api_key="k", data_residency="eu"), of(FilePart("f")))


def test_other_providers_have_no_ocr(ocr):
    config = {"provider": "openai", "api_key": "k"}
    with pytest.raises(ConfigurationError, match="OCR needs a target"):
        ocr(Client(portkey_config=config), of(DocumentPart("https://example.com/a.pdf")))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pages": [{"index": 0}]},
        {"pages": [1]},
        {"pages": [{"markdown": "x", "images": [{"image_annotation": "{"}]}]},
        {"pages": [], "document_annotation": "[1]"},
    ],
)
def test_answers_without_the_form_of_the_api(ocr, body):
    net = network(httpx.Response(200, json=body))
    with pytest.raises(ResponseFormatError):
        ocr(Client(api_key="k", max_retries=0, **net.clients), of(INVOICE_PART))


def test_members_of_the_wrong_type_are_absent(ocr):
    page = {"markdown": "x", "index": "0", "dimensions": [], "images": None, "header": 1}
    body = {"pages": [page], "model": 1, "usage_info": {"pages_processed": "1"}}
    net = network(httpx.Response(200, json=body))
    response = ocr(Client(api_key="k", **net.clients), of(INVOICE_PART))
    assert (response.pages[0].index, response.pages[0].dimensions) == (0, None)
    assert (response.usage, response.info.cost) == (None, None)
