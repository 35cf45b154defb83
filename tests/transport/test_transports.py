"""Faults and guarantees of a connection: one table for every HTTP library, sync and async."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from portkey_mistral._transport import aiohttp_transport, base, keepalive
from portkey_mistral._transport.base import (
    ConnectError,
    ConnectTimeout,
    DecodingError,
    LocalProtocolError,
    PoolTimeout,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
    UnsupportedProtocol,
    WriteTimeout,
)
from portkey_mistral._transport.httpx_transport import AsyncHttpxTransport, HttpxTransport
from portkey_mistral._wire.http_request import HTTPRequest
from raw_server import Peer, RawServer, answer, serving, tunnelling
from transports import ASYNC, DEFAULTS, SYNC, TRANSPORTS, Line, Transport, limits
from waiting import until, until_async

CLOSE = b"connection: close"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"
TEXT = b"All is well. " * 400
SQUEEZED = gzip.compress(TEXT)


def plain(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def chunked(body: bytes, *headers: bytes, size: int = 700, end: bytes = b"0\r\n\r\n") -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *headers, b"", b""]
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"\r\n".join(lines) + b"".join(b"%x\r\n%s\r\n" % (len(x), x) for x in parts) + end


def once(wire: bytes) -> Callable[[Peer], None]:
    """Answer one request and close the connection."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(wire)

    return script


