"""A completion whose failure shows only in its finish reason: one table for whole and streamed, sync and async."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from adapters import ADAPTERS
from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client, InternalServerError, StreamInterruptedError
from portkey_mistral._wire.finish_reasons import failed_completion
from scripted import Network, answer, network, stream

FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "key-a", "custom_host": "http://a.test/v1"},
        {"provider": "openai", "api_key": "key-b", "custom_host": "http://b.test/v1"},
    ],
}
FAILED = ["error", "abort", "insufficient_system_resource", "MALFORMED_FUNCTION_CALL"]
ENDED_WELL = ["stop", "length", "model_length", "tool_calls", "content_filter", "end_turn"]
ALL = [*KINDS, *STREAMED]


def reply(kind: Kind, text: str, finish: str) -> httpx.Response:
    if kind in STREAMED:
        return stream(*([{"content": text}] if text else []), finish=finish)
    return answer(text, finish=finish)


def hosts(of: Network) -> list[str]:
    return [request.url.host for request in of.requests]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("finish", FAILED)
def test_a_failed_completion_falls_back(kind: Kind, finish: str) -> None:
    net = network(reply(kind, "", finish), reply(kind, "from b", "stop"))
    found = kind.run(Client(portkey_config=FALLBACK, **net.clients), ask(), None)
    assert hosts(net) == ["a.test", "b.test"]
    assert found.text == "from b"
    assert found.info.attempts[0].status == 500
    assert repr(finish) in str(found.info.attempts[0].error)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("finish", FAILED)
def test_a_failed_completion_is_an_error_where_nothing_follows(kind: Kind, finish: str) -> None:
    net = network(reply(kind, "", finish))
    client = Client(base_url="http://a.test/v1", api_key="key-a", max_retries=0, **net.clients)
    with pytest.raises(InternalServerError, match=f"finish_reason '{finish}'") as caught:
        kind.run(client, ask(), None)
    assert caught.value.body["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("kind", ALL)
def test_a_failed_completion_is_retried(kind: Kind) -> None:
    net = network(reply(kind, "", "error"), reply(kind, "fine", "stop"))
    client = Client(
        portkey_config={
            "provider": "mistral-ai",
            "api_key": "key-a",
            "custom_host": "http://a.test/v1",
            "retry": {"attempts": 1},
        },
        **net.clients,
    )
    assert kind.run(client, ask(), None).text == "fine"


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_completion_that_broke_off_falls_back_whatever_it_holds(kind: Kind) -> None:
    net = network(reply(kind, "Half a", "error"), reply(kind, "from b", "stop"))
    found = kind.run(Client(portkey_config=FALLBACK, **net.clients), ask(), None)
    assert found.text == "from b"


@pytest.mark.parametrize("kind", STREAMED)
def test_a_stream_that_broke_off_after_its_first_content_is_interrupted(kind: Kind) -> None:
    net = network(reply(kind, "Half a", "error"))
    with pytest.raises(StreamInterruptedError, match="finish_reason 'error'") as caught:
        kind.run(Client(portkey_config=FALLBACK, **net.clients), ask(), None)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Half a"


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("finish", ["abort", "invented_tomorrow"])
def test_content_with_an_unknown_finish_reason_is_an_answer(kind: Kind, finish: str) -> None:
    net = network(reply(kind, "fine", finish))
    found = kind.run(Client(portkey_config=FALLBACK, **net.clients), ask(), None)
    assert (found.text, found.finish_reason) == ("fine", finish)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("finish", ENDED_WELL)
def test_nothing_generated_with_a_known_finish_reason_is_an_answer(kind: Kind, finish: str) -> None:
    net = network(reply(kind, "", finish))
    found = kind.run(Client(portkey_config=FALLBACK, **net.clients), ask(), None)
    assert (found.text, found.finish_reason) == ("", finish)


@pytest.mark.parametrize(
    "message",
    [
        {
            "content": None,
            "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"content": "", "refusal": "No."},
        {"content": "", "reasoning_content": "Hm."},
        {"content": [{"type": "text", "text": "fine"}]},
    ],
    ids=["tool call", "refusal", "reasoning", "parts"],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_content_is_more_than_text(message: dict[str, Any], streamed: bool) -> None:
    kind = (STREAMED if streamed else KINDS)[0]
    whole = answer(message["content"], *message.get("tool_calls", []), finish="invented_tomorrow")
    if not streamed:
        body = whole.json()
        body["choices"][0]["message"] = {"role": "assistant", **message}
        net = network(httpx.Response(200, json=body))
    else:
        net = network(stream(message, finish="invented_tomorrow"))
    found = kind.run(Client(portkey_config=FALLBACK, **net.clients), ask(), None)
    assert found.finish_reason == "invented_tomorrow"


@pytest.mark.parametrize("content", [None, [], 7, {"choices": [7, {}]}, {"choices": {}}])
def test_a_body_that_is_no_completion_is_not_judged_by_it(content: object) -> None:
    assert failed_completion(content) is None


@pytest.mark.parametrize(("adapter_class", "mode"), ADAPTERS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_both_frameworks_get_the_next_targets_answer(
    adapter_class: Any, mode: str, streamed: bool
) -> None:
    kind = (STREAMED if streamed else KINDS)[0]
    net = network(reply(kind, "", "error"), reply(kind, "from b", "stop"))
    adapter = adapter_class(sync=mode == "sync", portkey_config=FALLBACK, **net.clients)
    text = "".join(await adapter.stream("Hi")) if streamed else (await adapter.chat("Hi")).text
    assert text == "from b"
    assert hosts(net) == ["a.test", "b.test"]


@pytest.mark.parametrize("kind", ALL)
def test_a_key_in_a_failed_completion_stays_out_of_the_error(kind: Kind) -> None:
    key = "sk-0123456789abcdef"
    net = network(reply(kind, "", f"leaked {key}"))
    client = Client(base_url="http://a.test/v1", api_key=key, max_retries=0, **net.clients)
    with pytest.raises(InternalServerError, match="leaked") as caught:
        kind.run(client, ask(), None)
    assert key not in f"{caught.value} {caught.value!r} {caught.value.body} {vars(caught.value)}"
