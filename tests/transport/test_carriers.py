"""What can happen on a connection, for our transports and stock httpx's alike."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import httpx
import pytest
import trustme

from carriers import CARRIERS, DIRECT, Carrier, Line
from portkey_mistral._transport.carriers import AsyncStockCarrier, StockCarrier
from portkey_mistral._transport.connections import Wiring, async_carrier, sync_carrier
from portkey_mistral._transport.http1 import pool
from portkey_mistral._transport.http1.blocking import DirectCarrier
from portkey_mistral._transport.http1.on_loop import AsyncDirectCarrier
from portkey_mistral._wire.http import HTTPRequest
from raw_server import Peer, answer, serving

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"
TEXT = b"All is well. " * 400
SQUEEZED = gzip.compress(TEXT)


def plain(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def chunked(body: bytes, *headers: bytes, size: int = 700, end: bytes = b"0\r\n\r\n") -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *headers, b"", b""]
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"\r\n".join(lines) + b"".join(b"%x\r\n%s\r\n" % (len(x), x) for x in parts) + end


every = pytest.mark.parametrize("carrier", CARRIERS)
ours = pytest.mark.parametrize("carrier", DIRECT)


@every
@pytest.mark.parametrize("pieces", [None, 1, 7, 1000])
@pytest.mark.parametrize(
    ("wire", "body"),
    {
        "length": (plain(TEXT), TEXT),
        "empty": (plain(b""), b""),
        "chunks": (chunked(TEXT), TEXT),
        "chunks of one byte": (chunked(b"abc", size=1), b"abc"),
        "extension and trailer": (
            chunked(b"", end=b"4;q=1\r\nfine\r\n0;x\r\nChecksum: 1\r\nOther: 2\r\n\r\n"),
            b"fine",
        ),
        "gzip": (plain(SQUEEZED, b"Content-Encoding: gzip"), TEXT),
        "gzip in chunks": (chunked(SQUEEZED, b"content-encoding: gzip", size=11), TEXT),
        "announced": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + plain(TEXT), TEXT),
        "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        "folded header": (plain(TEXT, b"x-long: one\r\n  two"), TEXT),
        "no reason": (b"HTTP/1.1 200\r\ncontent-length: 4\r\n\r\nfine", b"fine"),
    }.values(),
)
def test_bodies(carrier: Carrier, wire: bytes, body: bytes, pieces: int | None) -> None:
    with serving(answer(wire, pieces=pieces)) as server, carrier.line() as line:
        assert line.ask(server.url).content == body
        assert line.ask(server.url).content == body
    assert server.connections == 1


@every
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_that_ends_with_the_connection(carrier: Carrier, version: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/%s 200 OK\r\n\r\n" % version + TEXT, pieces=999)

    with serving(script) as server, carrier.line() as line:
        assert line.ask(server.url).content == TEXT
        assert line.ask(server.url).content == TEXT
    assert server.connections == 2


@every
@pytest.mark.parametrize(
    "wire",
    {
        "nothing": b"",
        "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
        "short": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        "cut chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort",
        "no last chunk": chunked(TEXT, end=b""),
        "no trailer's end": chunked(TEXT, end=b"0\r\nx: y\r\n"),
        "no chunk size": chunked(b"", end=b"zz\r\nfine\r\n0\r\n\r\n"),
        "negative chunk": chunked(b"", end=b"-4\r\nfine\r\n0\r\n\r\n"),
        "long chunk": chunked(b"", end=b"3\r\nfine\r\n0\r\n\r\n"),
        "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "two lengths": plain(b"fine", b"Content-Length: 5"),
        "no length": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nfine",
        "unknown encoding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nfine",
        "header without name": b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
    }.values(),
)
def test_what_is_no_whole_answer_is_a_fault(carrier: Carrier, wire: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(wire)

    with (
        serving(script, answer(OK)) as server,
        carrier.line() as line,
    ):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            line.ask(server.url)
        assert line.ask(server.url).content == b"fine"
    assert server.connections == 2


@every
def test_a_large_body_goes_and_comes_whole(carrier: Carrier) -> None:
    large = bytes(range(256)) * 20_000
    with serving(answer(plain(large))) as server, carrier.line() as line:
        assert line.ask(server.url, large).content == large
    assert server.requests[0].endswith(large)


@every
def test_a_refusal_in_the_middle_of_the_request_is_read(carrier: Carrier) -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nless")
        peer.wait_for_end()

    with serving(script) as server, carrier.line() as line:
        response = line.ask(server.url, b"x" * 10_000)
    assert (response.status, response.content) == (413, b"less")


# --- limits -----------------------------------------------------------------------------------------


@every
def test_connecting_takes_too_long(carrier: Carrier) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        host = full.getsockname()
        with socket.create_connection(host), socket.socket() as second, carrier.line() as line:
            second.setblocking(False)
            second.connect_ex(host)
            with pytest.raises(httpx.ConnectTimeout):
                line.ask(f"http://{host[0]}:{host[1]}/", limits=httpx.Timeout(5, connect=0.2))


@every
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", chunked(TEXT, end=b"")])
def test_reading_takes_too_long(carrier: Carrier, said: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(said)
        peer.wait_for_end()

    with serving(script) as server, carrier.line() as line:
        with pytest.raises(httpx.ReadTimeout):
            line.ask(server.url, limits=httpx.Timeout(5, read=0.2))
        assert server.left.wait(5)


@every
def test_writing_takes_too_long(carrier: Carrier) -> None:
    done = threading.Event()
    with serving(lambda _: done.wait(5) and None) as server, carrier.line() as line:
        with pytest.raises(httpx.WriteTimeout):
            line.ask(server.url, b"x" * 50_000_000, limits=httpx.Timeout(5, write=0.2))
        done.set()


@every
def test_waiting_for_a_place_takes_too_long(carrier: Carrier) -> None:
    limits = httpx.Timeout(5, pool=0.2)
    with serving(answer(chunked(TEXT))) as server, carrier.line(most=1) as line:
        first = line.open(server.url)
        with pytest.raises(httpx.PoolTimeout):
            line.ask(server.url, limits=limits)
        line.leave(first)
        assert line.ask(server.url, limits=limits).content == TEXT


@every
def test_a_request_that_failed_gives_its_place_back_and_no_other(carrier: Carrier) -> None:
    limits = httpx.Timeout(5, pool=0.5)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host, port = gone.getsockname()
    serves = serving(answer(b"nonsense\r\n\r\n"), answer(chunked(TEXT)))
    with serves as server, carrier.line(most=1) as line:
        with pytest.raises(httpx.ConnectError):
            line.ask(f"http://{host}:{port}/", limits=limits)
        with pytest.raises(httpx.RemoteProtocolError):
            line.ask(server.url, limits=limits)
        first = line.open(server.url, limits=limits)
        with pytest.raises(httpx.PoolTimeout):
            line.ask(server.url, limits=limits)
        line.leave(first)


@ours
def test_the_limit_of_the_body_may_be_another(carrier: Carrier) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(chunked(TEXT, end=b""))
        peer.wait_for_end()

    with serving(script) as server, carrier.line() as line:
        response = line.open(server.url)
        response.limit_reads(0.1)
        with pytest.raises(httpx.ReadTimeout):
            line.read(response)


# --- connections that are kept ----------------------------------------------------------------------


@every
@pytest.mark.parametrize("why", [b"Connection: close", b"connection: Keep-Alive, CLOSE"])
def test_a_server_that_closes_gets_a_new_connection(carrier: Carrier, why: bytes) -> None:
    with serving(answer(plain(b"fine", why))) as server, carrier.line() as line:
        for _ in range(3):
            assert line.ask(server.url).content == b"fine"
    assert server.connections == 3


@every
def test_a_connection_that_was_closed_meanwhile_is_not_used(carrier: Carrier) -> None:
    def once(peer: Peer) -> None:
        peer.read()
        peer.send(OK)

    with serving(once) as server, carrier.line() as line:
        for _ in range(3):
            assert line.ask(server.url).content == b"fine"
            time.sleep(0.05)
    assert server.connections == 3


@ours
def test_a_connection_on_which_more_was_said_is_not_used(carrier: Carrier) -> None:
    with serving(answer(OK + OK)) as server, carrier.line() as line:
        for _ in range(3):
            assert line.ask(server.url).content == b"fine"
            time.sleep(0.05)
    assert server.connections == 3


@ours
def test_the_server_says_how_long_a_connection_is_kept(carrier: Carrier) -> None:
    wire = plain(b"fine", b"Keep-Alive: max=5, timeout=1")
    with serving(answer(wire)) as server, carrier.line() as line:
        for _ in range(2):
            assert line.ask(server.url).content == b"fine"
    assert server.connections == 2


def deaf(peer: Peer) -> None:
    """Answer once, and break at the next request."""
    peer.read()
    peer.send(OK)
    peer.read()
    peer.reset()


@ours
def test_a_stale_connection_is_replaced_once(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_STALE_AFTER_SECONDS", 0.0)
    with serving(deaf, answer(OK)) as server, carrier.line() as line:
        assert line.ask(server.url).content == b"fine"
        assert line.ask(server.url, b'{"second": 1}').content == b"fine"
    assert server.connections == 2
    assert [request[-13:] for request in server.requests[1:]] == [b'{"second": 1}'] * 2


@ours
def test_a_fresh_connection_that_breaks_is_not_replaced(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(peer: Peer) -> None:
        peer.read()

    monkeypatch.setattr(pool, "_STALE_AFTER_SECONDS", 0.0)
    with serving(deaf, silent) as server, carrier.line() as line:
        assert line.ask(server.url).content == b"fine"
        with pytest.raises(httpx.TransportError):
            line.ask(server.url)
    assert server.connections == 2


@ours
def test_a_request_that_the_server_may_have_read_is_not_sent_again(carrier: Carrier) -> None:
    with serving(deaf, answer(OK)) as server, carrier.line() as line:
        assert line.ask(server.url).content == b"fine"
        with pytest.raises(
            httpx.TransportError
        ):  # the connection did not rest, so it was not stale
            line.ask(server.url)
    assert server.connections == 1


@every
def test_leaving_a_stream_closes_its_connection(carrier: Carrier) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(chunked(TEXT, end=b""))
        peer.wait_for_end()

    with serving(script, answer(OK)) as server, carrier.line() as line:
        line.leave(line.open(server.url))
        assert server.left.wait(5)
        assert line.ask(server.url).content == b"fine"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", chunked(TEXT, end=b"")])
@pytest.mark.parametrize("carrier", [each for each in CARRIERS if each.is_async])
def test_a_cancelled_request_leaves_nothing(carrier: Carrier, said: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(said)
        peer.wait_for_end()

    async def cancelled(url: str) -> None:
        async def read() -> None:
            async with await line.carrier.send(HTTPRequest(url, b"{}"), httpx.Timeout(5)) as reply:
                await reply.body()

        asking = asyncio.create_task(read())
        while not server.requests:  # noqa: ASYNC110  the server lives in a thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with serving(script, answer(OK)) as server, carrier.line(most=1) as line:
        line.run(cancelled(server.url))
        assert server.left.wait(5)
        assert line.ask(server.url, limits=httpx.Timeout(5, pool=1)).content == b"fine"


# --- TLS --------------------------------------------------------------------------------------------


def certified(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's settings, and those of a client that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(*names).configure_cert(server)
    authority.configure_trust(client)
    return server, client


@every
def test_tls(carrier: Carrier) -> None:
    tls, trusting = certified("localhost")
    with serving(answer(chunked(TEXT)), tls=tls) as server, carrier.line(trusting) as line:
        assert line.ask(server.url, b"x" * 100_000).content == TEXT
        assert line.ask(server.url).content == TEXT
    assert server.connections == 1


@every
@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
def test_a_certificate_that_does_not_hold_is_refused(carrier: Carrier, name: str) -> None:
    tls, trusting = certified(name)
    knows = trusting if name != "localhost" else ssl.create_default_context()
    with (
        serving(answer(OK), tls=tls) as server,
        carrier.line(knows) as line,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        line.ask(server.url)
    assert server.requests == []


@every
def test_a_server_that_does_not_speak_tls(carrier: Carrier) -> None:
    with (
        serving(lambda peer: peer.send(OK)) as server,
        carrier.line() as line,
        pytest.raises(httpx.ConnectError),
    ):
        line.ask(server.url.replace("http:", "https:"))


# --- what the rest of the package counts on ---------------------------------------------------------


@pytest.mark.parametrize("carrier", [each for each in CARRIERS if not each.is_async])
def test_another_thread_can_end_a_read(carrier: Carrier) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(chunked(TEXT, end=b""))
        peer.wait_for_end()

    with serving(script) as server, carrier.line() as line:
        response = line.open(server.url)
        connected = response.socket
        assert isinstance(connected, socket.socket)
        threading.Timer(0.1, connected.shutdown, [socket.SHUT_RDWR]).start()
        with pytest.raises(httpx.TransportError):
            line.read(response)
        line.leave(response)


@every
@pytest.mark.parametrize("value", ["a\r\nx: y", "a\n", "a\x00b", " a"])
def test_a_header_that_would_become_two_is_not_sent(carrier: Carrier, value: str) -> None:
    with (
        serving(answer(OK)) as server,
        carrier.line() as line,
        pytest.raises(httpx.LocalProtocolError),
    ):
        line.ask(server.url, headers={"authorization": value})
    assert server.requests == []


@every
def test_name_and_password_in_the_url(carrier: Carrier) -> None:
    with serving(answer(OK)) as server, carrier.line() as line:
        assert line.ask(server.url.replace("//", "//me:secret@")).content == b"fine"
    assert b"authorization: basic bwu6c2vjcmv0\r\n" in server.requests[0].lower()


@every
@pytest.mark.parametrize("url", ["ftp://localhost/", "/v1/chat", "http://nowhere.invalid/"])
def test_a_url_that_leads_nowhere(carrier: Carrier, url: str) -> None:
    with carrier.line() as line, pytest.raises((httpx.UnsupportedProtocol, httpx.ConnectError)):
        line.ask(url)


# --- proxies ----------------------------------------------------------------------------------------


def ask_through(wiring: Wiring, url: str, *, is_async: bool) -> bytes:
    request, limits = HTTPRequest(url, b"{}"), httpx.Timeout(5)

    async def ask() -> bytes:
        async with await async_carrier(wiring, "http").send(request, limits) as reply:
            return await reply.body()

    if is_async:
        return asyncio.run(ask())
    carrier = sync_carrier(wiring, "http")
    with carrier.send(request, limits) as reply:
        content = reply.body()
    carrier.close()
    return content


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("said_by", ["HTTP_PROXY", "all_proxy", "argument"])
def test_a_proxy_is_used(said_by: str, is_async: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer(OK)) as server:
        proxy = server.url.removesuffix("/v1")
        if said_by != "argument":
            monkeypatch.setenv(said_by, proxy)
        # TLS settings of its own give the test a pool of its own.
        wiring = Wiring(proxy if said_by == "argument" else None, ssl.create_default_context())
        assert ask_through(wiring, "http://api.example/v1", is_async=is_async) == b"fine"
    assert server.requests[0].startswith(b"POST http://api.example/v1 HTTP/1.1\r\n")


@pytest.mark.parametrize("is_async", [False, True])
def test_no_proxy_for_this_host(is_async: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "localhost")
    with serving(answer(OK)) as server:
        wiring = Wiring(ssl_context=ssl.create_default_context())
        assert ask_through(wiring, server.url, is_async=is_async) == b"fine"


async def test_without_a_proxy_our_own_transport_is_used() -> None:
    wiring = Wiring(ssl_context=ssl.create_default_context())
    assert isinstance(sync_carrier(wiring, "https"), DirectCarrier)
    assert isinstance(async_carrier(wiring, "https"), AsyncDirectCarrier)


async def test_a_client_of_the_users_own_is_used_as_it_is() -> None:
    with httpx.Client() as own:
        async with httpx.AsyncClient() as aown:
            wiring = Wiring(http_client=own, http_async_client=aown)
            carrier, acarrier = sync_carrier(wiring, "https"), async_carrier(wiring, "https")
            assert isinstance(carrier, StockCarrier)
            assert isinstance(acarrier, AsyncStockCarrier)
            assert (carrier.client, acarrier.client) == (own, aown)


class Replacing(httpx.Auth):
    """Sends a request of its own instead of the one that it was given."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        yield httpx.Request(request.method, request.url, headers=request.headers)


