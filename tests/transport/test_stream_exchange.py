"""Where a stream ends: at `[DONE]` or at a fault, whatever the connection does after it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from kinds import STREAMED, Kind, ask
from portkey_mistral import ChatRequest, Client, Message
from portkey_mistral.exceptions import StreamInterruptedError
from raw_server import Peer, serving

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED, UNTIL_CLOSED = HEAD + b"transfer-encoding: chunked\r\n\r\n", HEAD + b"\r\n"


def event(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "1", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


FINE = event("fine") + event("", "stop") + b"data: [DONE]\n\n"


def stays_open(peer: Peer) -> None:
    peer.wait_for_end()


def comments_for_ever(peer: Peer) -> None:
    while True:
        peer.send(b": ping\n\n")


def more_content(peer: Peer) -> None:
    peer.send(event(" and more"))


def an_error(peer: Peer) -> None:
    peer.send(b'data: {"error": {"message": "too late"}}\n\n')


def reset(peer: Peer) -> None:
    peer.reset()


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    "then", [stays_open, comments_for_ever, more_content, an_error, reset], ids=lambda f: f.__name__
)
def test_done_ends_a_stream(kind: Kind, then) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(UNTIL_CLOSED + FINE)
        then(peer)

    with serving(script) as server:
        answer = kind.run(Client(base_url=server.url, api_key="k"), ask(), None)
    assert (answer.text, answer.finish_reason) == ("fine", "stop")
    assert len(answer.info.attempts) == 1


@pytest.mark.parametrize("end", [chunk(FINE) + chunk(b""), chunk(FINE) + b"|" + chunk(b"")])
def test_the_connection_of_a_stream_that_is_done_is_used_again(end: bytes) -> None:
    """The end of the body comes with the last event, or on its own."""

    def script(peer: Peer) -> None:
        for _ in range(3):
            peer.read()
            for piece in (CHUNKED + end).split(b"|"):
                peer.send(piece)

    with serving(script) as server:
        client = Client(base_url=server.url, api_key="k")
        for _ in range(3):
            assert "".join(delta.text for delta in client.stream(ask())) == "fine"
        assert server.connections == 1


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    "content_type",
    ["Text/Event-Stream", "text/event-stream;charset=utf-8", "text/event-stream ; x=y"],
)
def test_media_types_ignore_case_and_parameters(kind: Kind, content_type: str) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": content_type}, content=FINE)

    transport = httpx.MockTransport(respond)
    client = Client(
        base_url="https://mistral.test",
        api_key="k",
        http_client=httpx.Client(transport=transport),
        http_async_client=httpx.AsyncClient(transport=transport),
    )
    assert kind.run(client, ask(), None).text == "fine"


@pytest.mark.parametrize("kind", STREAMED)
def test_an_endless_event_is_rejected_at_max_response_bytes(kind: Kind) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(UNTIL_CLOSED + event("fine") + b"data: ")
        while True:
            peer.send(b"x" * 10_000)

    with serving(script) as server:
        client = Client(base_url=server.url, api_key="k", max_response_bytes=100_000)
        with pytest.raises(StreamInterruptedError, match="larger than 100000 bytes"):
            kind.run(client, ask(), None)


WORD = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"One"}}]}\n\n'
ERROR = b'data: {"object":"error","message":"no","type":"server_error","code":"1"}\n\n'


class Stalled(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A delta and an error at once. Waiting for more data would never end."""

    def __iter__(self) -> Iterator[bytes]:
        yield WORD + ERROR
        pytest.fail("the error had come")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield WORD + ERROR
        pytest.fail("the error had come")


def respond(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stalled())


CLIENT = Client(
    api_key="k",
    base_url="https://mistral.test",
    http_client=httpx.Client(transport=httpx.MockTransport(respond)),
    http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(respond)),
)
REQUEST = ChatRequest(model="m", messages=[Message.user("go")])


def test_an_error_is_raised_after_the_deltas_of_the_same_bytes() -> None:
    stream = CLIENT.stream(REQUEST)
    assert next(stream).text == "One"
    with pytest.raises(StreamInterruptedError, match="no"):
        next(stream)


async def test_an_error_is_raised_after_the_deltas_of_the_same_bytes_async() -> None:
    stream = CLIENT.astream(REQUEST)
    assert (await anext(stream)).text == "One"
    with pytest.raises(StreamInterruptedError, match="no"):
        await anext(stream)
