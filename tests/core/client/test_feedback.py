"""Feedback on a call: the request to Portkey, invalid feedback, and modes without hosted Portkey."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from portkey_mistral import (
    AuthenticationError,
    Client,
    ConfigurationError,
    InvalidRequestError,
    PortkeyMistralError,
    ResidencyError,
    ResponseFormatError,
)
from scripted import network

KEPT = httpx.Response(200, json={"status": "success", "feedback_ids": ["f1"]})
KEY = "pk-0123456789abcdef"


def give(client: Client, mode: str, *args: Any, **fields: Any) -> tuple[str, ...]:
    if mode == "sync":
        return client.feedback(*args, **fields)
    return asyncio.run(client.afeedback(*args, **fields))


modes = pytest.mark.parametrize("mode", ["sync", "async"])


@modes
def test_the_request_to_portkey(mode: str) -> None:
    net = network(KEPT)
    client = Client(
        portkey_api_key=KEY,
        api_key="of-mistral",
        portkey_config={"provider": "mistral-ai", "api_key": "of-mistral"},
        default_headers={"x-front-door": "1"},
        **net.clients,
    )
    assert give(client, mode, "t-1", 5, weight=0.5, metadata={"_user": "zoë"}) == ("f1",)
    (request,) = net.requests
    assert (request.method, str(request.url)) == ("POST", "https://api.portkey.ai/v1/feedback")
    assert json.loads(request.content) == {
        "trace_id": "t-1",
        "value": 5,
        "weight": 0.5,
        "metadata": {"_user": "zoë"},
    }
    assert request.headers["x-portkey-api-key"] == KEY
    assert request.headers["x-front-door"] == "1"
    assert not {"authorization", "x-portkey-config", "x-portkey-provider"} & set(request.headers)


@modes
@pytest.mark.parametrize("value", [-10, 0, 10])
def test_the_smallest_request(mode: str, value: int) -> None:
    net = network(KEPT)
    give(Client(portkey_api_key=KEY, **net.clients), mode, "t", value)
    assert net.bodies == [{"trace_id": "t", "value": value}]


@modes
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", 1), "trace_id must be that of a call"),
        ((None, 1), "trace_id must be that of a call"),
        (("t", 11), "value must be a whole number from -10 to 10"),
        (("t", -11), "value must be a whole number from -10 to 10"),
        (("t", 1.5), "value must be a whole number"),
        (("t", True), "value must be a whole number"),
        (("t", "1"), "value must be a whole number"),
        (("t", 1, 1.5), "weight must be a number from 0 to 1"),
        (("t", 1, True), "weight must be a number from 0 to 1"),
        (("t", 1, float("nan")), "weight must be a number from 0 to 1"),
        (("t", 1, None, "secret"), "metadata must be a mapping, got str"),
        (("t", 1, None, {"a": object()}), "metadata: not JSON"),
    ],
)
def test_invalid_feedback_is_not_sent(mode: str, arguments: Any, message: str) -> None:
    net = network()
    with pytest.raises(InvalidRequestError, match=message):
        give(Client(portkey_api_key=KEY, **net.clients), mode, *arguments)
    assert net.requests == []


@modes
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"api_key": "k"}, "calls the model directly: pass portkey_api_key="),
        ({"base_url": "sandbox:"}, "calls the model directly: pass portkey_api_key="),
        ({"gateway_url": "http://localhost:8787/v1"}, "open-source gateway keeps no feedback"),
    ],
)
def test_without_hosted_portkey_it_is_an_error(mode: str, fields: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        give(Client(**fields), mode, "t", 1)


@modes
def test_a_gateway_of_ones_own_with_a_portkey_key_is_portkeys(mode: str) -> None:
    net = network(KEPT)
    client = Client(gateway_url="https://ai.example/v1", portkey_api_key=KEY, **net.clients)
    give(client, mode, "t", 1)
    assert str(net.requests[0].url) == "https://ai.example/v1/feedback"


@modes
def test_no_key_for_hosted_portkey(mode: str) -> None:
    with pytest.raises(ConfigurationError, match="No Portkey key"):
        give(Client(gateway_url="https://api.portkey.ai/v1"), mode, "t", 1)


@modes
def test_it_stays_in_the_region(mode: str) -> None:
    declared = {"ai.example": "eu"}
    client = Client(
        gateway_url="https://ai.example/v1",
        portkey_api_key=KEY,
        api_key="k",
        data_residency="eu",
        residency_hosts=declared,
    )
    declared_elsewhere = client.settings.model_copy(update={"residency_hosts": {}})
    with pytest.raises(ResidencyError):
        give(Client(declared_elsewhere), mode, "t", 1)


@modes
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (httpx.Response(401, json={"status": "failure", "message": KEY}), AuthenticationError),
        (httpx.Response(500, text="oops"), PortkeyMistralError),
        (httpx.Response(200, text="oops"), ResponseFormatError),
        (httpx.Response(200, json={}), ResponseFormatError),
        (httpx.Response(200, json=[]), ResponseFormatError),
    ],
)
def test_what_portkey_refuses_is_an_error_without_the_key(
    mode: str, reply: Any, error: Any
) -> None:
    net = network(reply)
    with pytest.raises(error) as caught:
        give(Client(portkey_api_key=KEY, **net.clients), mode, "t", 1)
    assert len(net.requests) == 1
    assert KEY not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


@modes
def test_only_a_failure_to_reach_portkey_is_retried(mode: str) -> None:
    net = network(httpx.ConnectError("refused"), KEPT)
    client = Client(portkey_api_key=KEY, max_retries=1, **net.clients)
    assert give(client, mode, "t", 1) == ("f1",)
