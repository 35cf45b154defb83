"""Parameters that a target does not support are named in each response, and logged once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from langchain_portkey_mistral import PortkeyMistralEmbeddings
from portkey_mistral import Client
from portkey_mistral._transport import call_log
from portkey_mistral.responses import CallInfo, ChatResponse

CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "k", "custom_host": "http://first.example/v1"},
        {"provider": "openai", "api_key": "k", "custom_host": "http://second.example/v1"},
    ],
}
CHOICE = {"index": 0, "finish_reason": "stop"}
MESSAGE = {"role": "assistant", "content": "Hi."}


@pytest.fixture(autouse=True)
def _nothing_logged_yet() -> Iterator[None]:
    logged = (call_log._warn_once, call_log._warn_of_guardrails_once)
    for each in logged:
        each.cache_clear()
    yield
    for each in logged:
        each.cache_clear()


def respond(request: httpx.Request) -> httpx.Response:
    """The first target fails. A gateway says that it chose the second."""
    if request.url.host == "first.example":
        return httpx.Response(500, json={"message": "No."})
    chosen = {"x-portkey-last-used-option-index": "config.targets[1]"}
    headers = chosen if request.url.host == "gateway.example" else {}
    if not json.loads(request.content).get("stream"):
        body = {"model": "m", "choices": [{**CHOICE, "message": MESSAGE}]}
        return httpx.Response(200, json=body, headers=headers)
    event = json.dumps({"id": "a", "model": "m", "choices": [{**CHOICE, "delta": MESSAGE}]})
    headers = {"content-type": "text/event-stream", **headers}
    return httpx.Response(200, text=f"data: {event}\n\ndata: [DONE]\n\n", headers=headers)


def client(**fields: object) -> Client:
    transport = httpx.MockTransport(respond)
    return Client(
        portkey_config=CONFIG,
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
        **fields,
    )


@pytest.mark.parametrize("fields", [{}, {"gateway_url": "http://gateway.example/v1"}], ids=str)
@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_lost_parameters_are_in_each_response_and_logged_once(
    kind: Kind, fields: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    mine = client(**fields)
    for _ in range(3):
        answer = kind.run(mine, ask(safe_prompt=True), None)
        assert answer.info.lost == ("safe_prompt",)
        assert answer.info.option_path == "config.targets[1]"
    (line,) = lines(caplog)
    assert line.startswith("config.targets[1] (")
    assert "does not support: safe_prompt" in line
    kind.run(mine, ask(safe_prompt=True, top_k=5), None)
    assert "does not support: safe_prompt, top_k" in lines(caplog)[1]


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_nothing_is_logged_where_nothing_is_lost(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    assert kind.run(client(), ask(random_seed=7, stop=["x"]), None).info.lost == ()
    assert lines(caplog) == []


def test_a_failed_guardrail_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Embeddings of the frameworks have no metadata to show it in."""
    hook = {
        "id": "pg-1",
        "verdict": False,
        "checks": [{"id": "default.contains", "verdict": False}],
    }
    body = {"data": [{"index": 0, "embedding": [0.5]}], "hook_results": {"before_request_hooks": [hook]}}  # fmt: skip
    transport = httpx.MockTransport(lambda _: httpx.Response(246, json=body))
    embedder = PortkeyMistralEmbeddings(
        gateway_url="http://gateway.example/v1",
        api_key="k",
        http_client=httpx.Client(transport=transport),
    )
    for _ in range(3):
        embedder.embed_query("Hi")
    (line,) = lines(caplog)
    assert "let the call pass: pg-1 (default.contains)" in line


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "portkey_mistral"]


def test_a_response_keeps_every_field_when_its_info_is_added() -> None:
    fields: dict[str, Any] = {each.name: object() for each in dataclasses.fields(ChatResponse)}
    given, info = ChatResponse(**fields), CallInfo()
    assert call_log._with_info(given, info) == dataclasses.replace(given, info=info)
