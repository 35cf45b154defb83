"""Query engines that split, route, expand or translate a question first."""

from __future__ import annotations

import pytest
from llama_index.core import SQLDatabase, VectorStoreIndex
from llama_index.core.indices.query.query_transform import HyDEQueryTransform
from llama_index.core.query_engine import (
    CitationQueryEngine,
    NLSQLTableQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.selectors import (
    LLMMultiSelector,
    LLMSingleSelector,
    PydanticMultiSelector,
    PydanticSingleSelector,
)
from llama_index.core.tools import QueryEngineTool, ToolMetadata
from sqlalchemy import create_engine, text

BOTH = pytest.mark.parametrize("use_async", [False, True])
SELECTORS = (LLMSingleSelector, LLMMultiSelector, PydanticSingleSelector, PydanticMultiSelector)


@pytest.fixture
def index(documents, embedding):
    return VectorStoreIndex.from_documents(documents, embed_model=embedding)


@pytest.fixture
def tools(documents, llm, embedding):
    return [
        QueryEngineTool.from_defaults(
            VectorStoreIndex.from_documents([document], embed_model=embedding).as_query_engine(
                llm=llm
            ),
            name=document.doc_id,
            description=document.text,
        )
        for document in documents
    ]


@BOTH
async def test_a_question_is_split_and_its_parts_are_put_together(
    llm, tools, chats, mistral_sandbox, use_async
):
    engine = SubQuestionQueryEngine.from_defaults(
        tools,
        llm=llm,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        use_async=use_async,
        verbose=False,
    )
    mistral_sandbox.reply(
        '```json\n{"items": ['
        '{"sub_question": "What does codestral cost?", "tool_name": "codestral"}, '
        '{"sub_question": "What reads charts?", "tool_name": "pixtral"}]}\n```'
    )
    question = "What does codestral cost, and what reads charts?"
    response = await engine.aquery(question) if use_async else engine.query(question)
    parts = {found.node.get_content() for found in response.source_nodes}
    assert any("0.3 dollars" in part for part in parts)
    assert any("Pixtral reads" in part for part in parts)
    assert len(chats()) == 4
    assert str(response)


async def test_the_sandbox_splits_a_question_by_itself(llm, tools):
    question_gen = LLMQuestionGenerator.from_defaults(llm=llm)
    engine = SubQuestionQueryEngine.from_defaults(
        tools, llm=llm, question_gen=question_gen, verbose=False
    )
    response = await engine.aquery("What does codestral cost?")
    assert any("0.3 dollars" in found.node.get_content() for found in response.source_nodes)


@BOTH
@pytest.mark.parametrize("selector", SELECTORS)
async def test_a_choice_is_made_in_text_and_by_a_tool(llm, documents, selector, use_async):
    choices = [ToolMetadata(name=each.doc_id, description=each.text) for each in documents]
    chooser = selector.from_defaults(llm=llm)
    query = "Which one reads images?"
    chosen = await chooser.aselect(choices, query) if use_async else chooser.select(choices, query)
    assert {selection.index for selection in chosen.selections} == {1}
    assert chosen.selections[0].reason


@BOTH
@pytest.mark.parametrize("selector", [LLMSingleSelector, PydanticSingleSelector])
async def test_a_router_asks_the_engine_that_fits(llm, tools, selector, use_async):
    engine = RouterQueryEngine(
        selector=selector.from_defaults(llm=llm), query_engine_tools=tools, llm=llm
    )
    question = "Which model thinks before it answers?"
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert [found.node.ref_doc_id for found in response.source_nodes] == ["magistral"]


@BOTH
@pytest.mark.parametrize("mode", ["reciprocal_rerank", "relative_score", "simple"])
async def test_several_wordings_find_together(llm, index, chats, question, mode, use_async):
    retriever = QueryFusionRetriever(
        [index.as_retriever(similarity_top_k=2)],
        llm=llm,
        mode=mode,
        num_queries=3,
        similarity_top_k=1,
        use_async=use_async,
    )
    found = await retriever.aretrieve(question) if use_async else retriever.retrieve(question)
    assert [each.node.ref_doc_id for each in found] == ["codestral"]
    assert len(chats()) == 1


def test_an_invented_answer_finds_the_real_one(llm, index, bodies, question):
    engine = TransformQueryEngine(
        index.as_query_engine(llm=llm, similarity_top_k=1),
        HyDEQueryTransform(llm=llm, include_original=True),
    )
    response = engine.query(question)
    assert [found.node.ref_doc_id for found in response.source_nodes] == ["codestral"]
    queries = [body["input"] for body in bodies() if "input" in body][-2:]
    assert [question] in queries


@BOTH
async def test_an_answer_cites_its_sources(llm, index, question, use_async):
    engine = CitationQueryEngine.from_args(index, llm=llm, similarity_top_k=2)
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert str(response) == "Codestral completes code. [1]"
    assert response.source_nodes[0].node.text.startswith("Source 1:")


@BOTH
async def test_a_question_becomes_sql_and_its_result_an_answer(llm, embedding, use_async):
    database = create_engine("sqlite://")
    with database.begin() as connection:
        connection.execute(text("create table cities (name text, people integer)"))
        connection.execute(text("insert into cities values ('Lyon', 522), ('Paris', 2103)"))
    engine = NLSQLTableQueryEngine(
        SQLDatabase(database), tables=["cities"], llm=llm, embed_model=embedding
    )
    question = "How many cities are there?"
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert response.metadata["sql_query"].startswith("SELECT COUNT(*) FROM cities")
    assert response.metadata["result"] == [(2,)]
    assert "2" in str(response)
