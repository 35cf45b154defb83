"""The same faults over real sockets, where httpx's own pool, timeouts and framing are at work."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    Client,
    StreamInterruptedError,
)
from portkey_mistral.sandbox import Fault, Sandbox
from raw_server import Peer, serving
from waiting import until_async

ALL = [*KINDS, *STREAMED]
LONG = "Tell me a long story about a cat, in at least sixty words."


def client(url: str, **fields: object) -> Client:
    return Client(**{"base_url": url, "api_key": "a-key", "max_retries": 0, **fields})


@contextmanager
def stalling(alive: bytes) -> Iterator[str]:
    """A server that sends one event with content, and then only keep-alive comments."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            choice = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}
            event = json.dumps({"id": "c", "model": "m", "choices": [choice]})
            self.wfile.write(f"data: {event}\n\n".encode())
            with suppress(OSError):
                while not over.wait(0.05):
                    self.wfile.write(alive)

        def log_message(self, *_: object) -> None:
            pass

    over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()


@pytest.mark.parametrize("kind", ALL)
def test_answers(kind: Kind, mistral_sandbox_url: str) -> None:
    answer = kind.run(client(mistral_sandbox_url), ask("Grüße an 北京 🎉"), None)
    assert answer.finish_reason == "stop"
    assert answer.info.mode == "direct"


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("framing", ["lf", "crlf", "comments"])
def test_framing_and_pieces_do_not_matter(
    kind: Kind, framing: str, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mine = client(mistral_sandbox_url)
    whole = mine.chat(ask("Grüße an 北京 🎉")).text
    mistral_sandbox.inject(Fault(framing=framing, piece_bytes=3))  # type: ignore[arg-type]
    assert kind.run(mine, ask("Grüße an 北京 🎉"), None).text == whole


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    ("limits", "fault", "error"),
    [
        ({"first_token_timeout": 0.3}, Fault(delay=60), APITimeoutError),
        ({"first_token_timeout": 0.3}, Fault(stall_after=1), APITimeoutError),
        ({"idle_timeout": 0.8}, Fault(stall_after=4), StreamInterruptedError),
        ({"timeout": 0.8}, Fault(stall_after=4), StreamInterruptedError),
    ],
)
def test_a_stream_that_stalls_is_ended(
    kind: Kind,
    limits: dict[str, float],
    fault: Fault,
    error: type[APIError],
    mistral_sandbox: Sandbox,
    mistral_sandbox_url: str,
) -> None:
    mistral_sandbox.inject(fault)
    with pytest.raises(error):
        kind.run(client(mistral_sandbox_url, **limits), ask(LONG), None)


@pytest.mark.parametrize("kind", STREAMED)
def test_a_long_first_token_limit_leaves_a_short_idle_limit_in_force(
    kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(stall_after=4))
    mine = client(mistral_sandbox_url, first_token_timeout=30, idle_timeout=0.8)
    with pytest.raises(StreamInterruptedError, match="idle_timeout"):
        kind.run(mine, ask(LONG), None)


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("clean", [True, False])
def test_a_truncated_stream_is_detected(
    kind: Kind, clean: bool, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(cut_after=5, clean_cut=clean))
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(client(mistral_sandbox_url), ask(LONG), None)
    assert caught.value.partial is not None
    assert caught.value.partial.text


@pytest.mark.parametrize("kind", ALL)
def test_a_reset_connection(kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str) -> None:
    mistral_sandbox.inject(Fault(connection="reset"))
    with pytest.raises(APIConnectionError):
        kind.run(client(mistral_sandbox_url), ask(), None)


@pytest.mark.parametrize("kind", ALL)
def test_a_closed_port(kind: Kind) -> None:
    with pytest.raises(APIConnectionError, match=r"127\.0\.0\.1.*Check the URL") as caught:
        kind.run(client("http://127.0.0.1:9"), ask(), None)
    assert caught.value.cost is not None
    assert caught.value.cost.amount == 0  # nothing was sent


@pytest.mark.parametrize("kind", KINDS)
def test_request_timeout_ends_with_the_headers(
    kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    config = {"provider": "mistral-ai", "api_key": "k", "request_timeout": 300}
    mine = client(mistral_sandbox_url, portkey_config=config)
    mistral_sandbox.inject(Fault(delay=5))
    with pytest.raises(APITimeoutError, match="request_timeout of 0.3 s"):
        kind.run(mine, ask(), None)
    mistral_sandbox.reply("one two three four five six")
    mistral_sandbox.inject(Fault(event_delay=0.1))
    assert STREAMED[0].run(mine, ask(), None).finish_reason == "stop"


async def test_a_closed_stream_frees_the_connection(
    mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.05))
    stream = client(mistral_sandbox_url).astream(ask(LONG))
    await anext(stream)
    await stream.aclose()
    await until_async(lambda: mistral_sandbox.in_flight == 0)


