"""Ingestion pipelines: batches, caches, and what happens if a part fails."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SemanticSplitterNodeParser, SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.vector_stores import SimpleVectorStore

from portkey_mistral.exceptions import (
    APIStatusError,
    InvalidRequestError,
    RateLimitError,
    ResponseFormatError,
)
from portkey_mistral.sandbox import Fault

BOTH = pytest.mark.parametrize("use_async", [False, True])


async def run(pipeline, documents, *, use_async, **kwargs):
    if use_async:
        return list(await pipeline.arun(documents=documents, **kwargs))
    return list(pipeline.run(documents=documents, **kwargs))


def many(count: int, words: int = 3) -> list[Document]:
    filler = "word " * words
    return [Document(text=f"{n} {filler}", doc_id=f"d{n}") for n in range(count)]


def sent(bodies) -> Counter[str]:
    return Counter(text for body in bodies() for text in body["input"])


@BOTH
async def test_every_node_gets_its_own_vector(embedding, documents, use_async):
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(), embedding])
    nodes = await run(pipeline, documents, use_async=use_async)
    assert [node.ref_doc_id for node in nodes] == ["codestral", "pixtral", "magistral"]
    for node in nodes:
        assert node.embedding == embedding.get_text_embedding(node.get_content())


@pytest.mark.parametrize("use_async", [False, pytest.param(True, marks=pytest.mark.full)])
async def test_worker_processes_embed_with_the_same_key(
    embedding, mistral_sandbox, documents, use_async
):
    pipeline = IngestionPipeline(transformations=[embedding])
    nodes = await run(pipeline, documents, use_async=use_async, num_workers=2)
    sent = {exchange.headers["authorization"] for exchange in mistral_sandbox.requests}
    assert [node.id_ for node in nodes] == ["codestral", "pixtral", "magistral"]
    assert sent == {"Bearer sk-the-key-that-nobody-may-see"}
    for node in nodes:
        assert node.embedding == embedding.get_text_embedding(node.get_content())


@BOTH
async def test_a_second_run_sends_no_request(embedding, mistral_sandbox, documents, use_async):
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(), embedding])
    first = await run(pipeline, documents, use_async=use_async)
    before = len(mistral_sandbox.requests)
    second = await run(pipeline, documents, use_async=use_async)
    assert len(mistral_sandbox.requests) == before
    assert [node.embedding for node in second] == [node.embedding for node in first]


@BOTH
async def test_only_what_changed_is_embedded_again(embedding, documents, bodies, use_async):
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(), embedding],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
        vector_store=store,
        disable_cache=True,
    )
    assert len(await run(pipeline, documents, use_async=use_async)) == 3
    assert await run(pipeline, documents, use_async=use_async) == []
    documents[0] = Document(text="Codestral was changed.", doc_id="codestral")
    assert len(await run(pipeline, documents, use_async=use_async)) == 1
    assert [len(body["input"]) for body in bodies()] == [3, 1]
    assert len(store.data.embedding_dict) == 3


@BOTH
@pytest.mark.parametrize("status", [429, 500])
async def test_a_failure_part_way_is_not_paid_twice(
    make_embedding, mistral_sandbox, bodies, tmp_path, use_async, status
):
    documents = many(300, words=400)
    path = str(tmp_path / "vectors.sqlite")

    def pipeline(**fields):
        return IngestionPipeline(transformations=[make_embedding(embed_resume=path, **fields)])

    mistral_sandbox.inject(Fault(status=status, when="200 word"))
    with pytest.raises(APIStatusError):
        await run(pipeline(max_retries=0), documents, use_async=use_async)
    answered = [each for each in mistral_sandbox.requests if each.status == 200]
    kept = sum(len(each.body["input"]) for each in answered)
    assert 0 < kept < len(documents)

    before = len(bodies())
    # A changed timeout changes core's own cache key; the resume store does not mind.
    nodes = await run(pipeline(timeout=60), documents, use_async=use_async)
    again = Counter(text for body in bodies()[before:] for text in body["input"])
    assert sum(again.values()) == len(documents) - kept
    assert [node.id_ for node in nodes] == [f"d{n}" for n in range(300)]
    assert nodes[200].embedding == make_embedding().get_text_embedding(nodes[200].get_content())


@BOTH
async def test_a_busy_server_is_waited_for(make_embedding, mistral_sandbox, use_async):
    mistral_sandbox.fail(429, retry_after=0.01, times=2)
    pipeline = IngestionPipeline(transformations=[make_embedding()])
    nodes = await run(pipeline, many(5), use_async=use_async)
    assert all(node.embedding for node in nodes)
    assert [exchange.status for exchange in mistral_sandbox.requests] == [429, 429, 200]


@BOTH
async def test_many_texts_keep_order_and_both_limits_and_a_ceiling(
    embedding, mistral_sandbox, bodies, use_async
):
    documents = many(4200)
    mistral_sandbox.inject(Fault(delay=0.01), times=None)
    pipeline = IngestionPipeline(transformations=[embedding], disable_cache=True)
    nodes = await run(pipeline, documents, use_async=use_async)
    assert [node.id_ for node in nodes] == [f"d{n}" for n in range(4200)]
    assert set(sent(bodies).values()) == {1}
    assert max(len(body["input"]) for body in bodies()) <= 512
    # Eight requests a batch of core's, of which async ones run four side by side.
    assert 1 < mistral_sandbox.peak_in_flight <= (32 if use_async else 8)
    mistral_sandbox.reset()
    for at in (0, 2047, 2048, 4199):
        assert nodes[at].embedding == embedding.get_text_embedding(nodes[at].get_content())


@pytest.mark.full
async def test_a_hundred_thousand_texts_keep_their_order(make_embedding, mistral_sandbox):
    embedding = make_embedding(model="codestral-embed", output_dimension=64)
    texts = [f"text {n}" for n in range(100_000)]
    vectors = await embedding.aget_text_embedding_batch(texts)
    assert len(vectors) == len(texts)
    assert mistral_sandbox.peak_in_flight <= 32
    for at in range(0, 100_000, 9_999):
        assert vectors[at] == embedding.get_text_embedding(texts[at])


@pytest.mark.parametrize("vectors", ["short", "shuffled"])
@BOTH
async def test_an_answer_in_disorder_is_put_in_order_or_refused(
    embedding, mistral_sandbox, documents, use_async, vectors
):
    mistral_sandbox.inject(Fault(vectors=vectors), times=None)
    pipeline = IngestionPipeline(transformations=[embedding])
    if vectors == "short":
        with pytest.raises(ResponseFormatError):
            await run(pipeline, documents, use_async=use_async)
        return
    nodes = await run(pipeline, documents, use_async=use_async)
    mistral_sandbox.reset()
    assert nodes[0].embedding == embedding.get_text_embedding(nodes[0].get_content())


@pytest.mark.parametrize("num_workers", [None, 2])
@pytest.mark.parametrize("method", ["get_text_embedding_batch", "aget_text_embedding_batch"])
async def test_a_progress_bar_is_shown(make_embedding, ask, capsys, method, num_workers):
    embedding = make_embedding(num_workers=num_workers, embed_batch_size=2)
    (vectors,) = await ask(embedding, method, list("abcde"), show_progress=True)
    assert len(vectors) == 5
    assert re.search(r"Generating embeddings: 100%.* [35]/[35] ", capsys.readouterr().err)


@BOTH
async def test_a_vector_index_is_built_and_searched(embedding, documents, question, use_async):
    index = VectorStoreIndex.from_documents(documents, embed_model=embedding, use_async=use_async)
    retriever = index.as_retriever(similarity_top_k=1)
    (found,) = await retriever.aretrieve(question) if use_async else retriever.retrieve(question)
    assert found.node.ref_doc_id == "codestral"


def test_a_text_is_split_where_its_subject_changes(embedding):
    cats = "The cat sat on the mat. The cat ate the fish on the mat. The mat was under the cat. "
    money = "Revenue grew this quarter. Quarterly revenue grew more. Revenue of the quarter fell."
    splitter = SemanticSplitterNodeParser(
        embed_model=embedding, buffer_size=1, breakpoint_percentile_threshold=70
    )
    first, *rest = splitter.get_nodes_from_documents([Document(text=cats + money)])
    assert "Revenue" not in first.text
    assert "".join(node.text for node in (first, *rest)) == cats + money


def test_two_models_share_a_cache_of_vectors(make_embedding, documents):
    store = SimpleKVStore()
    for fields in ({}, {"model": "codestral-embed", "output_dimension": 128}):
        pipeline = IngestionPipeline(
            transformations=[make_embedding(embeddings_cache=store, **fields)]
        )
        assert {len(node.embedding) for node in pipeline.run(documents=documents)} == {
            fields.get("output_dimension", 1024)
        }


POISON = "poison " * 9000


@BOTH
async def test_a_text_that_cannot_be_embedded_is_named(make_embedding, mistral_sandbox, use_async):
    documents = [*many(5), Document(text=POISON, doc_id="poison"), *many(5)]
    pipeline = IngestionPipeline(transformations=[make_embedding()])
    with pytest.raises((APIStatusError, InvalidRequestError)) as error:
        await run(pipeline, documents, use_async=use_async)
    text = f"{error.value} {getattr(error.value, '__notes__', '')}"
    assert "index 5" in text or "inputs[5]" in text
    mistral_sandbox.reset()  # without exact counts the server refuses it, and that was wanted


async def test_a_permanent_rate_limit_is_an_error(make_embedding, mistral_sandbox):
    mistral_sandbox.fail(429, retry_after=0.01, times=None)
    with pytest.raises(RateLimitError) as error:
        await IngestionPipeline(transformations=[make_embedding()]).arun(documents=many(3))
    assert [attempt.status for attempt in error.value.attempts] == [429] * 3
