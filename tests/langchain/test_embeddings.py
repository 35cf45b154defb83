"""Embeddings as LangChain asks for them. Batching and order have their tests with the core."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelError
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_portkey_mistral import PortkeyMistralEmbeddings
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError, RateLimitError
from portkey_mistral.sandbox import Sandbox
from scripted import network


@pytest.fixture
def embeddings(mistral_sandbox: Sandbox) -> PortkeyMistralEmbeddings:
    del mistral_sandbox
    return PortkeyMistralEmbeddings(base_url="sandbox:", api_key="k")


async def test_one_text_and_many_in_both_worlds(embeddings: PortkeyMistralEmbeddings) -> None:
    one = embeddings.embed_query("a mistral")
    many = embeddings.embed_documents(["a mistral", "a portkey"])
    assert len(one) == 1024
    assert all(type(number) is float for number in one)
    assert many[0] == one
    assert many[1] != one
    assert await embeddings.aembed_query("a mistral") == one
    assert await embeddings.aembed_documents(["a mistral", "a portkey"]) == many


async def test_vectors_may_travel_as_base64(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    packed = PortkeyMistralEmbeddings(base_url="sandbox:", encoding_format="base64")
    texts = ["a mistral", "a portkey"]
    wanted = embeddings.embed_documents(texts)
    for vectors in (packed.embed_documents(texts), await packed.aembed_documents(texts)):
        assert all(type(number) is float for vector in vectors for number in vector)
        assert [pytest.approx(vector, abs=1e-6) for vector in wanted] == vectors
    assert mistral_sandbox.requests[-1].body["encoding_format"] == "base64"


async def test_no_texts_give_no_vectors_and_no_call(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    assert embeddings.embed_documents([]) == []
    assert await embeddings.aembed_documents([]) == []
    assert mistral_sandbox.requests == []


def test_more_texts_than_a_request_may_hold_come_back_in_order(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    texts = [f"text number {number}" for number in range(600)]
    vectors = embeddings.embed_documents(texts)
    assert len(mistral_sandbox.requests) > 1
    assert vectors[0] == embeddings.embed_query(texts[0])
    assert vectors[599] == embeddings.embed_query(texts[599])


@pytest.mark.parametrize("name", ["output_dimension", "dimensions"])
def test_codestral_embed_lets_one_choose_the_length(name: str, mistral_sandbox: Sandbox) -> None:
    fields: dict[str, Any] = {name: 64, "output_dtype": "int8"}
    embeddings = PortkeyMistralEmbeddings(
        model="codestral-embed", base_url="sandbox:", api_key="k", **fields
    )
    vector = embeddings.embed_query("def add(a, b): return a + b")
    assert len(vector) == 64
    assert all(type(number) is float for number in vector)
    body = mistral_sandbox.requests[0].body
    assert (body["output_dimension"], body["output_dtype"]) == (64, "int8")


def test_what_was_not_set_is_not_sent_and_extras_are() -> None:
    reply = httpx.Response(
        200,
        json={
            "id": "1",
            "object": "list",
            "model": "mistral-embed",
            "data": [{"object": "embedding", "index": 0, "embedding": [0, 0.5] * 512}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1, "completion_tokens": 0},
        },
    )
    wire = network(reply)
    embeddings = PortkeyMistralEmbeddings(
        api_key="k",
        base_url="https://mistral.test",
        request_metadata={"team": "search"},
        model_kwargs={"new": 1},
        **wire.clients,
    )
    assert embeddings.embed_query("a")[:2] == [0.0, 0.5]
    body = wire.bodies[0]
    assert set(body) - {"encoding_format"} == {"model", "input", "metadata", "new"}
    assert body["metadata"] == {"team": "search"}


def test_they_serve_a_vector_store(embeddings: PortkeyMistralEmbeddings) -> None:
    store = InMemoryVectorStore(embeddings)
    store.add_texts(["Codestral completes code.", "Pixtral sees pictures."])
    (found,) = store.similarity_search("Which model completes code?", k=1)
    assert found.page_content == "Codestral completes code."


async def test_a_text_that_is_too_long_is_named_by_its_place(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    # Counted with mistral-common, so nothing is sent.
    texts = ["fine", "word " * 20_000]
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens"):
        embeddings.embed_documents(texts)
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens"):
        await embeddings.aembed_documents(texts)
    assert mistral_sandbox.requests == []


def test_errors_come_through(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.fail(429, times=None)
    embeddings = PortkeyMistralEmbeddings(base_url="sandbox:", api_key="k", max_retries=0)
    with pytest.raises(RateLimitError):
        embeddings.embed_query("a")


def test_an_unknown_argument_names_the_right_one() -> None:
    with pytest.raises(
        ConfigurationError, match="'output_dimensions'; did you mean 'output_dimension'"
    ):
        PortkeyMistralEmbeddings(base_url="sandbox:", output_dimensions=3)


async def test_texts_are_embedded_as_they_are_read(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    texts = [f"text number {number}" for number in range(1200)]
    batches = list(embeddings.embed_iter(iter(texts)))
    assert [batch.start for batch in batches] == [0, 512, 1024]
    assert [v for b in batches for v in b.vectors] == embeddings.embed_documents(texts)
    asynchronous = [batch async for batch in embeddings.aembed_iter(iter(texts))]
    assert [b.vectors for b in asynchronous] == [b.vectors for b in batches]


async def test_errors_of_a_long_job_are_langchains_too(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.fail(500, times=None)
    embeddings = PortkeyMistralEmbeddings(base_url="sandbox:", max_retries=0)
    with pytest.raises(ModelError):
        list(embeddings.embed_iter(iter(["a", "b"])))
    with pytest.raises(ModelError):
        [batch async for batch in embeddings.aembed_iter(iter(["a", "b"]))]


def test_progress_is_shown(
    embeddings: PortkeyMistralEmbeddings, capsys: pytest.CaptureFixture[str]
) -> None:
    PortkeyMistralEmbeddings(base_url="sandbox:", show_progress_bar=True).embed_documents(["a"])
    assert "1/1" in capsys.readouterr().err
