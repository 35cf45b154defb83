"""Retrieval with the packages that users take: caches, hybrid search, reranking and citations."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage, CitationBlock, ToolCallBlock
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.retrievers.bm25 import BM25Retriever

from llamaindex_portkey_mistral import PortkeyMistralReader
from portkey_mistral.demo.corpus import passages
from portkey_mistral.demo.pdf import make_pdf

NODES = [TextNode(text=p.text, metadata={"page": p.page}) for p in passages()]
QUESTION = "What does codestral-2508 cost?"

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


# The stores are imported where they are used: half a second in every process that collects the tests.


def chroma():
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.EphemeralClient()
    collection = client.create_collection(f"models-{uuid4()}", embedding_function=None)
    return ChromaVectorStore(chroma_collection=collection)


def qdrant():
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    return QdrantVectorStore("models", client=QdrantClient(":memory:"))


STORES = pytest.mark.parametrize("make_store", [chroma, qdrant])


@pytest.fixture
def embedding(make_embedding):
    return make_embedding(embeddings_cache=SimpleKVStore())


def index_of(nodes, store, embedding) -> VectorStoreIndex:
    storage = StorageContext.from_defaults(vector_store=store)
    return VectorStoreIndex(nodes, storage_context=storage, embed_model=embedding)


def pages(hits) -> list[str]:
    return [hit.metadata["page"] for hit in hits]


@STORES
def test_cached_texts_are_embedded_once(make_store, embedding, mistral_sandbox):
    index_of(NODES[:100], make_store(), embedding)
    assert mistral_sandbox.requests
    mistral_sandbox.requests.clear()
    index = index_of(NODES[:100], make_store(), embedding)
    assert mistral_sandbox.requests == []
    hits = index.as_retriever(similarity_top_k=1).retrieve(NODES[7].text)
    assert pages(hits) == [NODES[7].metadata["page"]]


@STORES
def test_words_find_the_name_that_vectors_miss_and_the_model_ranks(
    make_store, embedding, make_llm, mistral_sandbox
):
    by_meaning = index_of(NODES, make_store(), embedding).as_retriever(similarity_top_k=8)
    by_words = BM25Retriever.from_defaults(nodes=NODES, similarity_top_k=8)
    llm = make_llm()
    hybrid = QueryFusionRetriever(
        [by_meaning, by_words],
        llm=llm, num_queries=1, mode="reciprocal_rerank", similarity_top_k=8,
        use_async=False,  # Qdrant's local mode has one client, sync or async
    )  # fmt: skip
    assert pages(by_meaning.retrieve(QUESTION))[0] != "codestral-2508.md"
    candidates = hybrid.retrieve(QUESTION)
    assert pages(candidates)[:2] == ["codestral-2508.md"] * 2
    mistral_sandbox.reply("Doc: 5, Relevance: 9\nDoc: 1, Relevance: 7\nDoc: 3, Relevance: 2")
    ranked = LLMRerank(llm=llm, top_n=2).postprocess_nodes(candidates, query_str=QUESTION)
    assert [hit.node_id for hit in ranked] == [candidates[4].node_id, candidates[0].node_id]
    assert [hit.score for hit in ranked] == [9.0, 7.0]


async def async_chroma(embedding) -> VectorStoreIndex:
    return index_of(NODES, chroma(), embedding)


async def async_qdrant(embedding) -> VectorStoreIndex:
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import AsyncQdrantClient

    # Qdrant's local mode has one client, sync or async.
    store = QdrantVectorStore("models", aclient=AsyncQdrantClient(":memory:"))
    await store.async_add(await embedding.acall(NODES))
    return VectorStoreIndex.from_vector_store(store, embed_model=embedding)


@pytest.mark.parametrize("make_index", [async_chroma, async_qdrant])
async def test_hybrid_search_and_reranking_on_an_event_loop(
    make_index, embedding, make_llm, mistral_sandbox
):
    by_meaning = (await make_index(embedding)).as_retriever(similarity_top_k=8)
    by_words = BM25Retriever.from_defaults(nodes=NODES, similarity_top_k=8)
    llm = make_llm()
    hybrid = QueryFusionRetriever(
        [by_meaning, by_words], llm=llm, num_queries=1, mode="reciprocal_rerank", similarity_top_k=8
    )
    candidates = await hybrid.aretrieve(QUESTION)
    assert pages(candidates)[:2] == ["codestral-2508.md"] * 2
    mistral_sandbox.requests.clear()
    mistral_sandbox.reply("Doc: 5, Relevance: 9\nDoc: 1, Relevance: 7\nDoc: 3, Relevance: 2")
    ranked = await LLMRerank(llm=llm, top_n=2).apostprocess_nodes(candidates, query_str=QUESTION)
    assert [hit.node_id for hit in ranked] == [candidates[4].node_id, candidates[0].node_id]
    (sent,) = mistral_sandbox.requests
    assert sent.path == "/v1/chat/completions"


async def test_further_queries_of_the_model_are_searched_side_by_side(
    embedding, make_llm, mistral_sandbox
):
    by_meaning = index_of(NODES, chroma(), embedding).as_retriever(similarity_top_k=4)
    mistral_sandbox.reply("price of Codestral\nwhat is codestral-2508")
    hybrid = QueryFusionRetriever(
        [by_meaning, BM25Retriever.from_defaults(nodes=NODES, similarity_top_k=4)],
        llm=make_llm(), num_queries=3, mode="reciprocal_rerank", similarity_top_k=4,
    )  # fmt: skip
    mistral_sandbox.requests.clear()
    found = await hybrid.aretrieve(QUESTION)
    assert "codestral-2508.md" in pages(found)
    paths = [each.path for each in mistral_sandbox.requests]
    assert paths == ["/v1/chat/completions"] + ["/v1/embeddings"] * 3


@STORES
def test_a_page_read_by_ocr_is_found_among_the_others(make_store, embedding):
    invoice = make_pdf([["Terms of delivery"], ["Invoice 17", "| item | price |", "Total: 2 EUR"]])
    scanned = PortkeyMistralReader(base_url="sandbox:").load_data(invoice)
    index = index_of([*NODES, *scanned], make_store(), embedding)
    question = "What is the total of invoice 17?"
    (found,) = index.as_retriever(similarity_top_k=1).retrieve(question)
    assert "Total: 2 EUR" in found.text
    assert found.metadata["page_label"] == "2"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("ids", [[2, 0], ["2", "0"]], ids=["numbers", "strings"])
def test_references_of_an_answer_lead_to_nodes(ids, streamed, make_llm, mistral_sandbox):
    call = ToolCallBlock(
        tool_call_id="search001", tool_name="search", tool_kwargs={"query": QUESTION}
    )
    results = {number: node.text for number, node in enumerate(NODES[:3])}
    tool = {"tool_call_id": "search001", "name": "search"}
    messages = [
        ChatMessage(QUESTION),
        ChatMessage(role="assistant", blocks=[call]),
        ChatMessage(json.dumps(results), role="tool", additional_kwargs=tool),
    ]
    reference = {"type": "reference", "reference_ids": ids}
    chunks = [{"type": "text", "text": "$0.30"}, reference, {"type": "text", "text": " or less."}]
    mistral_sandbox.reply(chunks)
    llm = make_llm()
    *_, response = llm.stream_chat(messages) if streamed else [llm.chat(messages)]
    assert response.message.content == "$0.30 or less."
    cited = [each.source for each in response.message.blocks if isinstance(each, CitationBlock)]
    assert cited == ["2", "0"]
