"""`PortkeyMistralEmbeddings`. Batching and order are tested with the core."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.exceptions import ModelError
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_portkey_mistral import PortkeyMistralEmbeddings
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError, RateLimitError
from portkey_mistral.sandbox import Sandbox
from portkey_mistral.tokens import token_ids
from scripted import network


@pytest.fixture
def embeddings(mistral_sandbox: Sandbox) -> PortkeyMistralEmbeddings:
    del mistral_sandbox
    return PortkeyMistralEmbeddings(base_url="sandbox:", api_key="k")


async def test_one_text_and_several_sync_and_async(embeddings: PortkeyMistralEmbeddings) -> None:
    one = embeddings.embed_query("a mistral")
    many = embeddings.embed_documents(["a mistral", "a portkey"])
    assert len(one) == 1024
    assert all(type(number) is float for number in one)
    assert many[0] == one
    assert many[1] != one
    assert await embeddings.aembed_query("a mistral") == one
    assert await embeddings.aembed_documents(["a mistral", "a portkey"]) == many


async def test_base64_encoding_gives_the_same_vectors(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    packed = PortkeyMistralEmbeddings(base_url="sandbox:", encoding_format="base64")
    texts = ["a mistral", "a portkey"]
    expected = embeddings.embed_documents(texts)
    for vectors in (packed.embed_documents(texts), await packed.aembed_documents(texts)):
        assert all(type(number) is float for vector in vectors for number in vector)
        assert [pytest.approx(vector, abs=1e-6) for vector in expected] == vectors
    assert mistral_sandbox.requests[-1].body["encoding_format"] == "base64"


async def test_no_call_is_made_for_no_texts(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    assert embeddings.embed_documents([]) == []
    assert await embeddings.aembed_documents([]) == []
    assert mistral_sandbox.requests == []


def test_texts_for_several_requests_keep_their_order(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    texts = [f"text number {number}" for number in range(600)]
    vectors = embeddings.embed_documents(texts)
    assert len(mistral_sandbox.requests) > 1
    assert vectors[0] == embeddings.embed_query(texts[0])
    assert vectors[599] == embeddings.embed_query(texts[599])


@pytest.mark.parametrize("name", ["output_dimension", "dimensions"])
def test_codestral_embed_has_a_configurable_dimension(name: str, mistral_sandbox: Sandbox) -> None:
    fields: dict[str, Any] = {name: 64, "output_dtype": "int8"}
    embeddings = PortkeyMistralEmbeddings(
        model="codestral-embed", base_url="sandbox:", api_key="k", **fields
    )
    vector = embeddings.embed_query("def add(a, b): return a + b")
    assert len(vector) == 64
    assert all(type(number) is float for number in vector)
    body = mistral_sandbox.requests[0].body
    assert (body["output_dimension"], body["output_dtype"]) == (64, "int8")


def test_unset_fields_are_not_sent_and_model_kwargs_are() -> None:
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


def test_a_vector_store_uses_them(embeddings: PortkeyMistralEmbeddings) -> None:
    store = InMemoryVectorStore(embeddings)
    store.add_texts(["Codestral completes code.", "Pixtral sees pictures."])
    (found,) = store.similarity_search("Which model completes code?", k=1)
    assert found.page_content == "Codestral completes code."


async def test_a_text_that_is_too_long_is_named_by_its_index(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    # Counted with mistral-common once it is loaded, so nothing is sent.
    token_ids("Load it.", embeddings.model)
    texts = ["fine", "word " * 20_000]
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens"):
        embeddings.embed_documents(texts)
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\] has \d+ tokens"):
        await embeddings.aembed_documents(texts)
    assert mistral_sandbox.requests == []


def test_errors_are_raised(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.fail(429, times=None)
    embeddings = PortkeyMistralEmbeddings(base_url="sandbox:", api_key="k", max_retries=0)
    with pytest.raises(RateLimitError):
        embeddings.embed_query("a")


def test_an_unknown_constructor_argument_is_refused_with_the_closest_name() -> None:
    with pytest.raises(
        ConfigurationError, match="'output_dimensions'; did you mean 'output_dimension'"
    ):
        PortkeyMistralEmbeddings(base_url="sandbox:", output_dimensions=3)


async def test_embed_iter_yields_batches_in_order(
    embeddings: PortkeyMistralEmbeddings, mistral_sandbox: Sandbox
) -> None:
    texts = [f"text number {number}" for number in range(1200)]
    batches = list(embeddings.embed_iter(iter(texts)))
    assert [batch.start for batch in batches] == [0, 512, 1024]
    assert [v for b in batches for v in b.vectors] == embeddings.embed_documents(texts)
    asynchronous = [batch async for batch in embeddings.aembed_iter(iter(texts))]
    assert [b.vectors for b in asynchronous] == [b.vectors for b in batches]


async def test_errors_of_embed_iter_are_langchains(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.fail(500, times=None)
    embeddings = PortkeyMistralEmbeddings(base_url="sandbox:", max_retries=0)
    with pytest.raises(ModelError):
        list(embeddings.embed_iter(iter(["a", "b"])))
    with pytest.raises(ModelError):
        [batch async for batch in embeddings.aembed_iter(iter(["a", "b"]))]


def test_a_progress_bar_is_shown(
    embeddings: PortkeyMistralEmbeddings, capsys: pytest.CaptureFixture[str]
) -> None:
    PortkeyMistralEmbeddings(base_url="sandbox:", show_progress_bar=True).embed_documents(["a"])
    assert "1/1" in capsys.readouterr().err