class Answering(httpx.Client):
    def send(self, *_: Any, **__: Any) -> httpx.Response:
        return httpx.Response(200, content=b"fine")


class AsyncAnswering(httpx.AsyncClient):
    async def send(self, *_: Any, **__: Any) -> httpx.Response:
        return httpx.Response(200, content=b"fine")


def fine(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"fine")


@pytest.mark.parametrize(
    "carrier",
    [
        StockCarrier(Answering()),
        AsyncStockCarrier(AsyncAnswering()),
        StockCarrier(httpx.Client(auth=Replacing(), transport=httpx.MockTransport(fine))),
        AsyncStockCarrier(httpx.AsyncClient(auth=Replacing(), transport=httpx.MockTransport(fine))),
    ],
)
def test_a_client_of_the_users_own_may_answer_to_another_request(
    carrier: StockCarrier | AsyncStockCarrier,
) -> None:
    with closing(Line(carrier, is_async=isinstance(carrier, AsyncStockCarrier))) as line:
        reply = line.open("http://api.test/v1")
        reply.limit_reads(1.0)
        assert line.read(reply) == b"fine"


def test_importing_the_package_does_not_bring_what_only_a_proxy_needs() -> None:
    code = "import sys, portkey_mistral.client; sys.exit('httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- the one timer of an async connection -----------------------------------------------------------


