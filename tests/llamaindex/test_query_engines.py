"""Retrieval: indexes and query engines in every response mode, and chat engines."""

from __future__ import annotations

import pytest
from llama_index.core import Document, Settings, SummaryIndex, VectorStoreIndex
from llama_index.core.response_synthesizers import ResponseMode

DOCUMENTS = [
    Document(
        text="Codestral completes code. It costs 0.3 dollars a million tokens.", doc_id="codestral"
    ),
    Document(text="Pixtral reads images and charts.", doc_id="pixtral"),
    Document(text="Magistral thinks before it answers.", doc_id="magistral"),
]
QUESTION = "Which model completes code?"
ANSWERING = [
    "refine",
    "compact",
    "tree_summarize",
    "simple_summarize",
    "accumulate",
    "compact_accumulate",
]


@pytest.fixture
def index(embedding):
    return VectorStoreIndex.from_documents(DOCUMENTS, embed_model=embedding)


@pytest.mark.parametrize("use_async", [False, True])
@pytest.mark.parametrize("mode", ANSWERING)
async def test_a_question_is_answered_from_the_documents(llm, index, mode, use_async):
    engine = index.as_query_engine(llm=llm, response_mode=mode, similarity_top_k=2)
    response = await engine.aquery(QUESTION) if use_async else engine.query(QUESTION)
    assert response.source_nodes[0].node.ref_doc_id == "codestral"
    assert "Codestral" in str(response)


@pytest.mark.parametrize("mode", [ResponseMode.NO_TEXT, ResponseMode.CONTEXT_ONLY])
def test_modes_without_an_answer_call_no_model(llm, index, mistral_sandbox, monkeypatch, mode):
    monkeypatch.setattr(Settings, "_llm", llm)  # core asks for it here, whatever is passed
    engine = index.as_query_engine(llm=llm, response_mode=mode, similarity_top_k=1)
    before = len(mistral_sandbox.requests)
    response = engine.query(QUESTION)
    assert response.source_nodes[0].node.ref_doc_id == "codestral"
    assert [exchange.path for exchange in mistral_sandbox.requests[before:]] == ["/v1/embeddings"]


@pytest.mark.parametrize("use_async", [False, True])
@pytest.mark.parametrize("mode", ["refine", "compact", "tree_summarize"])
async def test_an_answer_streams(llm, index, mode, use_async):
    engine = index.as_query_engine(
        llm=llm, response_mode=mode, similarity_top_k=1, streaming=True, use_async=use_async
    )
    if use_async:
        response = await engine.aquery(QUESTION)
        pieces = [piece async for piece in response.async_response_gen()]
    else:
        pieces = list(engine.query(QUESTION).response_gen)
    assert "Codestral" in "".join(pieces)
    assert pieces[:-1] == [piece for piece in pieces if piece]


def test_refine_calls_once_per_document(llm, mistral_sandbox):
    engine = SummaryIndex.from_documents(DOCUMENTS).as_query_engine(llm=llm, response_mode="refine")
    engine.query(QUESTION)
    assert len(mistral_sandbox.requests) == 3


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "mode", ["simple", "context", "condense_question", "condense_plus_context", "best"]
)
def test_a_chat_engine_remembers_the_conversation(llm, index, mistral_sandbox, mode, streaming):
    engine = index.as_chat_engine(chat_mode=mode, llm=llm)
    mistral_sandbox.reply("Codestral\ncompletes code.", times=None)
    for question in (QUESTION, "And what does it cost?"):
        if streaming:
            response = engine.stream_chat(question)
            text = "".join(response.response_gen)
        else:
            text = engine.chat(question).response
        assert text == "Codestral\ncompletes code."
    history = engine.chat_history
    assert [message.role.value for message in history] == ["user", "assistant"] * 2
    assert {message.content for message in history[1::2]} == {"Codestral\ncompletes code."}


@pytest.mark.parametrize(
    "mode", ["simple", "context", "condense_question", "condense_plus_context"]
)
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_chat_engine_remembers_async_talks_too(
    llm, index, mistral_sandbox, mode, streaming
):
    engine = index.as_chat_engine(chat_mode=mode, llm=llm)
    mistral_sandbox.reply("Codestral completes code.", times=None)
    for question in (QUESTION, "And what does it cost?"):
        if streaming:
            response = await engine.astream_chat(question)
            text = "".join([piece async for piece in response.async_response_gen()])
        else:
            text = (await engine.achat(question)).response
        assert text == "Codestral completes code."
    assert [message.content for message in engine.chat_history[1::2]] == [text, text]
