"""Classification by fine-tuned classifiers, through the client, on the sandbox."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from portkey_mistral import (
    BadRequestError,
    CapabilityError,
    ClassificationRequest,
    Client,
    ConfigurationError,
    InvalidRequestError,
    Message,
    ResponseFormatError,
)
from portkey_mistral.sandbox import Fault, get, reset
from scripted import network

MODEL = "ft:classifier:mood"
MOODS = {"mood": {"glad": ["thanks"], "angry": ["refund"]}}


@pytest.fixture(autouse=True)
def _classifier():
    reset()
    get().add_classifier(MODEL, MOODS)


def sync_classify(client, **fields):
    return client.classify(ClassificationRequest(**{"model": MODEL, **fields}))


def async_classify(client, **fields):
    return asyncio.run(client.aclassify(ClassificationRequest(**{"model": MODEL, **fields})))


@pytest.fixture(params=[sync_classify, async_classify])
def classify(request):
    return request.param


def client(**fields):
    return Client(**{"base_url": "sandbox:", "max_retries": 0, **fields})


def best(scores):
    return max(scores["mood"], key=scores["mood"].get)


def test_texts(classify):
    response = classify(client(), inputs=["Many thanks!", "I want a refund."])
    assert [*map(best, response.results)] == ["glad", "angry"]
    assert response.usage.prompt_tokens > 0
    assert response.info.mode == "sandbox"


def test_a_conversation(classify):
    response = classify(client(), messages=[Message.user("I want a refund.")])
    assert best(response.results[0]) == "angry"
    assert get().requests[-1].path == "/v1/chat/classifications"
    assert get().requests[-1].body["input"] == {
        "messages": [{"role": "user", "content": "I want a refund."}]
    }


def test_through_a_gateway_the_path_is_passed_on(classify):
    body = {"id": "1", "model": MODEL, "results": [{"mood": {"scores": {"glad": 1.0}}}]}
    net = network(httpx.Response(200, json=body))
    gateway = Client(gateway_url="http://localhost:8787/v1", api_key="k", **net.clients)
    assert classify(gateway, inputs=["x"]).info.lane == "proxy"
    assert net.requests[0].url.path == "/v1/classifications"


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({}, InvalidRequestError, "Nothing to classify"),
        ({"inputs": ["x"], "messages": [Message.user("x")]}, InvalidRequestError, "exactly one"),
        ({"inputs": "x"}, InvalidRequestError, "inputs must be a list"),
        ({"messages": ["x"]}, InvalidRequestError, r"messages\[0\] has the type str"),
        (
            {"inputs": ["x"], "model": "mistral-small-latest"},
            CapabilityError,
            "cannot classify texts: only your own",
        ),
    ],
)
def test_bad_input_is_refused_before_it_is_sent(classify, fields, error, match):
    with pytest.raises(error, match=match):
        classify(client(), **fields)
    assert get().requests == []


def test_an_unknown_classifier_and_faults(classify):
    with pytest.raises(BadRequestError, match="Invalid model"):
        classify(client(), inputs=["x"], model="ft:other")
    get().inject(Fault(on="/classifications", status=503))
    assert classify(client(max_retries=1), inputs=["x"]).results


def test_other_providers_have_no_classifiers(classify):
    with pytest.raises(ConfigurationError, match="classification needs a target"):
        classify(Client(portkey_config={"provider": "openai", "api_key": "k"}), inputs=["x"])


@pytest.mark.parametrize("body", [{}, {"results": [1]}, {"results": [{"mood": {}}]}])
def test_answers_without_the_form_of_the_api(classify, body):
    net = network(httpx.Response(200, json=body))
    with pytest.raises(ResponseFormatError):
        classify(Client(api_key="k", max_retries=0, **net.clients), inputs=["x"])