def stays(wire: bytes) -> Callable[[Peer], None]:
    """Answer one request and keep the connection open without sending anything."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(wire)
        peer.wait_for_end()

    return script


every = pytest.mark.parametrize("transport", TRANSPORTS)
defaults = pytest.mark.parametrize("transport", DEFAULTS)
sync_only = pytest.mark.parametrize("transport", SYNC)
async_only = pytest.mark.parametrize("transport", ASYNC)

# --- bodies -----------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("pieces", [None, 1, 1000])
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
        "two gzip members": (plain(SQUEEZED * 2, b"content-encoding: x-gzip"), TEXT * 2),
        "empty gzip": (plain(b"", b"content-encoding: gzip"), b""),
        "early hints": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + plain(TEXT), TEXT),
        "interim responses": (b"HTTP/1.1 102 Processing\r\n\r\n" * 5 + plain(TEXT), TEXT),
        "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + plain(TEXT), TEXT),
        "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        "folded header": (plain(TEXT, b"x-long: one\r\n  two"), TEXT),
        "no reason": (b"HTTP/1.1 200\r\ncontent-length: 4\r\n\r\nfine", b"fine"),
        "a long header": (plain(TEXT, b"x-long: " + b"x" * 15_000), TEXT),
    }.values(),
)
def test_bodies(transport: Transport, wire: bytes, body: bytes, pieces: int | None) -> None:
    with serving(answer(wire, pieces=pieces)) as server, transport.line() as line:
        assert line.ask(server.url).content == body
        assert line.ask(server.url).content == body
    assert server.connections == 1


@every
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_that_ends_with_the_connection(transport: Transport, version: bytes) -> None:
    with (
        serving(once(b"HTTP/%s 200 OK\r\n\r\n" % version + TEXT)) as server,
        transport.line() as line,
    ):
        assert line.ask(server.url).content == TEXT
        assert line.ask(server.url).content == TEXT
    assert server.connections == 2


@every
def test_names_of_headers_are_in_lower_case_and_repeated_ones_are_joined(
    transport: Transport,
) -> None:
    wire = plain(b"", b"X-Request-ID: r1", b"Vary: a", b"vary: b")
    with serving(answer(wire)) as server, transport.line() as line:
        headers = line.ask(server.url).headers
    assert (headers["x-request-id"], headers["vary"]) == ("r1", "a, b")


@every
@pytest.mark.parametrize(
    "wire",
    {
        "nothing": b"",
        "half a status line": b"HTTP/1.1 20",
        "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
        "no end of the head": b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
        "short": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        "cut chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort",
        "no last chunk": chunked(TEXT, end=b""),
        "no chunk size": chunked(b"", end=b"zz\r\nfine\r\n0\r\n\r\n"),
        "negative chunk": chunked(b"", end=b"-4\r\nfine\r\n0\r\n\r\n"),
        "long chunk": chunked(b"", end=b"3\r\nfine\r\n0\r\n\r\n"),
        "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "switched protocol": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        "two lengths": plain(b"fine", b"Content-Length: 5"),
        "a head of too many headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
        "a head of one long line": b"HTTP/1.1 200 OK\r\na: " + b"b" * 200_000,
        "nothing but interim responses": b"HTTP/1.1 102 Processing\r\n\r\n" * 400,
        "an interim head without end": b"HTTP/1.1 103 Early Hints\r\n" + b"a: b\r\n" * 20_000,
        "cut gzip": plain(SQUEEZED[:-20], b"content-encoding: gzip", CLOSE),
        "no gzip": plain(b"fine", b"content-encoding: gzip", CLOSE),
        "something after the gzip": plain(SQUEEZED + b"more", b"content-encoding: gzip", CLOSE),
    }.values(),
)
def test_an_incomplete_or_invalid_response_is_an_error(transport: Transport, wire: bytes) -> None:
    with (
        serving(once(wire), answer(OK)) as server,
        transport.line() as line,
    ):
        with pytest.raises((RemoteProtocolError, ReadError, DecodingError)):
            if line.ask(server.url).status == 101:  # no success either; see `classify_response`
                raise RemoteProtocolError
        assert line.ask(server.url).content == b"fine"


@defaults
def test_an_unrequested_content_encoding_is_an_error(transport: Transport) -> None:
    wire = plain(zlib.compress(TEXT), b"content-encoding: deflate")
    with serving(answer(wire)) as server, transport.line() as line:
        with pytest.raises(DecodingError, match="'deflate'"):
            line.ask(server.url)
        assert b"accept-encoding: gzip\r\n" in server.requests[0].lower()


@every
def test_a_decompression_bomb_is_an_error_and_is_decoded_in_bounded_chunks(
    transport: Transport,
) -> None:
    wire = plain(gzip.compress(bytes(20_000_000)), b"content-encoding: gzip")
    sizes: list[int] = []
    with serving(answer(wire)) as server, transport.line() as line:
        response = line.open(server.url)
        with pytest.raises(DecodingError, match="200 times"):
            sizes.extend(map(len, line.pieces(response)))
        line.leave(response)
    assert max(sizes) <= 64 * 1024


@every
def test_a_large_well_compressed_body_is_not_a_bomb(transport: Transport) -> None:
    text = b"".join(b'{"embedding": [%d.125, 0.0, 0.0]},' % n for n in range(400_000))
    wire = plain(gzip.compress(text, 1), b"content-encoding: gzip")
    with serving(answer(wire)) as server, transport.line() as line:
        assert line.ask(server.url).content == text


@every
def test_events_come_as_they_are_sent(transport: Transport) -> None:
    """Half a chunk too, and through gzip, whose encoder was flushed."""
    squeeze = zlib.compressobj(wbits=31)
    first = squeeze.compress(b"data: 1\n\n") + squeeze.flush(zlib.Z_SYNC_FLUSH)
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        size = len(first) + 10
        peer.send(chunked(b"", b"content-encoding: gzip", end=b"") + b"%x\r\n" % size + first)
        go_on.wait(5)

    with serving(script) as server, transport.line() as line:
        response = line.open(server.url)
        assert next(line.pieces(response)) == b"data: 1\n\n"
        go_on.set()
        line.leave(response)


@every
def test_large_bodies_are_sent_and_received_completely(transport: Transport) -> None:
    large = bytes(range(256)) * 20_000
    with serving(answer(plain(large))) as server, transport.line() as line:
        assert line.ask(server.url, large).content == large
    assert server.requests[0].endswith(large)


@every
def test_a_request_without_a_body(transport: Transport) -> None:
    with serving(answer(OK)) as server, transport.line() as line:
        assert line.ask(server.url, None, method="GET").content == b"fine"
    assert server.requests[0].startswith(b"GET /v1 HTTP/1.1\r\n")


@every
@pytest.mark.parametrize("size", [1_000, 10_000_000])
def test_an_error_response_during_the_request_is_read(transport: Transport, size: int) -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nless")
        peer.wait_for_end()

    with serving(script) as server, transport.line() as line:
        response = line.ask(server.url, b"x" * size)
    assert (response.status, response.content) == (413, b"less")


@every
@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"])
def test_redirects_are_never_followed(transport: Transport, status: bytes) -> None:
    with serving(answer(OK)) as elsewhere:
        wire = plain(b"", b"location: " + elsewhere.url.encode(), status=status)
        with serving(answer(wire)) as server, transport.line() as line:
            assert line.ask(server.url).status == int(status[:3])
        assert elsewhere.requests == []


# --- limits -----------------------------------------------------------------------------------------


@every
def test_connect_timeout(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        host = full.getsockname()
        with socket.create_connection(host), socket.socket() as second, transport.line() as line:
            second.setblocking(False)
            second.connect_ex(host)
            with pytest.raises(ConnectTimeout):
                line.ask(f"http://{host[0]}:{host[1]}/", timeouts=limits(connect=0.2))


@every
def test_tls_handshake_timeout(transport: Transport) -> None:
    with (
        serving(stays(b"")) as server,
        transport.line() as line,
        pytest.raises(ConnectTimeout),
    ):
        line.ask(server.url.replace("http:", "https:"), timeouts=limits(connect=0.2))


@every
@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\n", chunked(TEXT, end=b"")])
def test_read_timeout(transport: Transport, wire: bytes) -> None:
    with serving(stays(wire)) as server, transport.line() as line:
        with pytest.raises(ReadTimeout):
            line.ask(server.url, timeouts=limits(read=0.2))
        assert server.left.wait()


@every
@pytest.mark.parametrize("connect", [5.0, None])
def test_write_timeout(transport: Transport, connect: float | None) -> None:
    done = threading.Event()
    with serving(lambda _: done.wait(5) and None) as server, transport.line() as line:
        with pytest.raises(WriteTimeout):
            line.ask(server.url, b"x" * 50_000_000, timeouts=limits(connect=connect, write=0.2))
        done.set()


LARGE = b"x" * 50_000_000


@contextmanager
def reading_nothing() -> Iterator[tuple[RawServer, Callable[[], bool]]]:
    """Serve without reading anything. Yield the server, and whether the client's end of its connection is open."""
    ports, done = list[int](), threading.Event()

    def script(peer: Peer) -> None:
        ports.append(peer.socket.getpeername()[1])
        done.wait()

    def is_open() -> bool:
        return any(map(is_established, ports))

    with serving(script) as server:
        try:
            yield server, is_open
        finally:
            done.set()


