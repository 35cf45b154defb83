"""Verdicts of guardrails are in the info of every answer, wherever the gateway put them."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import (
    Client,
    EmbeddingRequest,
    FIMRequest,
    GuardrailDeniedError,
    GuardrailVerdict,
    StreamInterruptedError,
)
from raw_server import Peer, serving

HOSTED = {"portkey_api_key": "pk", "provider": "@mistral-prod"}
FIM = FIMRequest(model="codestral-latest", prompt="def")
EVERY = [*KINDS, *STREAMED]


def hook(id: str, verdict: bool, *, deny: bool = False) -> dict[str, Any]:
    return {"id": id, "verdict": verdict, "deny": deny, "async": False, "checks": []}


def hooks(before: list[Any], after: list[Any] | None = None) -> dict[str, Any]:
    return {"hook_results": {"before_request_hooks": before, "after_request_hooks": after or []}}


def whole(**more: Any) -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi"},
        "finish_reason": "stop",
    }
    return json.dumps({"id": "a", "model": "m", "choices": [choice], **more}).encode()


def event(**body: Any) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return event(id="a", model="m", choices=[choice])


DONE = b"data: [DONE]\n\n"
STREAM = chunk("Hi") + chunk("", "stop") + DONE


def client(status: int, whole_body: bytes, events: bytes | None = None, **fields: Any) -> Client:
    """Make a client whose gateway answers like this, by whether a stream was requested."""

    def respond(request: httpx.Request) -> httpx.Response:
        if events is not None and json.loads(request.content).get("stream"):
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(status, content=events, headers=headers)
        headers = {"content-type": "application/json"}
        return httpx.Response(status, content=whole_body, headers=headers)

    transport = httpx.MockTransport(respond)
    gateway = {"gateway_url": "http://gateway.test/v1", **HOSTED}
    return Client(
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
        **gateway | fields,
    )


def verdicts(guardrails: tuple[GuardrailVerdict, ...]) -> list[tuple[Any, ...]]:
    return [(each.id, each.side, each.verdict, each.denied) for each in guardrails]


SOFT, FINE = hook("pg-soft", False), hook("pg-fine", True)
DENYING = hook("pg-deny", False, deny=True)
CASES: dict[str, tuple[int, bytes, bytes, list[tuple[Any, ...]]]] = {
    "none": (200, whole(), STREAM, []),
    "a pass": (
        200,
        whole(**hooks([FINE])),
        event(**hooks([FINE])) + STREAM,
        [("pg-fine", "input", True, False)],
    ),
    "246 with verdicts": (
        246,
        whole(**hooks([SOFT], [FINE])),
        event(**hooks([SOFT])) + STREAM + event(**hooks([], [FINE])),
        [("pg-soft", "input", False, False), ("pg-fine", "output", True, False)],
    ),
    "246 without": (246, whole(), STREAM, [(None, None, False, False)]),
    "246 that only a passed guardrail explains": (
        246,
        whole(**hooks([FINE])),
        event(**hooks([FINE])) + STREAM,
        [("pg-fine", "input", True, False), (None, None, False, False)],
    ),
    "a soft denial": (
        200,
        whole(**hooks([DENYING])),
        event(**hooks([DENYING])) + STREAM,
        [("pg-deny", "input", False, True)],
    ),
    "in the last event before [DONE]": (
        200,
        whole(**hooks([], [SOFT])),
        chunk("Hi") + chunk("", "stop") + event(**hooks([], [SOFT])) + DONE,
        [("pg-soft", "output", False, False)],
    ),
}


@pytest.mark.parametrize("request_", [ask(), FIM], ids=["chat", "fim"])
@pytest.mark.parametrize("kind", EVERY, ids=repr)
@pytest.mark.parametrize(("status", "body", "events", "expected"), CASES.values(), ids=list(CASES))
def test_verdicts_are_in_the_info(
    status: int, body: bytes, events: bytes, expected: list[Any], kind: Kind, request_: Any
) -> None:
    answer = kind.run(client(status, body, events), request_, None)
    assert answer.text == "Hi"
    assert verdicts(answer.info.guardrails) == expected


@pytest.mark.parametrize("kind", STREAMED, ids=repr)
def test_a_stream_that_the_gateway_answers_as_a_whole(kind: Kind) -> None:
    answer = kind.run(client(246, whole(**hooks([SOFT]))), ask(), None)
    assert verdicts(answer.info.guardrails) == [("pg-soft", "input", False, False)]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_embeddings(mode: str) -> None:
    vectors = {"data": [{"index": 0, "embedding": [0.5, 0.5]}], "model": "m", **hooks([SOFT])}
    request = EmbeddingRequest(model="mistral-embed", inputs=["Hi"])
    through = client(246, json.dumps(vectors).encode())
    response = through.embed(request) if mode == "sync" else asyncio.run(through.aembed(request))
    (info,) = response.infos
    assert verdicts(info.guardrails) == [("pg-soft", "input", False, False)]


@pytest.mark.parametrize("kind", EVERY, ids=repr)
def test_a_denial_is_an_error_with_the_verdicts(kind: Kind) -> None:
    error = {"message": "The guardrail checks failed.", "type": "hooks_failed"}
    body = json.dumps({"error": error, **hooks([DENYING, FINE])}).encode()
    with pytest.raises(GuardrailDeniedError, match=r"Failed: pg-deny\.") as denied:
        kind.run(client(446, body), ask(), None)
    assert verdicts(denied.value.guardrails) == [
        ("pg-deny", "input", False, True),
        ("pg-fine", "input", True, False),
    ]


@pytest.mark.parametrize("kind", EVERY, ids=repr)
def test_a_status_of_246_means_nothing_without_a_gateway(kind: Kind) -> None:
    direct = {"gateway_url": None, "portkey_api_key": None, "provider": None}
    plain = client(246, whole(), STREAM, **direct, base_url="http://mistral.test", api_key="k")
    assert kind.run(plain, ask(), None).info.guardrails == ()


@pytest.mark.parametrize("kind", EVERY, ids=repr)
def test_no_key_is_in_a_verdict(kind: Kind) -> None:
    leak = {**SOFT, "checks": [{"id": "webhook", "error": {"message": "Bearer pk-1234567890abc"}}]}
    through = client(
        246,
        whole(**hooks([leak])),
        event(**hooks([leak])) + STREAM,
        portkey_api_key="pk-1234567890abc",
    )
    (verdict,) = kind.run(through, ask(), None).info.guardrails
    assert "pk-1234567890abc" not in f"{verdict!r} {verdict.as_dict()} {verdict.raw}"


@pytest.mark.parametrize("kind", STREAMED, ids=repr)
def test_verdicts_of_an_attempt_that_another_continued(kind: Kind) -> None:
    replies = iter([event(**hooks([SOFT])) + chunk("H"), event(**hooks([FINE])) + STREAM])

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, content=next(replies), headers={"content-type": "text/event-stream"}
        )

    transport = httpx.MockTransport(respond)
    through = Client(
        gateway_url="http://gateway.test/v1",
        api_key="k",
        on_interrupt="resume",
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
    )
    answer = kind.run(through, ask(), None)
    assert answer.text == "Hi"
    assert [each.id for each in answer.info.guardrails] == ["pg-soft", "pg-fine"]


# --- after the end of a stream --------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize("kind", STREAMED, ids=repr)
def test_verdicts_that_take_their_time(kind: Kind) -> None:
    """The checks run after the whole answer, and only then come their verdicts."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + STREAM)
        threading.Event().wait(0.4)  # longer than an idle connection is read for its end
        peer.send(b": checking\n\n" + event(**hooks([], [SOFT])))
        peer.wait_for_end()

    with serving(script) as server:
        answer = kind.run(Client(gateway_url=server.url, **HOSTED), ask(), None)
    assert answer.text == "Hi"
    assert verdicts(answer.info.guardrails) == [("pg-soft", "output", False, False)]


