"""Batch jobs of LlamaIndex: what `chat` and `structured_predict` would give, and nodes with their vectors."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import ChatMessage
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from llamaindex_portkey_mistral import (
    PortkeyMistral,
    PortkeyMistralBatchEmbedding,
    PortkeyMistralEmbedding,
    StructuredOutputError,
)
from portkey_mistral import (
    Budget,
    BudgetExceededError,
    InternalServerError,
    InvalidRequestError,
)
from portkey_mistral.sandbox import Fault, get


class City(BaseModel):
    """A city."""

    name: str


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def sandbox():
    sandbox = get("li-batches")
    sandbox.reset()
    yield sandbox
    sandbox.reset()


@pytest.fixture
def llm(sandbox):
    return PortkeyMistral(base_url=f"sandbox:{sandbox.name}")


def plain(response):
    return response.message.content, response.raw["choices"], response.raw["usage"]


@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [
        ("Say exactly: one", {}),
        (ChatMessage("Say exactly: one"), {}),
        ([ChatMessage("Say exactly: one"), ChatMessage("Bye", role="assistant"), ChatMessage("Hi")], {}),
        ("Say exactly: one two three four", {"max_tokens": 2}),
    ],
)  # fmt: skip
def test_a_batch_gives_what_chat_gives(llm, prompt, arguments):
    messages = (
        prompt
        if isinstance(prompt, list)
        else [ChatMessage(str(getattr(prompt, "content", prompt)))]
    )
    expected = plain(llm.chat(messages, **arguments))
    job = llm.batch_job([prompt, prompt], name="n", **arguments)
    job.wait_until_done(poll=0.001)
    assert [plain(each) for each in job.results()] == [expected] * 2
    assert [plain(each) for each in llm.resume_batch_job("n").results()] == [expected] * 2


def test_tools_and_classes(llm):
    tool = FunctionTool.from_defaults(add)
    (response,) = llm.batch_job(["What is 2 + 3?"], tools=[tool]).results()
    (call,) = llm.get_tool_calls_from_response(response)
    assert call.tool_name == "add"
    job = llm.batch_job(["The city is Lyon."], output_cls=City)
    assert [type(city) for city in job.results()] == [City]
    assert [type(city) for city in llm.resume_batch_job(job.id, output_cls=City).results()] == [
        City
    ]


def test_each_prompt_has_its_own_error(llm, sandbox):
    sandbox.inject(Fault(on="/chat/completions", when="exactly: two", status=500))
    prompts = [f"Say exactly: {word}" for word in ("one", "two")]
    job = llm.batch_job(prompts)
    one, two = job.results()
    assert one.message.content == "one"
    assert isinstance(two, InternalServerError)
    again = llm.resume_batch_job(job.id).retry_failed(prompts)
    assert again.positions == (1,)
    assert [each.message.content for each in again.results()] == ["two"]
    sandbox.reply("prose")
    (error,) = llm.batch_job(["The city is Lyon."], output_cls=City).results()
    assert isinstance(error, StructuredOutputError)


async def test_the_async_twins(llm):
    job = await llm.abatch_job(["Say exactly: one"])
    async with asyncio.timeout(60):
        await job.await_until_done(poll=0.001)
    assert [each.message.content async for each in job.aresults()] == ["one"]
    again = await llm.aresume_batch_job(job.id)
    assert [each.message.content async for each in again.aresults()] == ["one"]
    assert await again.aretry_failed(["Say exactly: one"]) is None


def test_what_cannot_be_sent_is_refused(llm):
    with pytest.raises(InvalidRequestError, match="nonsense"):
        llm.batch_job(["hi"], nonsense=1)
    with pytest.raises(InvalidRequestError, match="at least one"):
        llm.batch_job([])
    with pytest.raises(InvalidRequestError, match="must be a list of inputs"):
        llm.batch_job("hi")
    for prompt, found in (
        (1, "int"),
        (None, "NoneType"),
        (b"hi", "bytes"),
        ({"role": "user", "content": "hi"}, "dict"),
        ([{"role": "user", "content": "hi"}], "a list with dict"),
        (("user", "hi"), "a list with str"),
    ):
        with pytest.raises(InvalidRequestError, match=f"list of ChatMessage, got {found}") as error:
            llm.batch_job(["hi", prompt])
        assert "The input is inputs[1]." in error.value.__notes__
    text_mode = llm.model_copy(update={"pydantic_program_mode": PydanticProgramMode.LLM})
    with pytest.raises(InvalidRequestError, match="output_cls"):
        text_mode.batch_job(["hi"], output_cls=City)


def nodes_of(embedding):
    splitter = SentenceSplitter(chunk_size=20, chunk_overlap=0)
    pipeline = IngestionPipeline(transformations=[splitter, embedding], disable_cache=True)
    documents = [Document(text=f"Document {at} has a text. " * 5, id_=str(at)) for at in range(3)]
    return pipeline, documents


async def test_a_pipeline_embeds_its_nodes_by_a_batch(sandbox):
    embedding = PortkeyMistralEmbedding(base_url=f"sandbox:{sandbox.name}")
    pipeline, documents = nodes_of(embedding)
    expected = [node.embedding for node in pipeline.run(documents=documents)]
    seen = []
    batch = PortkeyMistralBatchEmbedding(
        embed_model=embedding, poll=0.001, name="index", show_progress=seen.append
    )
    pipeline, documents = nodes_of(batch)
    assert [node.embedding for node in pipeline.run(documents=documents)] == expected
    assert [node.embedding for node in await pipeline.arun(documents=documents)] == expected
    assert seen[-1].is_finished
    jobs = [
        each for each in sandbox.requests if (each.method, each.path) == ("POST", "/v1/batch/jobs")
    ]
    assert len(jobs) == 1  # the second run found the job of the first
    assert batch([]) == []


async def test_no_node_is_given_a_vector_unless_all_are(sandbox):
    sandbox.inject(Fault(on="/embeddings", status=500))
    embedding = PortkeyMistralEmbedding(base_url=f"sandbox:{sandbox.name}")
    nodes = [Document(text="one"), Document(text="two")]
    with pytest.raises(InternalServerError):
        PortkeyMistralBatchEmbedding(embed_model=embedding, poll=0.001)(nodes)
    assert [node.embedding for node in nodes] == [None, None]


async def test_texts_are_embedded_in_a_batch(sandbox):
    embedding = PortkeyMistralEmbedding(base_url=f"sandbox:{sandbox.name}")
    expected = embedding.get_text_embedding_batch(["one", "two"])
    assert list(embedding.embed_job(["one", "two"], name="e").vectors()) == expected
    job = await embedding.aembed_job(iter(["one", "two"]), name="e")
    assert [vector async for vector in job.avectors()] == expected


async def test_a_budget_and_the_cost_of_a_batch(sandbox):
    fields = {"base_url": f"sandbox:{sandbox.name}", "state": "memory:li-batches"}
    llm = PortkeyMistral(**fields, budget=Budget(0.0004, output_tokens=1000))
    job = llm.batch_job(["Say exactly: one"])
    (response,) = job.results()
    assert response.raw["cost"]["amount"] == f"{job.progress.cost.amount:f}"
    with pytest.raises(BudgetExceededError, match="no room for this batch job"):
        llm.batch_job(["Say exactly: one"] * 2)
    with pytest.raises(BudgetExceededError, match="no room for this batch job"):
        await llm.abatch_job(["Say exactly: one"] * 2)
    embedding = PortkeyMistralEmbedding(**fields, budget=Budget(0))
    with pytest.raises(BudgetExceededError):
        PortkeyMistralBatchEmbedding(embed_model=embedding)([TextNode(text="a")])
