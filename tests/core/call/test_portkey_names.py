"""Names given by the caller reach Portkey unchanged, and nothing is added."""

from __future__ import annotations

import json
import pickle
from typing import Any

import httpx
import pytest

from portkey_names import KINDS, MISTRAL_KEY, NAMED, Kind, Named, routing_headers

CHUNK = {
    "id": "c",
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
}
URLS = ("https://api.portkey.ai/v1", "http://localhost:8787/v1")


class Portkey:
    """Answers every request, and records it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def clients(self) -> dict[str, Any]:
        transport = httpx.MockTransport(self._answer)
        return {
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
            "max_retries": 0,
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = json.loads(request.content)
        if "input" in body:
            vectors = [{"index": n, "embedding": [1.0]} for n in range(len(body["input"]))]
            return httpx.Response(200, json={"model": "m", "data": vectors, "usage": {}})
        if body.get("stream"):
            content = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n".encode()
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, content=content, headers=headers)
        choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "c", "model": "m", "choices": [choice]})


@pytest.fixture
def portkey() -> Portkey:
    return Portkey()


def expected(named: Named, kind: Kind) -> dict[str, Any]:
    headers = dict(named.headers)
    if (config := named.inline(kind.model)) is not None:
        headers["x-portkey-config"] = config
    if kind.is_fim and "authorization" in headers:
        # On the proxy route an Authorization header would replace the key of every target.
        headers = {"x-portkey-config": {"provider": "mistral-ai", "api_key": MISTRAL_KEY}}
    return headers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("url", URLS, ids=["hosted", "enterprise"])
def test_every_name_is_sent_unchanged(
    kind: Kind, url: str, portkey: Portkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for named in NAMED:
        with monkeypatch.context() as environment:
            for name, value in named.environ.items():
                environment.setenv(name, value)
            made = kind.make(
                named.model(kind.model),
                gateway_url=url,
                **named.fields(kind.model),
                **portkey.clients(),
            )
            kind.run(made)
        (request,) = portkey.requests
        portkey.requests.clear()
        assert routing_headers(request.headers) == expected(named, kind), named
        assert json.loads(request.content)["model"] == named.model(kind.model), named


CHAT = KINDS[0]


def rebuilt(made: Any, portkey: Portkey) -> Any:
    fields = {name: getattr(made, name) for name in type(made).model_fields}
    return type(made)(**{**fields, **portkey.clients()})


@pytest.mark.parametrize("named", NAMED)
def test_a_rebuilt_object_names_the_same(
    named: Named, portkey: Portkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in named.environ.items():
        monkeypatch.setenv(name, value)
    made = CHAT.make(named.model(CHAT.model), **named.fields(CHAT.model))
    unpickled = pickle.loads(pickle.dumps(made))
    for name, value in portkey.clients().items():
        setattr(unpickled, name, value)
    for again in (rebuilt(made, portkey), unpickled):
        CHAT.run(again)
    for request in portkey.requests:
        assert routing_headers(request.headers) == expected(named, CHAT)
    assert len(portkey.requests) == 2


def test_a_configurable_provider_changes_the_name_and_nothing_else(portkey: Portkey) -> None:
    from langchain_core.runnables import ConfigurableField

    model = CHAT.make("m", portkey_api_key="pk", provider="@a", **portkey.clients())
    chosen = model.configurable_fields(provider=ConfigurableField(id="provider"))
    chosen.invoke("Hi")
    chosen.with_config(configurable={"provider": "@b"}).invoke("Hi")
    sent = [routing_headers(request.headers) for request in portkey.requests]
    assert sent == [{"x-portkey-provider": "@a"}, {"x-portkey-provider": "@b"}]


# --- the open-source gateway knows no names -------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ({}, None),
        ({"api_key": MISTRAL_KEY}, None),
        ({}, {"provider": "mistral-ai", "retry": {"attempts": 2}}),
    ],
)
def test_the_open_source_gateway_gets_mistral_as_provider(
    fields: dict[str, Any], config: dict[str, Any] | None, portkey: Portkey
) -> None:
    given = {"retry": {"attempts": 2}} if config else None
    CHAT.run(
        CHAT.make("m", gateway_url=URLS[1], portkey_config=given, **fields, **portkey.clients())
    )
    sent = routing_headers(portkey.requests[0].headers)
    assert (sent.get("x-portkey-config") or {}).get("provider", sent.get("x-portkey-provider")) == (
        "mistral-ai"
    )
    assert sent.get("authorization") == (f"Bearer {MISTRAL_KEY}" if fields else None)
    assert sent.get("x-portkey-config") == config


def test_it_gets_mistral_for_a_target_without_a_provider(portkey: Portkey) -> None:
    targets = [{}, {"provider": "openai", "api_key": "o"}, {"override_params": {"model": "@a/m"}}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    fields = {"api_key": MISTRAL_KEY, "portkey_config": config, **portkey.clients()}
    CHAT.run(CHAT.make("m", gateway_url=URLS[1], **fields))
    sent = routing_headers(portkey.requests[0].headers)["x-portkey-config"]["targets"]
    assert sent == [{"provider": "mistral-ai", "api_key": MISTRAL_KEY}, *targets[1:]]


def test_hosted_portkey_resolves_a_target_without_a_provider(portkey: Portkey) -> None:
    targets = [{"weight": 1}, {"provider": "mistral-ai"}, {"prompt_id": "pp-1"}]
    config = {"strategy": {"mode": "loadbalance"}, "targets": targets}
    fields = {"api_key": MISTRAL_KEY, "portkey_config": config, **portkey.clients()}
    CHAT.run(CHAT.make("m", portkey_api_key="pk", **fields))
    sent = routing_headers(portkey.requests[0].headers)["x-portkey-config"]["targets"]
    assert sent == [targets[0], {**targets[1], "api_key": MISTRAL_KEY}, targets[2]]


# --- keys and hosts of the caller -----------------------------------------------------------------------


def test_the_callers_host_is_sent_together_with_a_name(portkey: Portkey) -> None:
    made = CHAT.make(
        "m",
        portkey_api_key="pk",
        provider="@a",
        base_url="https://llm.example",
        **portkey.clients(),
    )
    CHAT.run(made)
    assert routing_headers(portkey.requests[0].headers) == {
        "x-portkey-provider": "@a",
        "x-portkey-custom-host": "https://llm.example/v1",
    }


def test_a_raw_provider_beside_a_saved_config_takes_the_mistral_key(portkey: Portkey) -> None:
    made = CHAT.make(
        "m",
        portkey_api_key="pk",
        provider="mistral-ai",
        api_key=MISTRAL_KEY,
        portkey_config="pc-retry",
        **portkey.clients(),
    )
    CHAT.run(made)
    assert routing_headers(portkey.requests[0].headers) == {
        "x-portkey-config": "pc-retry",
        "x-portkey-provider": "mistral-ai",
        "authorization": f"Bearer {MISTRAL_KEY}",
    }


def test_strict_compliance_of_the_caller_is_kept(portkey: Portkey) -> None:
    strict = {"x-portkey-strict-open-ai-compliance": "true"}
    made = CHAT.make("@a/m", portkey_api_key="pk", default_headers=strict, **portkey.clients())
    CHAT.run(made)
    assert strict.items() <= portkey.requests[0].headers.items()
