"""Indexes that use the LLM itself when they are built or queried: summary, keyword and document summary."""

from __future__ import annotations

import pytest
from llama_index.core import DocumentSummaryIndex, KeywordTableIndex, SummaryIndex, TreeIndex
from llama_index.core.indices.document_summary import DocumentSummaryIndexLLMRetriever

from portkey_mistral.sandbox import Fault

BOTH = pytest.mark.parametrize("use_async", [False, True])


async def ask_engine(engine, question, *, use_async):
    return await engine.aquery(question) if use_async else engine.query(question)


def sources(response) -> list[str]:
    return [found.node.ref_doc_id for found in response.source_nodes]


@BOTH
async def test_refine_calls_once_per_document_and_passes_the_answer_on(
    llm, chats, documents, question, use_async
):
    index = SummaryIndex.from_documents(documents)
    engine = index.as_query_engine(llm=llm, response_mode="refine")
    response = await ask_engine(engine, question, use_async=use_async)
    assert "Codestral completes code" in str(response)
    assert len(chats()) == len(documents)
    assert "Codestral completes code" in chats()[-1]["messages"][-1]["content"]


@BOTH
async def test_a_tree_of_summaries_is_one_answer(llm, documents, question, use_async):
    index = SummaryIndex.from_documents(documents)
    engine = index.as_query_engine(llm=llm, response_mode="tree_summarize", use_async=use_async)
    response = await ask_engine(engine, question, use_async=use_async)
    assert "Codestral completes code" in str(response)
    assert len(sources(response)) == len(documents)


async def test_a_tree_is_summarised_side_by_side(make_llm, chats, mistral_sandbox, documents):
    llm = make_llm(context_window=600)  # so small that each document needs a call of its own
    long = [document.model_copy(deep=True) for document in documents]
    for document in long:
        document.set_content(" ".join([document.text] * 12))
    engine = SummaryIndex.from_documents(long).as_query_engine(
        llm=llm, response_mode="tree_summarize", use_async=True
    )
    mistral_sandbox.inject(Fault(delay=0.05), times=None)
    await engine.aquery("What are the models?")
    assert len(chats()) > 2
    assert mistral_sandbox.peak_in_flight > 1


@BOTH
@pytest.mark.parametrize("mode", ["llm", "embedding"])
async def test_a_document_is_found_by_its_summary(
    llm, embedding, documents, question, mode, use_async
):
    index = DocumentSummaryIndex.from_documents(documents, llm=llm, embed_model=embedding)
    assert "Pixtral" in index.get_document_summary("pixtral")
    engine = index.as_query_engine(llm=llm, retriever_mode=mode)
    response = await ask_engine(engine, question, use_async=use_async)
    assert sources(response) == ["codestral"]
    assert "Codestral" in str(response)


def test_the_model_ranks_summaries(llm, embedding, documents):
    index = DocumentSummaryIndex.from_documents(documents, llm=llm, embed_model=embedding)
    retriever = DocumentSummaryIndexLLMRetriever(index, llm=llm, choice_top_k=1)
    (found,) = retriever.retrieve("What reads charts?")
    assert found.node.ref_doc_id == "pixtral"
    assert found.score > 1


@BOTH
async def test_keywords_lead_to_the_document(llm, documents, question, use_async):
    index = KeywordTableIndex.from_documents(documents, llm=llm, use_async=use_async)
    assert {"codestral", "pixtral", "magistral"} <= index.index_struct.table.keys()
    response = await ask_engine(index.as_query_engine(llm=llm), question, use_async=use_async)
    assert sources(response) == ["codestral"]
    assert "Codestral" in str(response)


@BOTH
async def test_a_tree_index_is_walked_down(llm, documents, question, use_async):
    index = TreeIndex.from_documents(documents * 2, llm=llm, num_children=2, use_async=use_async)
    response = await ask_engine(index.as_query_engine(llm=llm), question, use_async=use_async)
    assert "Codestral" in str(response)
