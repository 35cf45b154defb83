"""An interrupted answer through a gateway is continued only if the continuation is certain to reach Mistral."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import httpx
import pytest

from kinds import STREAMED, Kind, ask
from portkey_mistral import Client, StreamInterruptedError

TEXT = ["The ", "cat ", "sat ", "down."]
MISTRAL = {"provider": "mistral-ai", "api_key": "k"}


def events(pieces: list[str], *, finished: bool) -> bytes:
    events = [({"content": piece}, None) for piece in pieces]
    events += [({"content": ""}, "stop")] if finished else []
    bodies = [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": d, "finish_reason": finish}]}
        for d, finish in events
    ]
    return b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies)


@dataclass
class Gateway:
    """Ends its first stream in the middle without an error, as the open-source gateway does."""

    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        first = len(self.requests) == 1
        content = events(TEXT[:2] if first else TEXT, finished=not first)
        return httpx.Response(
            200, content=content, headers={"content-type": "text/event-stream; charset=utf-8"}
        )

    def client(self, **fields: object) -> Client:
        transport = httpx.MockTransport(self)
        given = {
            "gateway_url": "http://localhost:8787/v1",
            "api_key": "k",
            "on_interrupt": "resume",
            "http_client": httpx.Client(transport=transport),
            "http_async_client": httpx.AsyncClient(transport=transport),
        }
        return Client(**{**given, **fields})


def fallback(*targets: dict[str, object]) -> dict[str, object]:
    return {"strategy": {"mode": "fallback"}, "targets": list(targets)}


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("config", [None, fallback(MISTRAL, MISTRAL)], ids=["no", "config"])
def test_it_is_continued_if_all_targets_are_mistrals(
    kind: Kind, config: dict[str, object] | None
) -> None:
    gateway = Gateway()
    answer = kind.run(gateway.client(portkey_config=config), ask(max_tokens=100), None)
    assert (answer.text, answer.finish_reason) == ("The cat sat down.", "stop")
    assert answer.usage is not None
    assert answer.usage.estimated
    again = json.loads(gateway.requests[1].content)
    assert again["messages"][-1] == {"role": "assistant", "content": "The cat ", "prefix": True}
    assert again["max_tokens"] == 97


def test_limits_of_the_targets_are_reduced() -> None:
    limited = {**MISTRAL, "override_params": {"max_tokens": 50}}
    outer = {**fallback(limited, MISTRAL), "override_params": {"max_tokens": 80}}
    gateway = Gateway()
    STREAMED[0].run(gateway.client(portkey_config=outer), ask(), None)
    first, again = (json.loads(r.headers["x-portkey-config"]) for r in gateway.requests)
    limits = [
        [json.loads(request.content).get("max_tokens")]
        + [
            (node.get("override_params") or {}).get("max_tokens")
            for node in (config, *config["targets"])
        ]
        for request, config in zip(gateway.requests, (first, again), strict=True)
    ]
    assert [sorted(filter(None, limit)) for limit in limits] == [[50, 80], [47, 77]]


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    "fields",
    [
        {"portkey_config": fallback(MISTRAL, {"provider": "openai", "api_key": "k"})},
        {"portkey_config": "pc-hidden", "portkey_api_key": "pk"},
        {"portkey_config": fallback(MISTRAL, {"virtual_key": "vk"})},
        {"provider": "@kept", "portkey_api_key": "pk", "api_key": None},
        {"virtual_key": "vk", "portkey_api_key": "pk", "api_key": None},
        {"portkey_config": {**MISTRAL, "override_params": {"n": 2}}},
    ],
    ids=["openai", "slug", "virtual key in config", "provider slug", "virtual key", "n"],
)
def test_it_is_not_continued_if_another_provider_may_be_chosen(
    kind: Kind, fields: dict[str, object]
) -> None:
    gateway = Gateway()
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(gateway.client(**fields), ask(), None)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "The cat "
    assert len(gateway.requests) == 1


def test_closing_the_stream_ends_it() -> None:
    gateway = Gateway()

    async def run() -> None:
        async with gateway.client().astream(ask()) as stream:
            assert (await anext(stream)).text == "The "

    asyncio.run(run())
    assert len(gateway.requests) == 1
