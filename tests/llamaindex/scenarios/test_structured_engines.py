"""Query engines whose answers are pydantic objects."""

from __future__ import annotations

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import PydanticResponse
from pydantic import BaseModel


class Finding(BaseModel):
    """What was found."""

    model: str
    sure: bool | None = None


FINDING = Finding(model="codestral", sure=True)
BOTH = pytest.mark.parametrize("use_async", [False, True])


@pytest.fixture
def index(documents, embedding):
    return VectorStoreIndex.from_documents(documents, embed_model=embedding)


@BOTH
@pytest.mark.parametrize("mode", ["compact", "refine", "tree_summarize"])
async def test_an_engine_answers_with_an_object(
    llm, index, mistral_sandbox, question, mode, use_async
):
    engine = index.as_query_engine(
        llm=llm, output_cls=Finding, response_mode=mode, similarity_top_k=1
    )
    mistral_sandbox.reply(FINDING.model_dump_json(), times=None)
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert isinstance(response, PydanticResponse)
    assert response.response == FINDING


@BOTH
async def test_a_structured_llm_answers_in_an_engine(
    llm, index, mistral_sandbox, question, use_async
):
    engine = index.as_query_engine(llm=llm.as_structured_llm(Finding), similarity_top_k=1)
    mistral_sandbox.reply(FINDING.model_dump_json(), times=None)
    response = await engine.aquery(question) if use_async else engine.query(question)
    assert response.response == FINDING
