"""`PortkeyMistralEmbedding` over HTTP."""

from __future__ import annotations

import inspect
import math

import pytest
from llama_index.core.storage.kvstore import SimpleKVStore

from llamaindex_portkey_mistral import PortkeyMistralEmbedding
from portkey_mistral.exceptions import (
    APIStatusError,
    InvalidRequestError,
    ResponseFormatError,
)
from portkey_mistral.sandbox import Fault

SINGLE = (
    "get_text_embedding",
    "aget_text_embedding",
    "get_query_embedding",
    "aget_query_embedding",
)
BATCH = ("get_text_embedding_batch", "aget_text_embedding_batch")


@pytest.mark.parametrize(
    "method", ["_get_text_embedding", "_get_query_embedding", "_aget_query_embedding", *BATCH]
)
def test_a_signature_that_llamaindex_inspects_is_derived_once(method):
    function = inspect.unwrap(getattr(PortkeyMistralEmbedding, method))
    assert inspect.signature(function) is inspect.signature(function)


@pytest.mark.parametrize("method", SINGLE)
async def test_one_text_gives_one_vector(embedding, ask, method):
    vector = (await ask(embedding, method, "Où est l'été ?"))[0]
    assert len(vector) == 1024
    assert all(isinstance(number, float) and math.isfinite(number) for number in vector)


@pytest.mark.parametrize("method", BATCH)
async def test_a_batch_keeps_its_order_whatever_the_order_of_the_answer(
    embedding, mistral_sandbox, ask, method
):
    texts = [f"text number {n}" for n in range(7)]
    alone = [embedding.get_text_embedding(text) for text in texts]
    mistral_sandbox.inject(Fault(vectors="shuffled"))
    (together,) = await ask(embedding, method, texts)
    assert together == alone


@pytest.mark.parametrize("method", BATCH)
async def test_many_texts_are_sent_within_both_limits(
    embedding, mistral_sandbox, bodies, ask, method
):
    texts = [f"{n} " + "word " * (n % 50) for n in range(1100)]
    (vectors,) = await ask(embedding, method, texts)
    assert len(vectors) == 1100
    assert vectors[3] == vectors[3]
    assert max(len(body["input"]) for body in bodies()) <= 512
    assert {exchange.status for exchange in mistral_sandbox.requests} == {200}
    assert vectors[1099] == embedding.get_text_embedding(texts[1099])


async def test_async_work_is_bounded(make_embedding, mistral_sandbox):
    embedding = make_embedding(embed_batch_size=2)
    mistral_sandbox.inject(Fault(delay=0.02), times=None)
    await embedding.aget_text_embedding_batch([f"t{n}" for n in range(60)])
    assert 1 < mistral_sandbox.peak_in_flight <= 4


@pytest.mark.parametrize("method", BATCH)
async def test_no_texts_no_call(embedding, mistral_sandbox, ask, method):
    assert (await ask(embedding, method, []))[0] == []
    assert embedding._get_text_embeddings([]) == []
    assert await embedding._aget_text_embeddings([]) == []
    assert mistral_sandbox.requests == []


def test_dimension_and_dtype_reach_the_model(make_embedding, bodies):
    embedding = make_embedding(
        model="codestral-embed",
        output_dimension=256,
        output_dtype="int8",
        request_metadata={"a": "b"},
    )
    vector = embedding.get_text_embedding("def f(): ...")
    assert len(vector) == 256
    assert all(isinstance(number, int) for number in vector)
    assert bodies()[0] == {
        "model": "codestral-embed",
        "input": ["def f(): ..."],
        "output_dimension": 256,
        "output_dtype": "int8",
        "metadata": {"a": "b"},
    } | {key: value for key, value in bodies()[0].items() if key == "encoding_format"}


@pytest.mark.parametrize("method", BATCH)
async def test_a_short_answer_is_an_error(embedding, mistral_sandbox, ask, method):
    mistral_sandbox.inject(Fault(vectors="short"), times=None)
    with pytest.raises(ResponseFormatError, match="2"):
        await ask(embedding, method, ["a", "b"])


