"""OCR and classification through the real gateway, which passes their paths on: whole documents, faults, every field."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from langchain_portkey_mistral import PortkeyMistralOCRLoader
from langchain_portkey_mistral.errors import BadRequestError as LangChainsBadRequestError
from llamaindex_portkey_mistral import PortkeyMistralReader
from pdfs import INVOICE, as_part, pdf_of
from portkey_mistral import (
    APIError,
    BadRequestError,
    ClassificationRequest,
    Client,
    ConfigurationError,
    InternalServerError,
    Message,
    OCRRequest,
    OCRResponse,
    RateLimitError,
    ResponseFormat,
)
from portkey_mistral.sandbox import Fault, get

pytestmark = pytest.mark.gateway

MODEL = "mistral-ocr-latest"
PAGES = [f"This is page {number}." for number in range(3)]
DOCUMENT = as_part(pdf_of(*PAGES))
SCHEMA = ResponseFormat(
    "json_schema",
    name="invoice",
    schema={
        "type": "object",
        "properties": {"number": {"type": "string"}},
        "required": ["number"],
        "additionalProperties": False,
    },
    strict=True,
)


def sync_ocr(client: Client, request: OCRRequest) -> OCRResponse:
    return client.ocr(request)


def async_ocr(client: Client, request: OCRRequest) -> OCRResponse:
    return asyncio.run(client.aocr(request))


@pytest.fixture(params=[sync_ocr, async_ocr], ids=["sync", "async"])
def ocr(request: pytest.FixtureRequest) -> Callable[[Client, OCRRequest], OCRResponse]:
    return request.param


@pytest.fixture
def through(portkey_gateway_url: str) -> Callable[..., Client]:
    def make(config: Any, **fields: Any) -> Client:
        connection = {"gateway_url": portkey_gateway_url, "portkey_config": config}
        return Client(**connection, **{"max_retries": 0, **fields})

    return make


def request_of(document: Any = DOCUMENT, **fields: Any) -> OCRRequest:
    return OCRRequest(model=MODEL, document=document, **fields)


def markdown(response: OCRResponse) -> list[str]:
    return [page.markdown for page in response.pages]


def test_a_document_is_read(ocr, through, target) -> None:
    response = ocr(through(target()), request_of())
    assert markdown(response) == PAGES
    assert (response.info.mode, response.info.lane) == ("gateway", "proxy")
    assert response.usage is not None
    assert response.usage.pages == 3


def test_every_field_reaches_the_target(ocr, through, target, mistral_sandbox) -> None:
    fields = {
        "pages": [0, 1],
        "include_image_base64": True,
        "image_limit": 3,
        "image_min_size": 1,
        "bbox_annotation_format": SCHEMA,
        "document_annotation_format": SCHEMA,
        "document_annotation_prompt": "Read the number.",
        "table_format": "html",
        "extract_header": True,
        "extract_footer": True,
        "include_blocks": True,
        "confidence_scores_granularity": "page",
    }
    known = {field.name for field in dataclasses.fields(OCRRequest)}
    assert known - {"model", "document", "extra"} == set(fields)
    request = request_of(as_part(INVOICE), **fields)
    direct = ocr(Client(base_url="sandbox:direct"), request)
    response = ocr(through(target()), request)
    sent = [get(name).requests[-1].body for name in ("direct", "default")]
    assert sent[0] == sent[1]
    assert set(fields) < set(sent[1])
    assert dataclasses.replace(response, info=direct.info) == direct
    assert response.pages[0].images[0].data_url is not None


def test_a_large_document_passes(ocr, through, target) -> None:
    """The body is some 16 MB, as base64."""
    padded = pdf_of(*PAGES) + b"\n%" + b"x" * (12 * 2**20) + b"\n"
    # The gateway may choose an idle connection that the target has just closed, and answers 500 then.
    retried = target(retry={"attempts": 2, "on_status_codes": [500]})
    assert markdown(ocr(through(retried), request_of(as_part(padded)))) == PAGES


def test_the_config_is_run(ocr, through, target, mistral_sandbox) -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            target("down", retry={"attempts": 1, "on_status_codes": [503]}),
            target("up", override_params={"pages": [1]}),
        ],
    }
    get("down").fail(503, times=None)
    response = ocr(through(config), request_of())
    assert markdown(response) == [PAGES[1]]
    assert len(get("down").requests) == 2
    assert response.info.option_path == "config.targets[1]"


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, BadRequestError), (429, RateLimitError), (500, InternalServerError)],
)
def test_an_error_of_the_target_is_its_own(
    ocr, through, target, mistral_sandbox, status, error
) -> None:
    get().fail(status)
    with pytest.raises(error) as caught:
        ocr(through(target()), request_of())
    assert caught.value.status_code == status


def test_a_document_that_cannot_be_read(ocr, through, target) -> None:
    broken = as_part(b"%PDF-1.4 nothing")
    with pytest.raises(BadRequestError) as direct:
        ocr(Client(base_url="sandbox:"), request_of(broken))
    with pytest.raises(BadRequestError) as caught:
        ocr(through(target()), request_of(broken))
    assert caught.value.message.split(". ")[0] == direct.value.message.split(". ")[0]


def test_a_response_that_is_cut_is_an_error(ocr, through, target, mistral_sandbox) -> None:
    get().inject(Fault(cut_bytes=40))
    with pytest.raises(APIError):  # the gateway waits for the rest: only a timeout ends that
        ocr(through(target(), timeout=2.0), request_of())


def test_a_config_with_guardrails_is_refused(ocr, through, target) -> None:
    guarded = target(input_guardrails=[{"default.contains": {"operator": "none", "words": ["x"]}}])
    with pytest.raises(ConfigurationError, match="do not run for OCR"):
        ocr(through(guarded), request_of())
    assert markdown(ocr(through(guarded, gateway_lane="proxy"), request_of())) == PAGES


async def test_the_loaders_of_both_frameworks(portkey_gateway_url, target, tmp_path) -> None:
    for number, page in enumerate(PAGES):
        (tmp_path / f"{number}.pdf").write_bytes(pdf_of(page))
    connection = {"gateway_url": portkey_gateway_url, "portkey_config": target()}
    loader = PortkeyMistralOCRLoader(source=tmp_path, **connection)
    reader = PortkeyMistralReader(**connection)
    for documents in (loader.load(), await loader.aload()):
        assert [document.page_content for document in documents] == PAGES
    for nodes in (reader.load_data(tmp_path), await reader.aload_data(tmp_path)):
        assert [node.text for node in nodes] == PAGES
    (tmp_path / "0.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(LangChainsBadRequestError):
        loader.load()


def test_classification(through, target, mistral_sandbox) -> None:
    get().add_classifier("ft:mood", {"mood": {"glad": ["thanks"], "angry": ["refund"]}})
    client = through(target())
    texts = ClassificationRequest(model="ft:mood", inputs=["thanks", "refund"])
    chat = ClassificationRequest(model="ft:mood", messages=[Message.user("thanks")])
    for request in (texts, chat):
        expected = Client(base_url="sandbox:").classify(request)
        for response in (client.classify(request), asyncio.run(client.aclassify(request))):
            assert response.results == expected.results
    assert re.search(r"classifications$", get().requests[-1].path)
