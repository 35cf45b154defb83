"""Rerankers, metadata extractors and property graphs, by text and by tools."""

from __future__ import annotations

from typing import Literal

import pytest
from llama_index.core import PropertyGraphIndex
from llama_index.core.extractors import (
    KeywordExtractor,
    PydanticProgramExtractor,
    QuestionsAnsweredExtractor,
    SummaryExtractor,
    TitleExtractor,
)
from llama_index.core.indices.property_graph import (
    DynamicLLMPathExtractor,
    SchemaLLMPathExtractor,
    SimpleLLMPathExtractor,
)
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.postprocessor.rankGPT_rerank import RankGPTRerank
from llama_index.core.postprocessor.structured_llm_rerank import StructuredLLMRerank
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import BaseModel

from portkey_mistral.sandbox import Call

RERANKERS = (LLMRerank, StructuredLLMRerank, RankGPTRerank)


@pytest.mark.parametrize("reranker", RERANKERS)
async def test_the_nearest_comes_first(llm, documents, question, reranker):
    nodes = [NodeWithScore(node=TextNode(text=each.text)) for each in reversed(documents)]
    ranked = reranker(llm=llm, top_n=1).postprocess_nodes(nodes, QueryBundle(question))
    assert [found.node.text for found in ranked] == [documents[0].text]


@pytest.mark.parametrize("reranker", [LLMRerank, StructuredLLMRerank])
def test_every_batch_is_ranked(llm, chats, documents, question, reranker):
    nodes = [NodeWithScore(node=TextNode(text=each.text)) for each in reversed(documents)]
    ranker = reranker(llm=llm, top_n=2, choice_batch_size=1)
    ranked = ranker.postprocess_nodes(nodes, QueryBundle(question))
    assert ranked[0].node.text == documents[0].text
    assert len(chats()) == len(documents)


@pytest.mark.parametrize("use_async", [False, True])
async def test_metadata_is_extracted_side_by_side(llm, documents, use_async):
    pipeline = IngestionPipeline(
        transformations=[
            TokenTextSplitter(),
            TitleExtractor(llm=llm, nodes=1, show_progress=False),
            KeywordExtractor(llm=llm, keywords=3, show_progress=False),
            SummaryExtractor(llm=llm, summaries=["self"], show_progress=False),
            QuestionsAnsweredExtractor(llm=llm, questions=2, show_progress=False),
        ]
    )
    run = pipeline.arun(documents=documents) if use_async else None
    nodes = await run if run else pipeline.run(documents=documents)
    assert [node.ref_doc_id for node in nodes] == ["codestral", "pixtral", "magistral"]
    for node in nodes:
        assert node.ref_doc_id.capitalize() in node.metadata["document_title"]
        assert node.ref_doc_id in node.metadata["excerpt_keywords"]
        assert node.metadata["section_summary"]
        assert len(node.metadata["questions_this_excerpt_can_answer"].splitlines()) == 2


class Model(BaseModel):
    name: str


async def test_a_class_is_extracted_by_a_program(llm, mistral_sandbox, bodies):
    mistral_sandbox.reply("", calls=[Call("Model", '{"name": "Codestral"}')])
    program = FunctionCallingProgram.from_defaults(
        Model, prompt_template_str="Read: {input}", llm=llm
    )
    extractor = PydanticProgramExtractor(program=program, input_key="input", show_progress=False)
    (found,) = await extractor.aextract([TextNode(text="Codestral completes code.")])
    assert found == {"name": "Codestral"}
    assert bodies()[0]["tool_choice"] == "any"


def triplets(index) -> set[tuple[str, str, str]]:
    store = index.property_graph_store
    names = [node.id for node in store.get()]
    return {(a.id, relation.label, b.id) for a, relation, b in store.get_triplets(names)}


def graph(documents, llm, embedding, extractor) -> PropertyGraphIndex:
    return PropertyGraphIndex.from_documents(
        documents, llm=llm, embed_model=embedding, kg_extractors=[extractor], show_progress=False
    )


def test_a_graph_grows_from_written_triplets(llm, embedding, documents, question):
    index = graph(documents, llm, embedding, SimpleLLMPathExtractor(llm=llm))
    assert ("Pixtral", "Reads", "Images and charts") in triplets(index)
    assert "Codestral" in str(index.as_query_engine(llm=llm).query(question))


def test_a_graph_grows_by_a_schema(llm, embedding, documents, mistral_sandbox, bodies):
    extractor = SchemaLLMPathExtractor(
        llm=llm,
        possible_entities=Literal["MODEL", "THING"],
        possible_relations=Literal["READS"],
        kg_validation_schema=[("MODEL", "READS", "THING")],
        strict=True,
    )
    mistral_sandbox.reply(
        '{"triplets": [{"subject": {"type": "MODEL", "name": "Pixtral"}, '
        '"relation": {"type": "READS"}, "object": {"type": "THING", "name": "charts"}}]}'
    )
    index = graph(documents[1:2], llm, embedding, extractor)
    assert ("Pixtral", "READS", "charts") in triplets(index)
    schema = bodies()[0]["response_format"]["json_schema"]["schema"]
    assert schema["$defs"]["Triplet"]["additionalProperties"] is False


def test_the_sandbox_keeps_to_a_graphs_schema_with_its_enums(llm, documents):
    extractor = SchemaLLMPathExtractor(
        llm=llm,
        possible_entities=Literal["MODEL", "THING"],
        possible_relations=Literal["READS", "COMPLETES"],
    )
    prompt = PromptTemplate("{text}")
    found = llm.structured_predict(extractor.kg_schema_cls, prompt, text=documents[1].text)
    assert {triplet.relation.type for triplet in found.triplets} <= {"READS", "COMPLETES"}
    assert "Pixtral" in {triplet.subject.name for triplet in found.triplets}


def test_a_graph_may_find_its_own_schema(llm, embedding, documents, mistral_sandbox):
    mistral_sandbox.reply(
        '[{"head": "Pixtral", "head_type": "MODEL", "relation": "READS", '
        '"tail": "charts", "tail_type": "THING"}]'
    )
    index = graph(documents[1:2], llm, embedding, DynamicLLMPathExtractor(llm=llm))
    assert ("Pixtral", "READS", "charts") in triplets(index)
