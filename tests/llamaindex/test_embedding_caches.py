"""Texts are paid for once: core's `embeddings_cache`, and `embed_resume`."""

from __future__ import annotations

import copy
import pickle
from collections import Counter

import pytest
from llama_index.core.storage.kvstore import SimpleKVStore

from portkey_mistral.exceptions import APIStatusError
from portkey_mistral.sandbox import Fault

SINGLE = (
    "get_text_embedding",
    "aget_text_embedding",
    "get_query_embedding",
    "aget_query_embedding",
)
BATCH = ("get_text_embedding_batch", "aget_text_embedding_batch")
TEXTS = [f"text number {number}" for number in range(40)]


def paid(bodies) -> Counter[str]:
    """How often each text was sent in a request that was answered."""
    return Counter(text for body in bodies() for text in body["input"])


@pytest.mark.parametrize("method", SINGLE)
async def test_a_text_is_embedded_once(make_embedding, bodies, ask, method):
    embedding = make_embedding(embeddings_cache=SimpleKVStore())
    first = await ask(embedding, method, "Bonjour")
    assert await ask(embedding, method, "Bonjour") == first
    assert paid(bodies) == {"Bonjour": 1}


@pytest.mark.parametrize("method", BATCH)
async def test_only_new_texts_of_a_batch_are_sent(make_embedding, bodies, ask, method):
    embedding = make_embedding(embeddings_cache=SimpleKVStore())
    alone = [embedding.get_text_embedding(text) for text in TEXTS[:3]]
    (vectors,) = await ask(embedding, method, TEXTS[:5])
    assert vectors[:3] == alone
    assert bodies()[-1]["input"] == TEXTS[3:5]


KINDS = {
    "model": {"model": "codestral-embed"},
    "dimension": {"model": "codestral-embed", "output_dimension": 256},
    "other dimension": {"model": "codestral-embed", "output_dimension": 512},
    "dtype": {"model": "codestral-embed", "output_dimension": 256, "output_dtype": "int8"},
    "default": {},
}


@pytest.mark.parametrize("method", [*SINGLE, *BATCH])
async def test_models_dimensions_and_dtypes_share_a_store_and_no_vector(
    make_embedding, bodies, ask, method
):
    store = SimpleKVStore()
    text = ["Bonjour"] if "batch" in method else "Bonjour"
    for _ in range(2):
        for fields in KINDS.values():
            embedding = make_embedding(embeddings_cache=store, **fields)
            (found,) = await ask(embedding, method, text)
            vector = found[0] if "batch" in method else found
            assert vector == make_embedding(**fields).get_text_embedding("Bonjour")
    with_store = len(bodies()) - 2 * len(KINDS)
    assert with_store == len(KINDS)


def test_endpoints_share_no_vector(make_embedding, bodies, mistral_sandbox_url):
    """The sandbox's vectors must never be taken for the real model's."""
    store = SimpleKVStore()
    make_embedding(embeddings_cache=store).get_text_embedding("Bonjour")
    make_embedding(embeddings_cache=store, base_url="sandbox:").get_text_embedding("Bonjour")
    assert paid(bodies) == {"Bonjour": 2}


def test_a_query_is_the_same_vector_as_a_document_and_paid_once(make_embedding, bodies):
    embedding = make_embedding(embeddings_cache=SimpleKVStore())
    assert embedding.get_query_embedding("Hi") == embedding.get_text_embedding("Hi")
    assert paid(bodies) == {"Hi": 1}


def test_changing_the_model_changes_the_namespace(make_embedding, bodies):
    embedding = make_embedding(embeddings_cache=SimpleKVStore())
    copied = embedding.model_copy(update={"model_name": "codestral-embed"})
    short, long = (each.get_text_embedding("Hi") for each in (embedding, copied))
    embedding.model_name = "codestral-embed"
    assert embedding.get_text_embedding("Hi") == long != short
    assert len(bodies()) == 2


@pytest.mark.parametrize("rebuild", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_has_what_was_cached(make_embedding, bodies, rebuild):
    embedding = make_embedding(embeddings_cache=SimpleKVStore())
    embedding.get_text_embedding("Hi")
    rebuild(embedding).get_text_embedding("Hi")
    assert paid(bodies) == {"Hi": 1}


class Measured(SimpleKVStore):
    """An empty one is false, as containers are."""

    def __len__(self) -> int:
        return len(self._collections_mappings)


def test_an_empty_store_is_a_store(make_embedding, bodies):
    embedding = make_embedding(embeddings_cache=Measured())
    for _ in range(2):
        embedding.get_text_embedding("Hi")
    assert paid(bodies) == {"Hi": 1}


def test_the_store_can_be_listed_and_cleared(make_embedding):
    store = SimpleKVStore()
    one = make_embedding(embeddings_cache=store)
    other = make_embedding(embeddings_cache=store, model="codestral-embed")
    for embedding in (one, other):
        embedding.get_text_embedding("Hi")
    assert one.embeddings_cache.get_all("embeddings").keys() == {"Hi"}
    assert one.embeddings_cache.delete("Hi", "embeddings")
    assert one.embeddings_cache.get_all("embeddings") == {}
    assert other.embeddings_cache.get("Hi", "embeddings") is not None


async def test_the_store_can_be_used_from_a_loop(make_embedding):
    cache = make_embedding(embeddings_cache=SimpleKVStore()).embeddings_cache
    await cache.aput("a", {"x": [1.0]}, "c")
    assert await cache.aget("a", "c") == {"x": [1.0]}
    assert await cache.aget_all("c") == {"a": {"x": [1.0]}}
    assert await cache.adelete("a", "c")


def test_a_dump_does_not_include_the_store(make_embedding):
    plain, cached = make_embedding(), make_embedding(embeddings_cache=SimpleKVStore())
    assert cached.to_dict() == plain.to_dict()
    assert cached.to_json() == plain.to_json()


@pytest.mark.parametrize("method", BATCH)
async def test_a_job_that_failed_part_way_resumes_there(
    make_embedding, mistral_sandbox, bodies, ask, tmp_path, method
):
    """One batch of core's, many requests of ours: the finished ones are kept although one fails."""
    texts = [f"{number} {'word ' * 400}" for number in range(200)]
    fields = {"embed_resume": str(tmp_path / "vectors.sqlite"), "max_retries": 0}
    mistral_sandbox.inject(Fault(status=500, when="150 word"))
    with pytest.raises(APIStatusError) as error:
        await ask(make_embedding(**fields), method, texts)
    kept = len(error.value.completed)
    assert 0 < kept < len(texts)

    before = len(mistral_sandbox.requests)
    (vectors,) = await ask(make_embedding(**fields), method, texts)
    sent = [text for body in bodies()[before:] for text in body["input"]]
    assert len(sent) == len(texts) - kept
    assert len(vectors) == len(texts)
    assert vectors[150] == make_embedding().get_text_embedding(texts[150])


@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)
def test_models_share_no_resumed_vector(make_embedding, tmp_path, fields):
    path = str(tmp_path / "vectors.sqlite")
    for other in KINDS.values():
        make_embedding(embed_resume=path, **other).get_text_embedding("Bonjour")
    expected = make_embedding(**fields).get_text_embedding("Bonjour")
    assert make_embedding(embed_resume=path, **fields).get_text_embedding("Bonjour") == expected
