"""Evaluators, over HTTP."""

from __future__ import annotations

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.evaluation import (
    BatchEvalRunner,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    PairwiseComparisonEvaluator,
    RelevancyEvaluator,
    RetrieverEvaluator,
    SemanticSimilarityEvaluator,
)

from portkey_mistral.sandbox import Fault

JUDGES = (FaithfulnessEvaluator, RelevancyEvaluator)


@pytest.fixture
def response(documents, question, llm, embedding):
    index = VectorStoreIndex.from_documents(documents, embed_model=embedding)
    return index.as_query_engine(llm=llm, similarity_top_k=1).query(question)


@pytest.mark.parametrize("use_async", [False, True])
@pytest.mark.parametrize("judge", JUDGES)
async def test_an_answer_from_the_context_passes(llm, response, question, judge, use_async):
    evaluator = judge(llm=llm)
    if use_async:
        result = await evaluator.aevaluate_response(query=question, response=response)
    else:
        result = evaluator.evaluate_response(query=question, response=response)
    assert (result.passing, result.score) == (True, 1.0)


@pytest.mark.parametrize("judge", JUDGES)
async def test_an_invented_answer_fails(llm, question, judge):
    result = await judge(llm=llm).aevaluate(
        query=question, response="A purple giraffe.", contexts=["Codestral completes code."]
    )
    assert (result.passing, result.score) == (False, 0.0)


async def test_a_score_and_its_reason_are_read(llm, mistral_sandbox, question):
    mistral_sandbox.reply("4.5\nNearly all of it.")
    result = await CorrectnessEvaluator(llm=llm).aevaluate(
        query=question, response="Codestral", reference="Codestral completes code."
    )
    assert (result.score, result.feedback, result.passing) == (4.5, "Nearly all of it.", True)


async def test_a_pair_is_judged_both_ways_round(llm, mistral_sandbox, bodies, question):
    mistral_sandbox.reply("The first is better. [[A]]")
    mistral_sandbox.reply("The second is better. [[B]]")
    result = await PairwiseComparisonEvaluator(llm=llm).aevaluate(
        query=question, response="Codestral.", second_response="I do not know."
    )
    assert (result.passing, result.score) == (True, 1.0)
    first, second = (body["messages"][-1]["content"] for body in bodies())
    assert first.index("Codestral.") < first.index("I do not know.")
    assert second.index("I do not know.") < second.index("Codestral.")


async def test_likeness_is_judged_by_vectors(embedding):
    judge = SemanticSimilarityEvaluator(embed_model=embedding)
    near = await judge.aevaluate(response="Codestral completes code.", reference="codestral code")
    far = await judge.aevaluate(response="Codestral completes code.", reference="a purple giraffe")
    assert near.score > far.score


@pytest.mark.filterwarnings("ignore:asyncio_module:DeprecationWarning")  # core's own
async def test_many_answers_are_judged_a_few_at_a_time(llm, mistral_sandbox, response, question):
    runner = BatchEvalRunner({judge.__name__: judge(llm=llm) for judge in JUDGES}, workers=3)
    mistral_sandbox.inject(Fault(delay=0.02), times=None)
    results = await runner.aevaluate_responses(queries=[question] * 4, responses=[response] * 4)
    assert {name: [each.passing for each in found] for name, found in results.items()} == {
        judge.__name__: [True] * 4 for judge in JUDGES
    }
    assert 1 < mistral_sandbox.peak_in_flight <= 3


async def test_a_retriever_is_judged(documents, embedding, question):
    index = VectorStoreIndex.from_documents(documents, embed_model=embedding)
    node_id = index.as_retriever(similarity_top_k=1).retrieve(question)[0].node.node_id
    judge = RetrieverEvaluator.from_metric_names(
        ["mrr", "hit_rate"], retriever=index.as_retriever(similarity_top_k=2)
    )
    result = await judge.aevaluate(query=question, expected_ids=[node_id])
    assert result.metric_vals_dict == {"mrr": 1.0, "hit_rate": 1.0}
