"""Retrieval with the packages that users take: caches, hybrid search, reranking and citations."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import bm25s
import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_classic.retrievers import ContextualCompressionRetriever, EnsembleRetriever
from langchain_classic.retrievers.document_compressors import LLMListwiseRerank
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.stores import InMemoryByteStore
from langchain_core.vectorstores import VectorStore

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralOCRLoader,
)
from portkey_mistral.demo.corpus import passages
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.sandbox import Sandbox

DOCUMENTS = [Document(p.text, metadata={"page": p.page}) for p in passages()]
QUESTION = "What does codestral-2508 cost?"


# The stores are imported where they are used: a second in every process that collects the tests.


def chroma(documents: Sequence[Document], embeddings: Embeddings) -> VectorStore:
    from langchain_chroma import Chroma

    return Chroma.from_documents(list(documents), embeddings, collection_name=f"models-{uuid4()}")


def qdrant(documents: Sequence[Document], embeddings: Embeddings) -> VectorStore:
    from langchain_qdrant import QdrantVectorStore

    return QdrantVectorStore.from_documents(
        list(documents), embeddings, location=":memory:", collection_name="models"
    )


STORES = pytest.mark.parametrize("make_store", [chroma, qdrant])


@pytest.fixture
def url(mistral_sandbox: Sandbox) -> str:
    return f"sandbox:{mistral_sandbox.name}"


@pytest.fixture
def embeddings(url: str) -> CacheBackedEmbeddings:
    embeddings = PortkeyMistralEmbeddings(base_url=url)
    return CacheBackedEmbeddings.from_bytes_store(
        embeddings, InMemoryByteStore(), namespace=embeddings.model, key_encoder="blake2b"
    )


def by_words(documents: Sequence[Document]) -> RunnableLambda[str, list[Document]]:
    index = bm25s.BM25()
    index.index(
        bm25s.tokenize([each.page_content for each in documents], show_progress=False),
        show_progress=False,
    )

    def search(question: str) -> list[Document]:
        tokens = bm25s.tokenize(question, show_progress=False)
        (hits,), _ = index.retrieve(tokens, k=8, show_progress=False)
        return [documents[hit] for hit in hits]

    return RunnableLambda(search)


def pages(documents: Sequence[Document]) -> list[str]:
    return [each.metadata["page"] for each in documents]


@STORES
def test_cached_texts_are_embedded_once(
    make_store: Callable[..., VectorStore],
    embeddings: CacheBackedEmbeddings,
    mistral_sandbox: Sandbox,
) -> None:
    make_store(DOCUMENTS[:100], embeddings)
    sent = [text for request in mistral_sandbox.requests for text in request.body["input"]]
    assert {each.page_content for each in DOCUMENTS[:100]} <= set(sent)
    mistral_sandbox.requests.clear()
    store = make_store(DOCUMENTS[:100], embeddings)
    texts = {text for request in mistral_sandbox.requests for text in request.body["input"]}
    assert not texts & {each.page_content for each in DOCUMENTS}
    (nearest,) = store.similarity_search(DOCUMENTS[7].page_content, k=1)
    assert nearest.page_content == DOCUMENTS[7].page_content


@STORES
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_words_find_the_name_that_vectors_miss_and_the_model_ranks(
    make_store: Callable[..., VectorStore],
    asynchronous: bool,
    embeddings: CacheBackedEmbeddings,
    url: str,
    mistral_sandbox: Sandbox,
) -> None:
    by_meaning = make_store(DOCUMENTS, embeddings).as_retriever(search_kwargs={"k": 8})
    hybrid = EnsembleRetriever(retrievers=[by_meaning, by_words(DOCUMENTS)])
    compressor = LLMListwiseRerank.from_llm(ChatPortkeyMistral(base_url=url), top_n=3)
    reranked = ContextualCompressionRetriever(base_retriever=hybrid, base_compressor=compressor)

    async def search(retriever: Any) -> list[Document]:
        return await retriever.ainvoke(QUESTION) if asynchronous else retriever.invoke(QUESTION)

    assert "codestral-2508.md" not in pages((await search(by_meaning))[:3])
    candidates = await search(hybrid)
    assert pages(candidates)[0] == "codestral-2508.md"
    mistral_sandbox.reply(json.dumps({"ranked_document_ids": [4, 0, 2, 1]}))
    assert await search(reranked) == [candidates[4], candidates[0], candidates[2]]
    prompt = mistral_sandbox.requests[-1].body["messages"][0]["content"]
    assert all(each.page_content in prompt for each in candidates)


@STORES
def test_a_page_read_by_ocr_is_found_among_the_others(
    make_store: Callable[..., VectorStore], embeddings: CacheBackedEmbeddings, url: str
) -> None:
    invoice = make_pdf([["Terms of delivery"], ["Invoice 17", "| item | price |", "Total: 2 EUR"]])
    scanned = PortkeyMistralOCRLoader(invoice, base_url=url).load()
    store = make_store(DOCUMENTS, embeddings)
    store.add_documents(scanned)
    (found,) = store.similarity_search("What is the total of invoice 17?", k=1)
    assert "Total: 2 EUR" in found.page_content
    assert found.metadata["page_label"] == "2"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("ids", [[2, 0], ["2", "0"]], ids=["numbers", "strings"])
def test_references_of_an_answer_lead_to_documents(
    ids: list[Any], streamed: bool, url: str, mistral_sandbox: Sandbox
) -> None:
    results = {number: each.page_content for number, each in enumerate(DOCUMENTS[:3])}
    call = {"name": "search", "args": {"query": QUESTION}, "id": "search001"}
    messages = [
        HumanMessage(QUESTION),
        AIMessage("", tool_calls=[call]),
        ToolMessage(json.dumps(results), tool_call_id="search001"),
    ]
    reference = {"type": "reference", "reference_ids": ids}
    chunks = [{"type": "text", "text": "$0.30"}, reference, {"type": "text", "text": " or less."}]
    mistral_sandbox.reply(chunks)
    model = ChatPortkeyMistral(base_url=url)
    if streamed:
        first, *rest = model.stream(messages)
        answer: AIMessage = sum(rest, first)
    else:
        answer = model.invoke(messages)
    assert answer.text == "$0.30 or less."
    annotations = [note for block in answer.content_blocks for note in block.get("annotations", ())]
    assert [note["extras"]["reference_ids"] for note in annotations] == [ids]