@pytest.mark.parametrize("kind", STREAMED, ids=repr)
def test_verdicts_that_never_come_end_with_the_deadline(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + STREAM)
        peer.wait_for_end()

    with serving(script) as server:
        answer = kind.run(Client(gateway_url=server.url, deadline=2, **HOSTED), ask(), None)
    assert (answer.text, answer.finish_reason) == ("Hi", "stop")
    assert answer.info.guardrails == ()


def test_the_last_delta_does_not_wait_for_the_verdicts() -> None:
    seen = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + STREAM)
        seen.wait(10)
        peer.send(event(**hooks([], [SOFT])))

    async def run(through: Client) -> list[Any]:
        async with through.astream(ask()) as stream:
            async for delta in stream:
                if delta.finish_reason:
                    seen.set()
            return verdicts(stream.info.guardrails)

    expected = [("pg-soft", "output", False, False)]
    with serving(script) as server:
        through = Client(gateway_url=server.url, **HOSTED)
        assert asyncio.run(run(through)) == expected
        seen.clear()
        with through.stream(ask()) as stream:
            for delta in stream:
                if delta.finish_reason:
                    seen.set()
            assert verdicts(stream.info.guardrails) == expected


@pytest.mark.parametrize("kind", STREAMED, ids=repr)
def test_a_stream_that_breaks_after_its_verdict(kind: Kind) -> None:
    with pytest.raises(StreamInterruptedError):
        kind.run(client(246, b"", event(**hooks([SOFT])) + chunk("Hi")), ask(), None)