def test_no_cookie_is_kept(mistral_sandbox: Sandbox, mistral_sandbox_url: str) -> None:
    mine = client(mistral_sandbox_url)
    mistral_sandbox.fail(200, body={"model": "m", "choices": []}, headers={"set-cookie": "a=b"})
    with pytest.raises(APIError):
        mine.chat(ask())
    mine.chat(ask())
    assert "cookie" not in mistral_sandbox.requests[-1].headers


def test_the_second_client_costs_nothing(mistral_sandbox_url: str) -> None:
    """Pools belong to the process: another client opens no new connection."""
    first, second = client(mistral_sandbox_url), client(mistral_sandbox_url, timeout=5.0)
    first.chat(ask())
    from portkey_mistral._transport.options import TransportOptions
    from portkey_mistral._transport.pools import sync_transport

    assert sync_transport(TransportOptions(), "http://a") is sync_transport(
        TransportOptions(), "http://b"
    )
    assert second.chat(ask()).text


@pytest.mark.parametrize("kind", STREAMED)
def test_comments_do_not_keep_a_stalled_stream_alive(kind: Kind) -> None:
    """Only events with data count."""
    interrupted = pytest.raises(StreamInterruptedError, match="idle_timeout")
    with stalling(b": keep-alive\n\n") as url, interrupted:
        kind.run(client(url, idle_timeout=0.3), ask(), None)


def test_a_slow_reader_is_not_a_stall(mistral_sandbox: Sandbox, mistral_sandbox_url: str) -> None:
    mine = client(mistral_sandbox_url, idle_timeout=1.5)
    mistral_sandbox.inject(Fault(event_delay=0.02))
    with mine.stream(ask()) as stream:
        next(stream)
        time.sleep(1.7)
        assert [delta.finish_reason for delta in stream][-1] == "stop"


@pytest.mark.parametrize("kind", STREAMED)
def test_the_deadline_ends_a_stream_that_goes_on(
    kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.1))
    with pytest.raises(StreamInterruptedError, match="deadline"):
        kind.run(client(mistral_sandbox_url, deadline=1.5), ask(LONG), None)


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut_after=6),
        Fault(cut_after=6, clean_cut=True),
        Fault(garble_after=6),
        Fault(stall_after=6, stall_seconds=30),
    ],
)
def test_a_broken_stream_is_resumed(
    kind: Kind, fault: Fault, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mine = client(mistral_sandbox_url, on_interrupt="resume", idle_timeout=0.5)
    whole = mine.chat(ask(LONG)).text
    mistral_sandbox.inject(fault)
    answer = kind.run(mine, ask(LONG), None)
    assert (answer.text, answer.finish_reason) == (whole, "stop")


class _Proxy(BaseHTTPRequestHandler):
    """A proxy that answers everything itself, and records the requested URLs."""

    paths: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.paths.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"model": "m", "choices": [{"message": {"content": "by proxy"}}]}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_is_used(kind: Kind) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            proxy = f"http://127.0.0.1:{server.server_port}"
            answer = kind.run(client("http://llm.example", proxy=proxy), ask(), None)
        finally:
            server.shutdown()
            thread.join()
    assert answer.text == "by proxy"
    assert _Proxy.paths[-1] == "http://llm.example/v1/chat/completions"


# --- the time until the head of an answer ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_announcements_do_not_prolong_the_deadline(kind: Kind) -> None:
    """A proxy may send 102 repeatedly to keep a connection alive."""

    def script(peer: Peer) -> None:
        peer.read()
        with suppress(OSError):  # the client leaves in the middle
            for _ in range(400):
                peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
                time.sleep(0.05)

    with serving(script) as server:
        mine = Client(base_url=server.url, api_key="k", deadline=0.3, max_retries=0)
        with pytest.raises(APITimeoutError):
            kind.run(mine, ask(), None)


@pytest.mark.parametrize("kind", STREAMED)
def test_the_first_content_is_waited_for_from_the_send_on(
    kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mine = Client(
        base_url=mistral_sandbox_url,
        api_key="k",
        state=f"memory:first content of {kind}",
        requests_per_minute=30,
        first_token_timeout=1.8,
    )
    for _ in range(2):  # the second waits for its turn for two seconds
        assert kind.run(mine, ask(), None).text


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("deadline", [None, 60])
@pytest.mark.parametrize(("stall", "error"), [(0, APITimeoutError), (4, StreamInterruptedError)])
def test_the_limit_that_was_reached_is_the_one_that_is_named(
    kind: Kind,
    deadline: float | None,
    stall: int,
    error: type[APIError],
    mistral_sandbox: Sandbox,
    mistral_sandbox_url: str,
) -> None:
    mistral_sandbox.inject(Fault(stall_after=stall, stall_seconds=5))
    mine = Client(
        base_url=mistral_sandbox_url, api_key="k", timeout=0.3, deadline=deadline, max_retries=0
    )
    with pytest.raises(error, match=r"no data for 0\.3 s \(timeout\)"):
        kind.run(mine, ask(), None)
