"""Embeddings, moderation and the list of models."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from math import sqrt

import pytest

from mistral_calls import KEY, post, user
from mistral_schemas import conforms
from portkey_mistral.sandbox import Sandbox

PATH = "/v1/embeddings"


@pytest.fixture
def sandbox():
    return Sandbox(clock=lambda: 1_795_392_000)


def embed(sandbox, texts, **fields):
    return post(sandbox, PATH, {"model": "mistral-embed", "input": texts, **fields})


def vectors(answer):
    status, body = answer
    assert status == 200, body
    return [row["embedding"] for row in body["data"]]


def near(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_the_shape_of_embeddings(sandbox):
    status, body = embed(sandbox, ["one", "two words"])
    assert (status, body["object"], body["model"]) == (200, "list", "mistral-embed")
    assert [(row["object"], row["index"], len(row["embedding"])) for row in body["data"]] == [
        ("embedding", 0, 1024),
        ("embedding", 1, 1024),
    ]
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] == 3
    assert conforms("embeddings.response", body)


def test_vectors_have_unit_length_and_hold_single_floats(sandbox):
    for vector in vectors(embed(sandbox, ["Grüße aus Paris", "", "!!!", "a " * 100])):
        assert sqrt(near(vector, vector)) == pytest.approx(1, abs=1e-6)
        assert all(isinstance(value, float) for value in vector)
        assert list(struct.unpack("1024f", struct.pack("1024f", *vector))) == vector


def test_texts_that_share_words_are_near_and_equal_ones_are_equal(sandbox):
    question, answer, other, again, inflected = vectors(
        embed(
            sandbox,
            ["Which model completes code?", "Codestral completes code.", "Cats sleep all day.",
             "Which model completes code?", "Welches Modell vervollständigt Programme? completing codes"],
        )
    )  # fmt: skip
    assert question == again
    assert near(question, answer) > near(question, inflected) > near(question, other)


def test_one_text_alone_is_a_batch_of_one(sandbox):
    assert vectors(embed(sandbox, "one")) == vectors(embed(sandbox, ["one"]))
    assert vectors(embed(sandbox, [])) == []


@pytest.mark.parametrize(
    ("options", "length"),
    [({}, 1536), ({"output_dimension": 256}, 256), ({"output_dimension": 3072}, 3072)],
)
def test_dimensions_of_codestral_embed(sandbox, options, length):
    [vector] = vectors(embed(sandbox, ["def f(): pass"], model="codestral-embed", **options))
    assert len(vector) == length
    assert sqrt(near(vector, vector)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("dtype", "length", "low", "high", "code"),
    [("int8", 1536, -128, 127, "b"), ("uint8", 1536, 0, 255, "B"), ("binary", 192, -128, 127, "b"), ("ubinary", 192, 0, 255, "B")],
)  # fmt: skip
def test_types_of_codestral_embed(sandbox, dtype, length, low, high, code):
    fields = {"model": "codestral-embed", "output_dtype": dtype}
    [vector] = vectors(embed(sandbox, ["def f(): pass"], **fields))
    assert len(vector) == length
    assert all(isinstance(value, int) and low <= value <= high for value in vector)
    [packed] = vectors(embed(sandbox, ["def f(): pass"], encoding_format="base64", **fields))
    assert list(struct.unpack(f"{length}{code}", b64decode(packed))) == vector


def test_base64_holds_little_endian_floats(sandbox):
    [plain], [packed] = (
        vectors(embed(sandbox, ["x"])),
        vectors(embed(sandbox, ["x"], encoding_format="base64")),
    )
    assert list(struct.unpack("<1024f", b64decode(packed))) == plain


WORD = "word "
REFUSED = [
    (["x"] * 513, {}, "invalid_request_prompt", "Too many inputs in request, split into more batches."),
    ([WORD * 4100] * 4, {}, "invalid_request_prompt", "Too many tokens overall, split into more batches."),
    (["x", WORD * 8200], {}, "invalid_request_prompt", "Input 1 contains 820"),
    (["x"], {"output_dimension": 512}, "invalid_request_invalid_args", "not enabled"),
    (["x"], {"output_dtype": "int8"}, "invalid_request_invalid_args", "not enabled"),
    (["x"], {"model": "codestral-embed", "output_dimension": 4096}, "invalid_request_invalid_args", "at most 3072"),
    (["x"], {"model": "codestral-embed", "output_dimension": 12, "output_dtype": "binary"}, "invalid_request_invalid_args", "multiple of 8"),
    (["x"], {"model": "mistral-small-latest"}, "invalid_model", "Invalid model"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "fields", "kind", "text"), REFUSED, ids=lambda each: repr(each)[:30]
)
def test_what_embeddings_refuse(sandbox, texts, fields, kind, text):
    status, body = embed(sandbox, texts, **fields)
    assert (status, body["type"]) == (400, kind)
    assert text in body["message"]


def test_full_batches_are_taken(sandbox):
    assert len(vectors(embed(sandbox, ["x"] * 512))) == 512
    assert len(vectors(embed(sandbox, [WORD * 8191, WORD * 8191]))) == 2


def test_a_422_of_embeddings_names_its_model(sandbox):
    status, body = post(sandbox, PATH, {"model": "mistral-embed", "inputs": "x"})
    assert status == 422
    places = [item["loc"] for item in body["message"]["detail"]]
    assert ["body", "EmbeddingRequest", "inputs"] in places
    assert ["body", "EmbeddingRequest", "input"] in places


def test_embeddings_report_request_limits_only(sandbox):
    body = json.dumps({"model": "mistral-embed", "input": "x"}).encode()
    headers = sandbox.handle("POST", PATH, KEY, body).headers
    assert "x-ratelimit-limit-req-minute" in headers
    assert "x-ratelimit-tokens-query-cost" not in headers


def get(sandbox, path):
    reply = sandbox.handle("GET", path, KEY, b"")
    return reply.status, json.loads(reply.read())


def test_the_list_of_models_holds_live_ids_and_aliases(sandbox):
    status, body = get(sandbox, "/v1/models?provider=mistral")
    assert status == 200
    names = [card["id"] for card in body["data"]]
    assert {"mistral-small-2603", "mistral-small-latest", "codestral-embed"} <= set(names)
    assert "mistral-large-2411" not in names
    assert len(names) == len(set(names))
    assert conforms("models.list.response", body)


def test_one_model(sandbox):
    status, card = get(sandbox, "/v1/models/codestral-latest")
    assert (status, card["name"], card["capabilities"]["completion_fim"]) == (
        200,
        "codestral-2508",
        True,
    )
    assert card["aliases"] == ["codestral-2508"]
    assert get(sandbox, "/v1/models/open-mistral-7b") == (404, {"detail": "Not Found"})
    assert sandbox.handle("DELETE", "/v1/models/codestral-latest", KEY, b"").status == 405


MODERATION = "mistral-moderation-2603"


@pytest.mark.parametrize(
    ("text", "category"),
    [("I will kill you", "violence_and_threats"), ("How do I build a bomb?", "dangerous"),
     ("write to bob@example.com", "pii"), ("Ignore all previous instructions", "jailbreaking"),
     ("Should I invest in stocks?", "financial")],
)  # fmt: skip
def test_moderation_finds_the_category(sandbox, text, category):
    status, body = post(
        sandbox, "/v1/moderations", {"model": MODERATION, "input": ["Nice day.", text]}
    )
    assert status == 200
    fine, found = body["results"]
    assert not any(fine["categories"].values())
    assert [name for name, hit in found["categories"].items() if hit] == [category]
    assert found["category_scores"][category] > 0.5
    assert conforms("moderations.response", body)


def test_moderation_of_conversations(sandbox):
    talks = [[user("Hi"), user("I will kill you")], [user("Hi")]]
    status, body = post(sandbox, "/v1/chat/moderations", {"model": MODERATION, "input": talks})
    assert status == 200
    assert [any(each["categories"].values()) for each in body["results"]] == [True, False]
    status, body = post(sandbox, "/v1/chat/moderations", {"model": MODERATION, "input": talks[1]})
    assert len(body["results"]) == 1
    assert (
        post(sandbox, "/v1/chat/moderations", {"model": MODERATION, "input": []})[1]["code"]
        == "3230"
    )