def slowly(*pauses: float, ends: bool = True) -> Callable[[Peer], None]:
    """Answer in pieces, with a pause before each."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for pause in pauses:
            time.sleep(pause)
            peer.send(b"1\r\nx\r\n")
        peer.send(b"0\r\n\r\n") if ends else peer.wait_for_end()

    return script


@pytest.mark.parametrize("carrier", DIRECT)
@pytest.mark.parametrize("limits", [[0.6] * 6, [60.0, 0.6, 0.6, None, 0.6, 0.6]])
def test_a_limit_holds_for_each_read_by_itself(
    carrier: Carrier, limits: list[float | None]
) -> None:
    with serving(slowly(*[0.2] * 5)) as server, carrier.line() as line:
        reply = line.open(server.url, limits=httpx.Timeout(5, read=limits[0]))
        assert line.read_in_pieces(reply, limits[1:]) == b"xxxxx"


@pytest.mark.parametrize("carrier", DIRECT)
@pytest.mark.parametrize("earlier", [60.0, 0.3, None])
def test_a_read_that_is_late_ends_whatever_was_allowed_before(
    carrier: Carrier, earlier: float | None
) -> None:
    with serving(slowly(0.1, 0.1, ends=False)) as server, carrier.line() as line:
        reply = line.open(server.url, limits=httpx.Timeout(5, read=earlier))
        started = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            line.read_in_pieces(reply, [earlier, earlier, 0.3])
        assert time.monotonic() - started < 2.5
        line.leave(reply)


@pytest.mark.parametrize("carrier", DIRECT)
def test_a_limit_of_one_answer_is_none_of_the_next(carrier: Carrier) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        slowly(0.6)(peer)

    with serving(script) as server, carrier.line() as line:
        assert line.ask(server.url, limits=httpx.Timeout(0.3)).content == b"fine"
        assert line.ask(server.url, limits=httpx.Timeout(None)).content == b"x"
    assert server.connections == 1
