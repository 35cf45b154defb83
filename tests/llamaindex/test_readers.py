"""The OCR reader: sync and async, on the sandbox."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from uuid import UUID

import pytest
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from pydantic import BaseModel

from llamaindex_portkey_mistral import (
    PortkeyMistral,
    PortkeyMistralEmbedding,
    PortkeyMistralReader,
)
from pdfs import INVOICE, pdf_of
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError, RateLimitError
from portkey_mistral.sandbox import Sandbox


class Invoice(BaseModel):
    number: int


def load(reader, *args, **kwargs):
    return reader.load_data(*args, **kwargs)


def aload(reader, *args, **kwargs):
    return asyncio.run(reader.aload_data(*args, **kwargs))


@pytest.fixture(params=[load, aload])
def read(request):
    return request.param


def reader(**fields):
    return PortkeyMistralReader(**{"base_url": "sandbox:", "max_retries": 0, **fields})


@pytest.fixture
def folder(tmp_path: Path, mistral_sandbox: Sandbox) -> Path:
    (tmp_path / "a.pdf").write_bytes(INVOICE)
    (tmp_path / "b.pdf").write_bytes(pdf_of("Codestral completes code."))
    return tmp_path


def test_a_document_for_each_page(read, folder):
    documents = read(reader(), folder, extra_info={"team": "search"})
    assert [each.metadata["page_label"] for each in documents] == ["1", "2", "1"]
    again = read(reader(), folder)
    assert [each.id_ for each in documents] == [each.id_ for each in again]
    assert len({UUID(each.id_) for each in documents}) == 3
    assert documents[0].metadata["team"] == "search"
    assert "| pen | 2 |" in documents[0].text


def test_annotations_and_images_are_not_shown_to_models(read, mistral_sandbox):
    wanted = reader(document_annotation=Invoice, include_images=True, split_pages=False)
    (document,) = read(wanted, INVOICE)
    assert document.metadata["document_annotation"] == {"number": 17}
    assert document.metadata["images"][0]["data_url"].startswith("data:image/jpeg")
    for mode in ("embed", "llm"):
        shown = document.get_content(metadata_mode=mode)
        assert "data:image" not in shown
        assert "document_annotation" not in shown


def test_lazily_and_awaited(folder, mistral_sandbox):
    documents = reader(max_concurrency=1).lazy_load_data(folder)
    assert next(iter(documents)).metadata["page"] == 0
    assert len(mistral_sandbox.requests) == 1
    assert len(list(asyncio.run(reader().alazy_load_data(folder)))) == 3


def test_errors_of_one_document(read, folder, mistral_sandbox):
    (folder / "a.pdf").write_bytes(b"")
    with pytest.raises(InvalidRequestError, match="is empty") as caught:
        read(reader(), folder)
    assert "a.pdf" in caught.value.__notes__[-1]
    assert len(read(reader(on_error="skip"), folder)) == 1
    mistral_sandbox.fail(429)
    with pytest.raises(RateLimitError):
        read(reader(), INVOICE)


def test_it_reads_for_a_directory_reader(folder):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/corpus/c.pdf", pdf_of("From another file system."))
    extractor = {".pdf": reader()}
    # Folders for temporary files may be within a hidden one, where the reader would skip all files.
    within = SimpleDirectoryReader(folder, file_extractor=extractor, exclude_hidden=False)
    documents = within.load_data()
    assert [each.metadata["file_name"] for each in documents] == ["a.pdf", "a.pdf", "b.pdf"]
    (document,) = SimpleDirectoryReader("/corpus", file_extractor=extractor, fs=memory).load_data()
    assert document.text == "From another file system."


def test_a_pipeline_recognises_documents_and_an_index_answers(folder):
    embedding = PortkeyMistralEmbedding(base_url="sandbox:")
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(), embedding],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
    )
    nodes = pipeline.run(documents=reader().load_data(folder))
    assert len(nodes) == 3
    assert pipeline.run(documents=reader().load_data(folder)) == []
    index = VectorStoreIndex(nodes, embed_model=embedding)
    engine = index.as_query_engine(llm=PortkeyMistral(base_url="sandbox:"), similarity_top_k=1)
    answer = engine.query("What completes code?")
    assert "Codestral" in str(answer)
    assert answer.source_nodes[0].metadata["source"] == str(folder / "b.pdf")


def test_arguments_are_checked_and_keys_not_shown():
    with pytest.raises(ConfigurationError, match="tables"):
        reader(tables="html")
    keyed = PortkeyMistralReader(api_key="secret-key")
    assert "secret-key" not in repr(keyed) + keyed.to_json()
    assert pickle.loads(pickle.dumps(keyed)).api_key == keyed.api_key