def is_established(port: int) -> bool:
    """Whether the kernel has a connection from this local port that its process has not closed.

    A peer that reads nothing never sees the end of a connection, which is behind the data.
    """
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def turn(line: Line) -> None:
    """Let the event loop do what is due, where there is one."""
    line.run(asyncio.sleep(0.01) if line.is_async else None)


linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="reads Linux's table of connections"
)


@linux_only
@every
def test_a_write_that_times_out_closes_its_connection(transport: Transport) -> None:
    with reading_nothing() as (server, is_open), transport.line() as line:
        with pytest.raises(WriteTimeout):
            line.ask(server.url, LARGE, timeouts=limits(write=0.2))
        until(lambda: server.peers)
        until(lambda: turn(line) or not is_open())


@linux_only
@async_only
def test_a_write_that_is_cancelled_closes_its_connection(transport: Transport) -> None:
    async def cancelled(line: Line, is_open: Callable[[], bool], url: str) -> None:
        request = HTTPRequest(url, LARGE, {}, "POST")
        sending = asyncio.ensure_future(line.transport.send(request, limits(30.0)))
        await until_async(is_open)
        await asyncio.sleep(0.05)  # by then it writes, as a rule
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    with reading_nothing() as (server, is_open), transport.line() as line:
        line.run(cancelled(line, is_open, server.url))
        until(lambda: turn(line) or not is_open())


@every
def test_a_short_connect_timeout_does_not_limit_writes(transport: Transport) -> None:
    """urllib3 takes it for one of the whole request."""

    def script(peer: Peer) -> None:
        time.sleep(0.6)
        peer.read()
        peer.send(OK)

    with serving(script) as server, transport.line() as line:
        body = b"x" * 20_000_000
        assert line.ask(server.url, body, timeouts=limits(connect=0.3)).content == b"fine"


@every
def test_pool_timeout(transport: Transport) -> None:
    with serving(answer(chunked(TEXT))) as server, transport.line(most=1) as line:
        first = line.open(server.url)
        with pytest.raises(PoolTimeout):
            line.ask(server.url, timeouts=limits(pool=0.2))
        line.leave(first)
        assert line.ask(server.url, timeouts=limits(pool=0.2)).content == TEXT


