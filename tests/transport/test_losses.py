"""What a target's API has no word for is told on each response, and logged once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client
from portkey_mistral._transport import journal

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
    journal._log_once.cache_clear()
    yield
    journal._log_once.cache_clear()


def respond(request: httpx.Request) -> httpx.Response:
    """The first target fails. A gateway tells that it went to the second."""
    if request.url.host == "first.example":
        return httpx.Response(500, json={"message": "No."})
    told = {"x-portkey-last-used-option-index": "config.targets[1]"}
    headers = told if request.url.host == "gateway.example" else {}
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
def test_it_is_told_each_time_and_logged_once(
    kind: Kind, fields: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    mine = client(**fields)
    for _ in range(3):
        answer = kind.run(mine, ask(safe_prompt=True), None)
        assert answer.info.lost == ("safe_prompt",)
        assert answer.info.option_path == "config.targets[1]"
    (line,) = lines(caplog)
    assert line.startswith("config.targets[1] (")
    assert "was not told safe_prompt" in line
    kind.run(mine, ask(safe_prompt=True, top_k=5), None)
    assert "was not told safe_prompt, top_k" in lines(caplog)[1]


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_nothing_is_logged_where_nothing_is_lost(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    assert kind.run(client(), ask(random_seed=7, stop=["x"]), None).info.lost == ()
    assert lines(caplog) == []


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "portkey_mistral"]
