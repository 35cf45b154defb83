"""The OCR loader: sync and async, on the sandbox."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
from io import BytesIO
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
import pytest
from langchain_core.exceptions import ModelInvalidRequestError, ModelRateLimitError
from pydantic import BaseModel

from langchain_portkey_mistral import PortkeyMistralOCRLoader
from pdfs import INVOICE, pdf_of
from portkey_mistral.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    ResponseFormatError,
)
from portkey_mistral.sandbox import Fault, Sandbox


class Invoice(BaseModel):
    number: int


class Strict(BaseModel):
    number: int
    email: str


def load(loader):
    return loader.load()


def aload(loader):
    return asyncio.run(loader.aload())


@pytest.fixture(params=[load, aload])
def read(request):
    return request.param


def loader(source, **fields):
    return PortkeyMistralOCRLoader(source, **{"base_url": "sandbox:", "max_retries": 0, **fields})


@pytest.fixture
def folder(tmp_path: Path, mistral_sandbox: Sandbox) -> Path:
    for number in range(6):
        (tmp_path / f"{number}.pdf").write_bytes(pdf_of(f"Document {number}", "Second page"))
    return tmp_path


def test_a_document_for_each_page(read, tmp_path, mistral_sandbox):
    file = tmp_path / "invoice.pdf"
    file.write_bytes(INVOICE)
    first, second = read(loader(file))
    assert first.page_content.startswith("Invoice 17")
    assert "| pen | 2 |" in first.page_content
    assert first.metadata == {"source": str(file), "page": 0, "page_label": "1"}
    assert second.metadata["page_label"] == "2"
    assert [UUID(page.id) for page in (first, second)] == [
        uuid5(NAMESPACE_URL, f"{file}#page={number}") for number in (1, 2)
    ]


def test_bytes_of_any_kind(read, mistral_sandbox):
    for source in (INVOICE, bytearray(INVOICE), [memoryview(INVOICE)]):
        assert len(read(loader(source))) == 2


def test_urls_that_differ_in_their_query_have_their_own_ids(read, mistral_sandbox):
    urls = [f"https://example.com/get.pdf?id={number}" for number in (1, 2)]
    pages = read(loader(urls))
    assert len({page.id for page in pages}) == 2
    assert {page.metadata["source"] for page in pages} == {"https://example.com/get.pdf"}


def test_a_document_for_each_file(read, mistral_sandbox):
    (document,) = read(loader(INVOICE, split_pages=False, table_format="html"))
    assert "<td>pen</td>" in document.page_content
    assert "Total" in document.page_content
    assert document.metadata["total_pages"] == 2


def test_images_and_annotations(read, mistral_sandbox):
    fields = {
        "include_images": True,
        "document_annotation": Invoice,
        "document_annotation_prompt": "Find the number.",
        "bbox_annotation": Invoice.model_json_schema(),
        "extract_footer": True,
        "pages": "0",
    }
    (document,) = read(loader(INVOICE, **fields))
    assert document.metadata["document_annotation"] == {"number": 17}
    assert document.metadata["footer"] == "Page 1 of 2"
    (image,) = document.metadata["images"]
    assert image["data_url"].startswith("data:image/jpeg;base64,")
    assert isinstance(image["annotation"]["number"], int)
    assert len(image["box"]) == 4
    body = mistral_sandbox.requests[0].body
    assert body["document_annotation_format"]["json_schema"]["name"] == "Invoice"
    assert body["pages"] == "0"


def test_an_annotation_that_does_not_match_its_class(read):
    body = {"pages": [], "document_annotation": '{"number": "x"}', "model": "m"}
    answers = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    clients = {
        "http_client": httpx.Client(transport=answers),
        "http_async_client": httpx.AsyncClient(transport=answers),
    }
    failing = PortkeyMistralOCRLoader(INVOICE, api_key="k", document_annotation=Strict, **clients)
    with pytest.raises(ResponseFormatError, match="does not match Strict: 2 of its fields"):
        read(failing)


def test_a_folder_in_order(read, folder):
    documents = read(loader(folder, max_concurrency=3))
    assert [each.page_content for each in documents[::2]] == [f"Document {n}" for n in range(6)]


BODY = {"pages": [{"index": 0, "markdown": "x"}], "model": "mistral-ocr-latest"}


def test_documents_are_read_side_by_side(folder):
    together = threading.Barrier(3)

    def respond(_: httpx.Request) -> httpx.Response:
        together.wait()  # passes once three requests are in flight
        return httpx.Response(200, json=BODY)

    client = httpx.Client(transport=httpx.MockTransport(respond))
    fields = {"api_key": "k", "http_client": client, "max_concurrency": 3}
    assert len(PortkeyMistralOCRLoader(folder, **fields).load()) == 6


async def test_documents_are_read_side_by_side_on_an_event_loop(folder):
    together = asyncio.Barrier(3)

    async def respond(_: httpx.Request) -> httpx.Response:
        await together.wait()
        return httpx.Response(200, json=BODY)

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    fields = {"api_key": "k", "http_async_client": client, "max_concurrency": 3}
    assert len(await PortkeyMistralOCRLoader(folder, **fields).aload()) == 6


def test_documents_are_read_as_they_are_consumed(folder, mistral_sandbox):
    documents = loader(folder, max_concurrency=1).lazy_load()
    assert next(documents).page_content == "Document 0"
    documents.close()
    assert len(mistral_sandbox.requests) == 1


async def test_a_consumer_that_stops_cancels_the_rest(folder, mistral_sandbox):
    documents = loader(folder, max_concurrency=2).alazy_load()
    assert (await anext(documents)).page_content == "Document 0"
    await documents.aclose()
    assert len(mistral_sandbox.requests) <= 3
    assert mistral_sandbox.in_flight == 0


def test_each_document_is_retried(read, folder, mistral_sandbox):
    mistral_sandbox.fail(503, retry_after=0, times=3)
    assert len(read(loader(folder, max_retries=3))) == 12


def test_a_failed_document_raises_its_error_and_is_named(read, folder, mistral_sandbox):
    mistral_sandbox.inject(Fault(on="/ocr", status=429), times=None)
    with pytest.raises(ModelRateLimitError) as caught:
        read(loader(folder))
    assert str(folder / "0.pdf") in caught.value.__notes__[-1]


def test_failed_documents_do_not_lose_the_others(read, folder, mistral_sandbox, caplog):
    (folder / "2.pdf").write_bytes(b"")
    (folder / "4.pdf").write_bytes(b"%PDF-1.4 damaged")
    with caplog.at_level(logging.WARNING, "portkey_mistral.ocr_reading"):
        documents = read(loader(folder, on_error="skip"))
    assert [each.page_content[-1] for each in documents[::2]] == list("0135")
    assert ["2.pdf" in caplog.text, "4.pdf" in caplog.text] == [True, True]
    failed = {}
    assert len(read(loader(folder, on_error=failed.__setitem__))) == 8
    assert {Path(name).name for name in failed} == {"2.pdf", "4.pdf"}


def test_nothing_is_sent_of_a_bad_document(read, tmp_path, mistral_sandbox):
    with pytest.raises(InvalidRequestError, match="cannot be read") as caught:
        read(loader(tmp_path / "absent.pdf"))
    assert isinstance(caught.value, ModelInvalidRequestError)
    with pytest.raises(InvalidRequestError, match="has 1001 pages"):
        read(loader(pdf_of(*["x"] * 1001)))
    with pytest.raises(InvalidRequestError, match="no document"):
        read(loader(tmp_path))
    assert mistral_sandbox.requests == []


def test_arguments_are_checked():
    with pytest.raises(ConfigurationError, match="source"):
        PortkeyMistralOCRLoader(base_url="sandbox:")
    for source in (3, BytesIO(INVOICE), [INVOICE, 3], ""):
        with pytest.raises(ConfigurationError, match="A source of documents"):
            loader(source)
    with pytest.raises(ConfigurationError, match="tables"):
        loader(INVOICE, tables="html")
    with pytest.raises(ConfigurationError):
        loader(INVOICE, model_kwargs={"api_key": "secret"})


def test_keys_are_not_shown_and_pickles_work(mistral_sandbox):
    secret = loader("https://u:secret-1@example.com/a.pdf", base_url="sandbox:", api_key="secret-2")
    assert "secret" not in repr(secret)
    copied = pickle.loads(pickle.dumps(secret))
    (document,) = copied.load()
    assert "secret" not in repr(document)