@every
def test_a_failed_request_releases_one_slot(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        host, port = gone.getsockname()
    serves = serving(answer(b"nonsense\r\n\r\n"), answer(chunked(TEXT)))
    with serves as server, transport.line(most=1) as line:
        with pytest.raises(ConnectError):
            line.ask(f"http://{host}:{port}/", timeouts=limits(pool=0.5))
        with pytest.raises(RemoteProtocolError):
            line.ask(server.url, timeouts=limits(pool=0.5))
        first = line.open(server.url, timeouts=limits(pool=0.5))
        with pytest.raises(PoolTimeout):
            line.ask(server.url, timeouts=limits(pool=0.5))
        line.leave(first)


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


@every
def test_the_read_timeout_applies_to_each_read(transport: Transport) -> None:
    with serving(slowly(*[0.1] * 25)) as server, transport.line() as line:
        assert line.ask(server.url, timeouts=limits(read=2.2)).content == b"x" * 25


@defaults
@pytest.mark.parametrize("earlier", [60.0, None])
def test_the_read_timeout_can_change_during_a_body(
    transport: Transport, earlier: float | None
) -> None:
    with serving(slowly(0, ends=False)) as server, transport.line() as line:
        response = line.open(server.url, timeouts=limits(read=earlier))
        pieces = line.pieces(response)
        assert next(pieces) == b"x"
        response.limit_reads(0.1)
        with pytest.raises(ReadTimeout):
            next(pieces)
        line.leave(response)


def floods(head: bytes, piece: bytes) -> Callable[[Peer], None]:
    """Send a piece again and again, for as long as the client stays."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(head)
        with suppress(OSError):
            while True:
                peer.send(piece)
                time.sleep(0.01)

    return script


NO_BLOCK = b"\x00\x00\x00\xff\xff"
EVENT_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


@every
@pytest.mark.parametrize(
    "script",
    [
        floods(EVENT_STREAM + b"\r\n", b": ping\n\n"),
        floods(EVENT_STREAM + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n\n\r\n"),
        floods(EVENT_STREAM + b"transfer-encoding: chunked\r\n\r\n", b"0"),  # one long chunk size
        # A gzip stream of empty blocks, of which nothing comes.
        floods(EVENT_STREAM + b"content-encoding: gzip\r\n\r\n" + SQUEEZED[:10], NO_BLOCK),
    ],
)
def test_reading_ends_at_the_deadline_whatever_the_server_sends(
    transport: Transport, script: Callable[[Peer], None]
) -> None:
    with serving(script) as server, transport.line() as line:
        response = line.open(server.url)
        pieces, until = line.pieces(response), time.monotonic() + 0.4
        with pytest.raises((ReadTimeout, RemoteProtocolError)):
            while True:
                response.limit_reads(5.0, until)
                next(pieces)
        line.leave(response)


@pytest.mark.parametrize("transport", [DEFAULTS[0]])
@pytest.mark.parametrize(
    "piece",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n", b"x", b"a: b\r\n"],
)
def test_the_head_has_to_arrive_by_the_deadline_whatever_the_server_sends(
    transport: Transport, piece: bytes
) -> None:
    head = b"" if piece.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n"
    with serving(floods(head, piece)) as server, transport.line() as line:
        request = HTTPRequest(server.url, b"{}")
        with pytest.raises((ReadTimeout, RemoteProtocolError)):
            line.transport.send(request, limits(), time.monotonic() + 0.4)


@defaults
def test_a_slow_reader_is_not_an_error(transport: Transport) -> None:
    with serving(stays(chunked(TEXT, end=b""))) as server, transport.line() as line:
        response = line.open(server.url, timeouts=limits(read=0.2))
        pieces = line.pieces(response)
        assert next(pieces)
        line.run(asyncio.sleep(0.4)) if transport.is_async else time.sleep(0.4)
        response.limit_reads(5.0)
        line.leave(response)


@pytest.mark.parametrize("transport", [DEFAULTS[1]])
def test_data_received_during_a_long_pause_of_the_reader_is_read(
    transport: Transport,
) -> None:
    """aiohttp's own timer runs while nobody reads."""
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(chunked(b"first", end=b""))
        go_on.wait(5)
        peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    with serving(script) as server, transport.line() as line:
        response = line.open(server.url, timeouts=limits(read=0.2))
        pieces = line.pieces(response)
        assert next(pieces) == b"first"
        line.run(asyncio.sleep(0.5))
        go_on.set()
        line.run(asyncio.sleep(0.1))
        assert b"".join(pieces) == b"last"


# --- connections that are kept ----------------------------------------------------------------------


@every
@pytest.mark.parametrize("why", [b"Connection: close", b"connection: Keep-Alive, CLOSE"])
def test_a_server_that_closes_gets_a_new_connection(transport: Transport, why: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(plain(b"fine", why))

    with serving(script) as server, transport.line() as line:
        for _ in range(3):
            assert line.ask(server.url).content == b"fine"
    assert server.connections == 3


@every
@pytest.mark.parametrize("how", ["closes", "resets", "speaks", "half closes"])
def test_a_dead_idle_connection_is_not_used(transport: Transport, how: str) -> None:
    closed = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        if how == "speaks":
            time.sleep(0.1)
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nEVIL")
        if how == "resets":
            peer.reset()
        if how in ("closes", "resets"):
            peer.socket.close()
            closed.set()
            return
        if how == "half closes":
            peer.socket.shutdown(socket.SHUT_WR)
        closed.set()
        peer.wait_for_end()

    with serving(script) as server, transport.line() as line:
        for _ in range(3):
            assert line.ask(server.url).content == b"fine"
            closed.wait()
            closed.clear()
            time.sleep(0.02)  # the loop does not run, so it has not noticed
    assert server.connections == 3
    assert len(server.requests) == 3


@defaults
def test_bytes_after_a_response_never_answer_the_next_request(transport: Transport) -> None:
    with serving(answer(OK + OK.replace(b"fine", b"EVIL"))) as server, transport.line() as line:
        for _ in range(3):
            assert line.ask(server.url).content == b"fine"
            time.sleep(0.05)


def test_aiohttp_still_asks_the_hook_that_checks_idle_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`_get` is private. Were it called no more, a stray response could answer the next request."""
    checked: list[bool] = []
    # Which returns None: the connection is not fit.
    monkeypatch.setattr(aiohttp_transport, "_is_fit", lambda _: checked.append(True))
    with serving(answer(OK)) as server, DEFAULTS[1].line() as line:
        line.ask(server.url)
        line.ask(server.url)
    assert checked == [True]
    assert server.connections == 2


@defaults
def test_the_keep_alive_header_limits_reuse(transport: Transport) -> None:
    wire = chunked(b"fine", b"Keep-Alive: max=5, timeout=1")
    with serving(answer(wire, pieces=20)) as server, transport.line() as line:
        for _ in range(2):
            assert line.ask(server.url).content == b"fine"
    assert server.connections == 2


@defaults
def test_the_connection_used_last_is_used_next(transport: Transport) -> None:
    """So that the others can age."""
    all_there = threading.Barrier(3, timeout=10)

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(chunked(b"first", end=b""))
        all_there.wait()
        peer.send(b"0\r\n\r\n")
        answer(OK)(peer)

    with serving(script) as server, transport.line() as line:
        responses = [line.open(server.url) for _ in range(3)]
        for response in responses:
            line.read(response)
            line.leave(response)
        for _ in range(3):
            line.ask(server.url)
    assert server.connections == 3
    assert server.by_connection[-3:] == [server.by_connection[-1]] * 3


def deaf(peer: Peer) -> None:
    """Answer once, read the next request, and break."""
    peer.read()
    peer.send(OK)
    peer.read()
    peer.reset()


@every
@pytest.mark.parametrize("rest", [0.0, 1.2])
def test_a_request_that_the_server_may_have_read_is_not_sent_again(
    transport: Transport, rest: float
) -> None:
    with serving(deaf, answer(OK)) as server, transport.line() as line:
        assert line.ask(server.url).content == b"fine"
        line.run(asyncio.sleep(rest)) if transport.is_async else time.sleep(rest)
        with pytest.raises(TransportError):
            line.ask(server.url)
    assert server.connections == 1
    assert len(server.requests) == 2


@every
def test_leaving_a_stream_closes_its_connection(transport: Transport) -> None:
    with serving(stays(chunked(TEXT, end=b"")), answer(OK)) as server, transport.line() as line:
        line.leave(line.open(server.url))
        assert server.left.wait()
        assert line.ask(server.url).content == b"fine"


@defaults
def test_closing_a_transport_with_a_response_in_progress(transport: Transport) -> None:
    with serving(stays(chunked(TEXT, end=b""))) as server, transport.line() as line:
        response = line.open(server.url)
        if not transport.is_async:
            line.close()
            line.leave(response)
            assert line.transport.in_flight == 0
            return

        async def close_while_reading() -> None:
            async def read() -> None:
                async for _ in response.chunks():
                    pass

            reading = asyncio.create_task(read())
            await asyncio.sleep(0.1)
            await line.transport.aclose()
            with pytest.raises(TransportError):
                await asyncio.wait_for(reading, 5)

        line.run(close_while_reading())
        assert line.transport.in_flight == 0


# --- a task that is cancelled -----------------------------------------------------------------------


@async_only
@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\n", chunked(TEXT, end=b"")])
@pytest.mark.parametrize("size", [2, 20_000_000])
def test_a_cancelled_request_leaves_nothing(transport: Transport, wire: bytes, size: int) -> None:
    begun = threading.Event()

    def script(peer: Peer) -> None:
        if size > 2:
            peer.socket.recv(1000)
        else:
            peer.read()
        peer.send(wire)
        begun.set()
        peer.wait_for_end()

    async def cancelled(url: str) -> None:
        async def read() -> None:
            request = HTTPRequest(url, b"x" * size)
            async with await line.transport.send(request, limits()) as response:
                async for _ in response.chunks():
                    pass

        asking = asyncio.create_task(read())
        while not begun.is_set():  # noqa: ASYNC110  the server lives in a thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled() or isinstance(asking.exception(), TransportError)

    with serving(script, answer(OK)) as server, transport.line(most=1) as line:
        line.run(cancelled(server.url))
        assert server.left.wait()
        assert line.ask(server.url, timeouts=limits(pool=1.0)).content == b"fine"
        assert line.transport.in_flight == 0


@pytest.mark.parametrize("transport", [DEFAULTS[1]])
def test_a_request_that_is_cancelled_at_any_step_leaves_nothing(transport: Transport) -> None:
    async def read(url: str) -> None:
        async with await line.transport.send(HTTPRequest(url, b"{}"), limits()) as response:
            async for _ in response.chunks():
                pass

    async def steps(url: str) -> None:
        for count in range(25):
            task = asyncio.create_task(read(url))
            for _ in range(count):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.01)

    with serving(answer(chunked(TEXT))) as server, transport.line(most=2) as line:
        line.run(steps(server.url))
        assert line.transport.in_flight == 0
        for _ in range(3):
            assert line.ask(server.url, timeouts=limits(pool=1.0)).content == TEXT


# --- TLS --------------------------------------------------------------------------------------------


def certified(*names: str, authority: trustme.CA | None = None):
    """The server's settings, and those of a client that trusts it."""
    authority = authority or trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(*names).configure_cert(server)
    authority.configure_trust(client)
    return server, client


@every
def test_tls(transport: Transport) -> None:
    tls, trusting = certified("localhost")
    with serving(answer(chunked(TEXT)), tls=tls) as server, transport.line(trusting) as line:
        assert line.ask(server.url, b"x" * 300_000).content == TEXT
        assert line.ask(server.url).content == TEXT
    assert server.connections == 1


@every
@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
def test_an_invalid_certificate_is_rejected(transport: Transport, name: str) -> None:
    tls, trusting = certified(name)
    knows = trusting if name != "localhost" else ssl.create_default_context()
    with (
        serving(answer(OK), tls=tls) as server,
        transport.line(knows) as line,
        pytest.raises(ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        line.ask(server.url)
    assert server.requests == []


@every
@pytest.mark.parametrize("knows", [True, False])
def test_a_client_certificate(transport: Transport, knows: bool) -> None:
    authority = trustme.CA()
    tls, trusting = certified("localhost", authority=authority)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    if knows:
        authority.issue_cert("me@example").configure_cert(trusting)
    with serving(answer(OK), tls=tls) as server, transport.line(trusting) as line:
        if knows:
            assert line.ask(server.url).content == b"fine"
        else:
            with pytest.raises(TransportError):
                line.ask(server.url)
            assert server.requests == []


@every
def test_a_server_that_does_not_speak_tls(transport: Transport) -> None:
    with (
        serving(lambda peer: peer.send(OK)) as server,
        transport.line() as line,
        pytest.raises(ConnectError),
    ):
        line.ask(server.url.replace("http:", "https:"))


@every
def test_a_tls_connection_that_is_cut_in_the_body(transport: Transport) -> None:
    tls, trusting = certified("localhost")
    with (
        serving(once(chunked(TEXT, end=b"")), tls=tls) as server,
        transport.line(trusting) as line,
        pytest.raises((RemoteProtocolError, ReadError)),
    ):
        line.ask(server.url)


# --- addresses --------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_host_with_ipv4_and_ipv6_addresses(
    transport: Transport, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server listens on one of them."""
    look_up = socket.getaddrinfo

    def both(name: Any, *arguments: Any, **options: Any) -> Any:
        if name in ("both.test", b"both.test"):
            found = [look_up(each, *arguments, **options) for each in ("::1", "127.0.0.1")]
            return [entry for entries in found for entry in entries]
        return look_up(name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with serving(answer(OK), host=host) as server, transport.line() as line:
        assert line.ask(server.url.replace("localhost", "both.test")).content == b"fine"


@every
def test_an_ipv6_address(transport: Transport) -> None:
    with serving(answer(OK), host="::1") as server, transport.line() as line:
        assert line.ask(server.url.replace("localhost", "[::1]")).content == b"fine"
    assert b"host: [::1]:" in server.requests[0].lower()


@every
def test_name_and_password_in_the_url(transport: Transport) -> None:
    with serving(answer(OK)) as server, transport.line() as line:
        assert line.ask(server.url.replace("//", "//me:secret@")).content == b"fine"
    assert b"authorization: basic bwu6c2vjcmv0\r\n" in server.requests[0].lower()


@every
def test_a_path_and_a_query_arrive_as_they_were_given(transport: Transport) -> None:
    with serving(answer(OK)) as server, transport.line() as line:
        line.ask(server.url + "/a%2Fb/c d?x=1&y=%20z")
    assert server.requests[0].startswith(b"POST /v1/a%2Fb/c%20d?x=1&y=%20z HTTP/1.1\r\n")


@every
@pytest.mark.parametrize(
    "url",
    ["ftp://localhost/", "/v1/chat", "http://nowhere.invalid/", f"http://{'a' * 70}.example/"],
)
def test_an_invalid_url(transport: Transport, url: str) -> None:
    with transport.line() as line, pytest.raises((UnsupportedProtocol, ConnectError)):
        line.ask(url, timeouts=limits(60.0))  # a machine's resolver may take its time


# --- headers ----------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("authorization", value)
            for value in ("a\r\nx: y", "a\n", "a\x00b", " a", "a\r\n b", "é")
        ),
        *((name, "x") for name in ("", "a b", "a:b", "é", "x\r\ny")),
        ("Transfer-Encoding", "chunked"),
        ("content-length", "7"),
        ("Connection", "close"),
        ("expect", "100-continue"),
        ("Host", "other.example"),
    ],
)
def test_a_header_with_a_line_break_is_not_sent(
    transport: Transport, name: str, value: str
) -> None:
    with (
        serving(answer(OK)) as server,
        transport.line() as line,
        pytest.raises(LocalProtocolError) as caught,
    ):
        line.ask(server.url, headers={name: value})
    assert server.requests == []
    assert value == "x" or value not in str(caught.value)


# --- proxies ----------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("credentials", ["", "me:p%40ss@"])
def test_an_http_proxy(transport: Transport, credentials: str) -> None:
    with serving(answer(OK)) as proxy:
        url = proxy.url.removesuffix("/v1").replace("//", f"//{credentials}")
        with transport.line(proxy=url) as line:
            for _ in range(2):
                assert line.ask("http://api.example/v1?x=1").content == b"fine"
    for request in proxy.requests:
        assert request.startswith(b"POST http://api.example/v1?x=1 HTTP/1.1\r\n")
        assert b"\r\nhost: api.example\r\n" in request.lower()
        has_credentials = b"proxy-authorization: basic bwu6cebzcw==\r\n" in request.lower()
        assert has_credentials == bool(credentials)
    assert proxy.connections == 1


@every
@pytest.mark.parametrize("credentials", ["", "me:p%40ss@"])
def test_a_tunnel_through_a_proxy(transport: Transport, credentials: str) -> None:
    tls, trusting = certified("api.example")
    with serving(answer(chunked(TEXT)), tls=tls) as server, serving(tunnelling) as proxy:
        url = proxy.url.removesuffix("/v1").replace("//", f"//{credentials}")
        with transport.line(trusting, proxy=url) as line:
            for _ in range(2):
                assert line.ask(f"https://api.example:{server.port}/v1").content == TEXT
    assert proxy.requests[0].startswith(b"CONNECT api.example:%d HTTP/1." % server.port)
    has_credentials = b"proxy-authorization: basic bwu6cebzcw==\r\n" in proxy.requests[0].lower()
    assert has_credentials == bool(credentials)
    assert b"proxy-authorization" not in server.requests[0].lower()
    assert (proxy.connections, server.connections) == (1, 1)


@every
def test_an_invalid_certificate_behind_a_proxy_is_rejected(transport: Transport) -> None:
    tls, _ = certified("api.example")
    with serving(answer(OK), tls=tls) as server, serving(tunnelling) as proxy:
        url = proxy.url.removesuffix("/v1")
        with transport.line(proxy=url) as line, pytest.raises(ConnectError, match="CERTIFICATE"):
            line.ask(f"https://api.example:{server.port}/v1")
    assert server.requests == []


@every
@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"403 Forbidden"])
def test_a_proxy_that_refuses_a_tunnel(transport: Transport, status: bytes) -> None:
    with serving(once(plain(b"", status=status))) as proxy:
        url = proxy.url.removesuffix("/v1").replace("//", "//me:secret@")
        with transport.line(proxy=url) as line, pytest.raises(ProxyError) as caught:
            line.ask("https://api.example/v1")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


@every
def test_an_unreachable_proxy(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with (
        transport.line(proxy=f"http://me:secret@127.0.0.1:{port}") as line,
        pytest.raises((ProxyError, ConnectError)) as caught,
    ):
        line.ask("https://api.example/v1")
    assert "secret" not in str(caught.value)


@every
def test_an_unresponsive_proxy(transport: Transport) -> None:
    with (
        serving(stays(b"")) as proxy,
        transport.line(proxy=proxy.url.removesuffix("/v1")) as line,
        pytest.raises((ConnectTimeout, ReadTimeout)),
    ):
        line.ask("https://api.example/v1", timeouts=limits(0.3))


# --- loops, threads and processes ------------------------------------------------------------------


@async_only
def test_uvloop(transport: Transport) -> None:
    uvloop = pytest.importorskip("uvloop")
    tls, trusting = certified("localhost")
    with (
        serving(answer(chunked(TEXT)), tls=tls) as server,
        transport.line(trusting, loop_factory=uvloop.new_event_loop) as line,
    ):
        assert line.ask(server.url, b"x" * 300_000).content == TEXT
        assert line.ask(server.url).content == TEXT
    assert server.connections == 1


@sync_only
def test_threads_share_the_connections(transport: Transport) -> None:
    with serving(answer(chunked(TEXT))) as server, transport.line() as line:
        got: list[bytes] = []

        def ask() -> None:
            got.extend(line.ask(server.url).content for _ in range(10))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [TEXT] * 80
    assert server.connections <= 8


# --- a client of the user's own ---------------------------------------------------------------------


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


def squeezed(_: httpx.Request) -> httpx.Response:
    headers = {"content-encoding": "gzip"}
    return httpx.Response(200, headers=headers, content=gzip.compress(b"fine"))


@pytest.mark.parametrize(
    "transport",
    [
        HttpxTransport(Answering()),
        AsyncHttpxTransport(AsyncAnswering()),
        HttpxTransport(httpx.Client(auth=Replacing(), transport=httpx.MockTransport(fine))),
        AsyncHttpxTransport(
            httpx.AsyncClient(auth=Replacing(), transport=httpx.MockTransport(fine))
        ),
        HttpxTransport(httpx.Client(transport=httpx.MockTransport(squeezed))),
        AsyncHttpxTransport(httpx.AsyncClient(transport=httpx.MockTransport(squeezed))),
    ],
)
def test_a_users_client_may_return_any_response(
    transport: HttpxTransport | AsyncHttpxTransport,
) -> None:
    runner = asyncio.Runner() if isinstance(transport, AsyncHttpxTransport) else None
    with closing(Line(transport, runner)) as line:
        response = line.open("http://api.test/v1")
        response.limit_reads(1.0, time.monotonic() + 5)
        assert line.read(response) == b"fine"
    if runner is not None:
        runner.close()


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout,
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.PoolTimeout,
        httpx.ConnectError,
        httpx.ReadError,
        httpx.WriteError,
        httpx.CloseError,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
        httpx.LocalProtocolError,
        httpx.RemoteProtocolError,
        httpx.DecodingError,
        httpx.TooManyRedirects,
    ],
)
def test_errors_of_httpx_become_ours_by_name(error: type[httpx.RequestError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("it failed", request=request)

    with httpx.Client(transport=httpx.MockTransport(fail)) as client:
        line = Line(HttpxTransport(client))
        with pytest.raises(TransportError, match="it failed") as caught:
            line.ask("http://api.test/v1")
    assert isinstance(caught.value, getattr(base, error.__name__, TransportError))
    assert isinstance(caught.value, TimeoutError) == issubclass(error, httpx.TimeoutException)


def test_an_error_of_the_users_own_transport_stays_what_it_is() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise KeyError("theirs")

    with httpx.Client(transport=httpx.MockTransport(fail)) as client, pytest.raises(KeyError):
        Line(HttpxTransport(client)).ask("http://api.test/v1")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 30.0),
        ("timeout=5", 4.0),
        ("max=100, Timeout=10", 9.0),
        ("timeout=600", 30.0),
        ("timeout=x, timeout", 30.0),
        ("timeout=" + "9" * 5000, 30.0),
    ],
)
def test_how_long_a_connection_is_kept(header: str | None, seconds: float) -> None:
    assert keepalive.seconds_to_keep(header) == seconds


def test_a_pipe_is_readable_once_something_is_in_it() -> None:
    reader, writer = os.pipe()
    assert not keepalive.is_readable(reader)
    os.write(writer, b"x")
    assert keepalive.is_readable(reader)
    os.close(writer)
    os.close(reader)
