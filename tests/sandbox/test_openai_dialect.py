"""A sandbox in place of OpenAI: what is translated, and under which model it answers."""

from __future__ import annotations

import json

import pytest

from portkey_mistral.sandbox.openai_dialect import translate


def translated(path, **body):
    return json.loads(translate(f"/openai/v1{path}", json.dumps(body).encode()).body)


def test_names_that_differ_are_translated_and_the_rest_is_left_out():
    body = translated(
        "/chat/completions", model="gpt-4o", messages=[], max_completion_tokens=5, seed=7,
        logit_bias={}, store=True, temperature=0.5,
    )  # fmt: skip
    assert body == {
        "model": "mistral-small-latest",
        "messages": [],
        "max_tokens": 5,
        "random_seed": 7,
        "temperature": 0.5,
    }


def test_embeddings():
    body = translated("/embeddings", model="text-embedding-3-small", input=["a"], dimensions=64)
    assert body == {"model": "mistral-embed", "input": ["a"], "output_dimension": 64}


def test_the_answer_has_the_requested_model_name():
    request = translate("/openai/v1/chat/completions", b'{"model": "gpt-4o", "messages": []}')
    steps = iter([b'{"model":"mistral-small-latest","choices":[]}'])
    assert list(request.renamed(steps)) == [b'{"model":"gpt-4o","choices":[]}']


@pytest.mark.parametrize("body", [b"", b"[]", b"--boundary"])
def test_what_is_no_object_is_left_as_it_is(body):
    assert translate("/openai/v1/chat/completions", body).body == body


def test_other_endpoints_are_left_as_they_are():
    body = b'{"model": "gpt-4o"}'
    assert translate("/openai/v1/moderations", body).body == body
