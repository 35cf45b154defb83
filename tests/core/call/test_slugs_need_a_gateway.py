"""Without a gateway, a name that only Portkey resolves is an error that says so, and nothing is sent."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from portkey_mistral import CallOptions, ChatRequest, Client, ConfigurationError, Message
from portkey_names import KINDS, Kind


def refuse(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.url} was called")


def network() -> dict[str, Any]:
    transport = httpx.MockTransport(refuse)
    return {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fields", [{"api_key": "k"}, {"base_url": "sandbox:"}, {"base_url": "http://localhost:1/v1"}])  # fmt: skip
def test_a_slug_in_the_model(kind: Kind, fields: dict[str, Any]) -> None:
    made = kind.make(f"@mistral-prod/{kind.model}", **fields, **network())
    with pytest.raises(ConfigurationError) as caught:
        kind.run(made)
    assert "only a gateway resolves" in str(caught.value)
    assert f"model={kind.model!r} and a Mistral key" in str(caught.value)


def ask(model: str) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message.user("Hi")])


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ({"api_key": "k"}, "pc-a"),
        ({"api_key": "k"}, {"provider": "@mistral-prod"}),
        ({"api_key": "k"}, {"virtual_key": "v"}),
        ({"api_key": "k"}, {"override_params": {"model": "@mistral-prod/m"}}),
        ({"base_url": "sandbox:"}, {"provider": "@mistral-prod"}),
    ],
)
def test_a_name_in_the_config_of_a_call(fields: dict[str, Any], config: Any) -> None:
    client = Client(**fields, **network())
    with pytest.raises(ConfigurationError, match="needs a Portkey gateway"):
        client.chat(ask("m"), CallOptions(portkey_config=config))


def test_the_slug_that_a_target_replaces_is_not_sent_and_no_error() -> None:
    config = {"provider": "mistral-ai", "override_params": {"model": "mistral-small-latest"}}
    client = Client(base_url="sandbox:", portkey_config=config)
    assert client.chat(ask("@mistral-prod/anything")).finish_reason == "stop"


def test_names_of_cloudflare_and_hugging_face_are_no_slugs() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"model": "m", "choices": [choice]})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = Client(base_url="https://workers.example/v1", http_client=http)
    assert client.chat(ask("@cf/mistral/mistral-7b-instruct")).message.content == "Hi"
