"""Embedding jobs: one span and one record of metrics, whatever the number of requests."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from portkey_mistral import (
    Client,
    EmbeddingRequest,
    models,
)
from scripted import Network, network
from telemetry import Watched

KEY = "sk-mistral-very-secret-key"
URL = "http://primary.test:8080/v1"


def refusal(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"message": f"refused with {status}"}, headers=headers)


def client(replies: Network, **fields: object) -> Client:
    known = {"base_url": URL, "api_key": KEY, "max_retries": 0, **replies.clients}
    return Client(**{**known, **fields})


def embed(client: Client, request: EmbeddingRequest) -> int:
    return len(client.embed(request).vectors)


def aembed(client: Client, request: EmbeddingRequest) -> int:
    return len(asyncio.run(client.aembed(request)).vectors)


@pytest.fixture(params=[embed, aembed])
def run_embed(request):
    return request.param


def test_a_job_of_many_requests_is_one_call(run_embed, otel: Watched) -> None:
    texts = [f"Text {number}." for number in range(1200)]
    request = EmbeddingRequest(
        model="mistral-embed", inputs=texts, encoding_format="base64", output_dimension=None
    )
    with otel.tracer.start_as_current_span("mine") as mine:
        assert run_embed(Client(base_url="sandbox:"), request) == 1200
    call, attempts = otel.call, otel.attempts
    assert call.name == "embeddings mistral-embed"
    assert call.parent.span_id == mine.get_span_context().span_id
    assert len(attempts) == 3
    assert {each.parent.span_id for each in attempts} == {call.context.span_id}
    assert call.attributes["gen_ai.request.encoding_formats"] == ("base64",)
    tokens = call.attributes["gen_ai.usage.input_tokens"]
    (point,) = otel.points("gen_ai.client.token.usage")
    assert tokens == point.sum > 1200
    (point,) = otel.points("gen_ai.client.operation.duration")
    assert point.count == 1
    price = models.price_of("mistral-embed")
    assert price is not None
    expected = tokens * float(price.input) / 1e6
    assert call.attributes["portkey_mistral.cost.amount"] == pytest.approx(expected)


def test_a_job_that_fails(run_embed, otel: Watched) -> None:
    replies = network(refusal(401))
    with pytest.raises(Exception, match="refused with 401"):
        run_embed(client(replies), EmbeddingRequest(model="mistral-embed", inputs=["a"]))
    assert otel.call.attributes["error.type"] == "401"


def test_a_job_that_is_left(otel: Watched) -> None:
    texts = (f"Text {number}." for number in range(1200))
    batches = Client(base_url="sandbox:").embed_iter(
        EmbeddingRequest(model="mistral-embed", inputs=texts)
    )
    next(batches)
    assert otel.calls == []
    batches.close()
    assert otel.call.attributes["portkey_mistral.cancelled"] is True


def test_a_job_of_nothing(run_embed, otel: Watched) -> None:
    assert run_embed(Client(base_url="sandbox:"), EmbeddingRequest(model="m", inputs=[])) == 0
    assert otel.spans == []
