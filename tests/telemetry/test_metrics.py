"""Metrics: their names, units, buckets and attributes, and what is not recorded."""

from __future__ import annotations

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client
from portkey_mistral.exceptions import RateLimitError
from scripted import Network, answer, network, sse, stream
from telemetry import Watched

SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "mistral_ai",
    "gen_ai.request.model": "mistral-small-latest",
    "server.address": "api.test",
    "server.port": 443,
}
ANSWERED = CALL | {"gen_ai.response.model": "mistral-small-2603"}
every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
streamed = pytest.mark.parametrize("kind", STREAMED)


def client(replies: Network, **fields: object) -> Client:
    known = {"base_url": "https://api.test/v1", "api_key": "k", "max_retries": 0}
    return Client(**{**known, **replies.clients, **fields})


@every
def test_duration_and_tokens(kind: Kind, otel: Watched) -> None:
    reply = answer("Hi!") if kind in KINDS else stream({"content": "Hi!"})
    kind.run(client(network(reply)), ask(), None)
    (duration,) = otel.points("gen_ai.client.operation.duration")
    assert duration.attributes == ANSWERED
    assert list(duration.explicit_bounds) == pytest.approx(SECONDS)
    span = otel.call
    assert duration.sum == pytest.approx((span.end_time - span.start_time) / 1e9, abs=1)
    tokens = {
        point.attributes["gen_ai.token.type"]: point
        for point in otel.points("gen_ai.client.token.usage")
    }
    assert {name: point.sum for name, point in tokens.items()} == {"input": 10, "output": 5}
    assert list(tokens["input"].explicit_bounds) == TOKENS
    assert tokens["input"].attributes == ANSWERED | {"gen_ai.token.type": "input"}


@streamed
def test_chunks(kind: Kind, otel: Watched) -> None:
    kind.run(client(network(stream({"content": "a"}, {"content": "b"}))), ask(), None)
    (first,) = otel.points("gen_ai.client.operation.time_to_first_chunk")
    (others,) = otel.points("gen_ai.client.operation.time_per_output_chunk")
    assert (first.count, others.count) == (1, 3)  # role, a, b, and the finish reason
    assert list(first.explicit_bounds) == list(others.explicit_bounds) == pytest.approx(SECONDS)
    assert first.attributes == CALL
    assert otel.call.attributes["gen_ai.response.time_to_first_chunk"] == first.sum


@every
def test_a_failed_call_has_a_duration_and_no_tokens(kind: Kind, otel: Watched) -> None:
    with pytest.raises(RateLimitError):
        kind.run(client(network(httpx.Response(429, json={}))), ask(), None)
    (duration,) = otel.points("gen_ai.client.operation.duration")
    assert duration.attributes == CALL | {"error.type": "429"}
    assert otel.points("gen_ai.client.token.usage") == []
    assert otel.points("gen_ai.client.operation.time_to_first_chunk") == []


def test_attempts_of_one_call_are_one_duration(otel: Watched) -> None:
    replies = network(httpx.Response(500, json={}), httpx.Response(500, json={}), answer("a"))
    client(replies, max_retries=2).chat(ask())
    (duration,) = otel.points("gen_ai.client.operation.duration")
    assert duration.count == 1


@streamed
def test_an_estimated_usage_is_not_recorded(kind: Kind, otel: Watched) -> None:
    choice = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}
    cut = sse([{"id": "s", "model": "m", "choices": [choice]}], done=False)
    config = {"provider": "mistral-ai", "retry": {"attempts": 1}}
    mine = client(
        network(cut, stream({"content": "Hello!"})), portkey_config=config, on_interrupt="resume"
    )
    assert kind.run(mine, ask(), None).text == "Hello!"
    assert otel.points("gen_ai.client.token.usage") == []
    assert len(otel.points("gen_ai.client.operation.duration")) == 1
