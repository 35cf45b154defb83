"""Batch jobs of LangChain: what `invoke` would give, for any chain around a model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.exceptions import ModelError, OutputParserException
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    abatch_job,
    aresume_batch_job,
    batch_job,
    resume_batch_job,
)
from langchain_portkey_mistral.errors import (
    BudgetExceededError,
    ConfigurationError,
    InternalServerError,
    InvalidRequestError,
)
from portkey_mistral import Budget
from portkey_mistral.adapted_batch import AdaptedBatchJob
from portkey_mistral.sandbox import Fault, Sandbox, get


class City(BaseModel):
    """A city."""

    name: str


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


PROMPT = ChatPromptTemplate.from_messages([("human", "Say exactly: {word}")])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = get("lc-batches")
    sandbox.reset()
    yield sandbox
    sandbox.reset()


@pytest.fixture
def model(sandbox: Sandbox) -> ChatPortkeyMistral:
    return ChatPortkeyMistral(base_url=f"sandbox:{sandbox.name}")


def plain(output: Any) -> Any:
    """Drop what differs from call to call: ids, times, and the price of a batch."""
    if isinstance(output, dict):
        return {key: plain(value) for key, value in output.items()}
    if not isinstance(output, AIMessage):
        return output
    calls = [(call["name"], call["args"]) for call in output.tool_calls]
    return output.text, calls, output.usage_metadata, output.response_metadata["finish_reason"]


LONG = "a_tool_with_a_name_of_more_than_sixty_four_characters_which_is_cut_" + "x" * 10
TOOL = {"name": LONG, "description": "Adds.", "parameters": {"type": "object", "properties": {}}}
CHAINS: dict[str, tuple[Any, Any]] = {
    "a model": (lambda model: model, "Say exactly: one"),
    "messages": (lambda model: model, [HumanMessage("Say exactly: one")]),
    "a prompt": (lambda model: PROMPT | model, {"word": "one"}),
    "a parser": (lambda model: PROMPT | model | StrOutputParser(), {"word": "one"}),
    "tools": (lambda model: model.bind_tools([add]), "What is 2 + 3?"),
    "a long name": (lambda model: model.bind_tools([TOOL], tool_choice="any"), "Call it."),
    "bound arguments": (lambda model: model.bind(stop="x", max_tokens=3), "Say exactly: 1 2 3 4 5"),
    "a schema": (lambda model: model.with_structured_output(City), "The city is Lyon."),
    "a schema by function": (
        lambda model: model.with_structured_output(City, method="function_calling"),
        "The city is Lyon.",
    ),
    "a schema with the message": (
        lambda model: model.with_structured_output(City, include_raw=True),
        "The city is Lyon.",
    ),
    "steps around": (
        lambda model: (lambda word: f"Say exactly: {word}") | model | (lambda m: m.text.upper()),
        "one",
    ),
    "tools and a schema": (
        lambda model: model.bind_tools([add]).with_structured_output(City),
        "The city is Lyon.",
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_batch_gives_what_invoke_gives(model: ChatPortkeyMistral, name: str) -> None:
    make, given = CHAINS[name]
    chain = make(model)
    expected = plain(chain.invoke(given))
    job = batch_job(chain, [given, given], name="n")
    job.wait_until_done(poll=0.001)
    assert [plain(output) for output in job.results()] == [expected] * 2
    assert [plain(output) for output in resume_batch_job(chain, "n").results()] == [expected] * 2


async def test_the_async_twins(model: ChatPortkeyMistral) -> None:
    words = ["one", "two"]
    job = await abatch_job(PROMPT | model, [{"word": word} for word in words])
    async with asyncio.timeout(60):
        await job.await_until_done(poll=0.001)
    assert [message.content async for message in job.aresults()] == words
    again = await aresume_batch_job(model, job.id)
    assert [message.content async for message in again.aresults()] == words
    assert await again.aretry_failed(["Say exactly: one", "Say exactly: two"]) is None
    own = await model.abatch_job(["Say exactly: one"])
    assert [message.content async for message in own.aresults()] == ["one"]
    assert (await own.acancel()).status == "SUCCESS"


def test_methods_of_models_and_of_what_is_bound_to_them(
    model: ChatPortkeyMistral, sandbox: Sandbox
) -> None:
    (message,) = model.batch_job(["Say exactly: one"]).results()
    assert message.content == "one"
    assert message.response_metadata["cost"]["factors"] == {"batch": "0.5"}
    (message,) = model.bind_tools([add]).batch_job(["What is 2 + 3?"]).results()
    assert message.tool_calls[0]["name"] == "add"
    bound = model.bind(model="mistral-large-latest", headers={"x-team": "a"})
    bound.batch_job(["hi"])
    sent = [exchange for exchange in sandbox.requests if exchange.method == "POST"][-1]
    assert sent.body["model"] == "mistral-large-latest"
    assert sent.headers["x-team"] == "a"


def test_each_input_has_its_own_error(model: ChatPortkeyMistral, sandbox: Sandbox) -> None:
    sandbox.inject(Fault(on="/chat/completions", when="exactly: two", status=500))
    inputs = [{"word": word} for word in ("one", "two", "three")]
    job = batch_job(PROMPT | model, inputs)
    one, two, three = job.results()
    assert (one.content, three.content) == ("one", "three")
    assert isinstance(two, InternalServerError)
    assert isinstance(two, ModelError)
    again = job.retry_failed()
    assert again is not None
    assert again.positions == (1,)
    assert [message.content for message in again.results()] == ["two"]
    resumed = resume_batch_job(PROMPT | model, job.id).retry_failed(inputs)
    assert resumed is not None
    assert [message.content for message in resumed.results()] == ["two"]


def test_what_a_parser_raises_is_the_result_of_its_input(
    model: ChatPortkeyMistral, sandbox: Sandbox
) -> None:
    sandbox.reply("no JSON")
    (output,) = batch_job(model.with_structured_output(City), ["The city is Lyon."]).results()
    assert isinstance(output, OutputParserException)


@pytest.mark.parametrize(
    "chain",
    [
        StrOutputParser(),
        PROMPT | StrOutputParser(),
        RunnableLambda(lambda value: value),
    ],
)
def test_a_chain_without_a_model_is_refused(chain: Any) -> None:
    with pytest.raises(InvalidRequestError, match="takes a ChatPortkeyMistral"):
        batch_job(chain, ["hi"])


def test_chains_that_a_batch_cannot_follow_are_refused(model: ChatPortkeyMistral) -> None:
    for chain in (model | model, model.with_fallbacks([model]), model.with_retry()):
        with pytest.raises(InvalidRequestError, match="takes a ChatPortkeyMistral"):
            batch_job(chain, ["hi"])
    with pytest.raises(InvalidRequestError, match="at least one"):
        batch_job(model, [])
    for one in ("hi", {"text": "hi"}, None):
        with pytest.raises(InvalidRequestError, match="must be a list of inputs"):
            batch_job(model, one)
    with pytest.raises(KeyError) as missing:
        batch_job(PROMPT | model, [{"word": "one"}, {"world": "two"}])
    assert missing.value.__notes__ == ["The input is inputs[1]."]
    with pytest.raises(InvalidRequestError, match=r"nonsense"):
        batch_job(model.bind(nonsense=1), ["hi"])
    with pytest.raises(ConfigurationError, match="no batch"):
        resume_batch_job(model, "nobody")
    with pytest.raises(ConfigurationError, match="Portkey does not offer"):
        batch_job(ChatPortkeyMistral(portkey_api_key="k", provider="@p"), ["hi"])


async def test_texts_are_embedded_in_a_batch(sandbox: Sandbox) -> None:
    embeddings = PortkeyMistralEmbeddings(base_url=f"sandbox:{sandbox.name}")
    expected = embeddings.embed_documents(["one", "two"])
    assert list(embeddings.embed_job(["one", "two"], name="e").vectors()) == expected
    job = await embeddings.aembed_job(iter(["one", "two"]), name="e")
    assert [vector async for vector in job.avectors()] == expected
    assert list(embeddings.client.resume_batch("e").vectors()) == expected


async def test_a_budget_and_the_cost_of_a_batch(sandbox: Sandbox) -> None:
    model = ChatPortkeyMistral(
        base_url=f"sandbox:{sandbox.name}",
        state="memory:lc-batches",
        budget=Budget(0.0004, output_tokens=1000),
    )
    job = batch_job(model, ["Say exactly: one"])
    (message,) = job.results()
    assert isinstance(message, AIMessage)
    assert job.progress.cost is not None
    assert message.response_metadata["cost"]["amount"] == f"{job.progress.cost.amount:f}"
    for start in (batch_job, abatch_job):
        with pytest.raises(BudgetExceededError, match="no room for this batch job"):
            started = start(model, ["Say exactly: one"] * 2)
            if not isinstance(started, AdaptedBatchJob):
                await started
    assert job.retry_failed() is None