@pytest.mark.parametrize("method", ["_get_text_embeddings", "_aget_text_embeddings"])
@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a", 7], r"inputs\[1\] must be a string, got int"),
        ("just text", "must be a list of texts"),
    ],
)
async def test_inputs_must_be_a_list_of_texts(
    embedding, mistral_sandbox, ask, method, texts, expected
):
    with pytest.raises(InvalidRequestError, match=expected):
        await ask(embedding, method, texts)
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("method", BATCH)
@pytest.mark.parametrize(("texts", "found"), [("just text", "a string"), (None, "NoneType")])
async def test_a_string_is_not_a_list_of_texts(
    embedding, mistral_sandbox, ask, method, texts, found
):
    with pytest.raises(InvalidRequestError, match=f"takes a list of texts, got {found}"):
        await ask(embedding, method, texts)
    assert mistral_sandbox.requests == []


@pytest.mark.parametrize("method", BATCH)
async def test_a_lone_surrogate_does_not_fail_the_batch(embedding, ask, method):
    """Texts extracted from PDFs contain them; UTF-8 cannot encode them."""
    texts = ["a cat", "a \ud83d dog", "a \ud83d dog " * 5000]
    (vectors,) = await ask(embedding, method, texts[:2])
    assert vectors[0] == embedding.get_text_embedding("a cat")
    assert vectors[1] == embedding.get_text_embedding("a \ufffd dog")
    with pytest.raises((APIStatusError, InvalidRequestError)) as error:
        await ask(embedding, method, texts)
    text = f"{error.value} {getattr(error.value, '__notes__', '')}"
    assert "index 2" in text or "inputs[2]" in text


POISON = {"too long": "long " * 9000, "no text": 7}


@pytest.mark.parametrize("method", BATCH)
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("cached", [False, True])
async def test_a_poison_text_is_named_by_its_position_in_the_callers_list(
    make_embedding, ask, method, poison, cached
):
    """Core passes texts on in batches, and without those that its cache has."""
    embedding = make_embedding(
        embed_batch_size=4, embeddings_cache=SimpleKVStore() if cached else None
    )
    texts = ["one", "two", "one", "three", "four", poison, "five"]
    if cached:
        embedding.get_text_embedding_batch(["one", "four"])
    with pytest.raises((APIStatusError, InvalidRequestError)) as error:
        await ask(embedding, method, texts)
    assert error.value.index == 5
    text = f"{error.value} {getattr(error.value, '__notes__', '')}"
    assert "index 5" in text or "inputs[5]" in text
    assert set(error.value.completed or ()) <= {4, 6}


def test_aggregation_and_similarity_are_cores(embedding):
    mean = embedding.get_agg_embedding_from_queries(["a cat", "a dog"])
    near = embedding.similarity(
        embedding.get_text_embedding("the cat sat on the mat"),
        embedding.get_text_embedding("a cat on a mat"),
    )
    far = embedding.similarity(
        embedding.get_text_embedding("the cat sat on the mat"),
        embedding.get_text_embedding("quarterly revenue forecasts"),
    )
    assert len(mean) == 1024
    assert near > far


async def test_texts_are_embedded_as_they_are_read(make_embedding):
    embedding = make_embedding()
    texts = [f"text number {number}" for number in range(1200)]
    batches = list(embedding.embed_iter(iter(texts)))
    assert [batch.start for batch in batches] == [0, 512, 1024]
    assert [v for b in batches for v in b.vectors] == embedding.get_text_embedding_batch(texts)
    asynchronous = [batch async for batch in embedding.aembed_iter(iter(texts))]
    assert [b.vectors for b in asynchronous] == [b.vectors for b in batches]


def test_progress_includes_the_cost(make_embedding):
    updates = []
    make_embedding(base_url="sandbox:", show_progress=updates.append).get_text_embedding_batch(
        ["a", "b"]
    )
    assert (updates[-1].done, updates[-1].total) == (2, 2)
    assert updates[-1].cost > 0
