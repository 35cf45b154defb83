"""Our reading of HTTP/1.1 against h11's, which is strict and slow: same answers, same refusals."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import h11
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._transport.http1.framing import Message, ProtocolError, ResponseReader
from portkey_mistral._transport.http1.pool import address_of, message_for
from portkey_mistral._wire.http import HTTPRequest

names = st.sampled_from(["x-a", "Content-Type", "Keep-Alive", "Connection", "x-request-id"])
values = st.sampled_from(["", "close", "keep-alive", "a b", "text/plain; x=1", "timeout=5"])
bodies = st.binary(max_size=60) | st.sampled_from([b"\r\n\r\n", b"0\r\n\r\n", b"5\r\nHTTP/1.1"])


@dataclass
class Read:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    reusable: bool = False
    refused: bool = False


@st.composite
def heads(draw: st.DrawFn, framing: str) -> str:
    status = draw(st.sampled_from(["200 OK", "200", "429 Too Many", "503 ", "204 No Content"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    others = draw(st.lists(st.tuples(names, values), max_size=3))
    lines = [f"{name}: {value}" for name, value in others] + ([framing] if framing else [])
    return "\r\n".join([f"HTTP/{version} {status}", *lines, "", ""])


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    body = draw(bodies)
    match draw(st.sampled_from(["length", "chunks", "end"])):
        case "length":
            return draw(heads(f"Content-Length: {len(body)}")).encode() + body
        case "chunks":
            sizes = draw(st.lists(st.integers(1, 20), min_size=1, max_size=5))
            wire, rest = b"", body
            while rest:
                size = sizes[len(wire) % len(sizes)]
                part, rest = rest[:size], rest[size:]
                extension = draw(st.sampled_from([b"", b";a=b", b" "]))
                wire += b"%x%s\r\n%s\r\n" % (len(part), extension, part)
            end = draw(st.sampled_from([b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"000\r\n\r\n"]))
            return draw(heads("Transfer-Encoding: chunked")).encode() + wire + end
        case _:
            return draw(heads("")).encode() + body


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A response with a byte changed, or cut short, or with more behind it."""
    wire = draw(responses())
    at = draw(st.integers(0, len(wire) - 1))
    how = draw(st.sampled_from(["changed", "cut", "more"]))
    if how == "changed":
        return (
            wire[:at] + draw(st.sampled_from([b"", b"\n", b":", b"9", b"f", b" "])) + wire[at + 1 :]
        )
    return wire[:at] if how == "cut" else wire + draw(st.binary(min_size=1, max_size=3))


@st.composite
def split(draw: st.DrawFn, wires: st.SearchStrategy[bytes]) -> list[bytes]:
    wire = draw(wires)
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    parts = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    return [part for part in parts if part]


def read_by_us(parts: list[bytes]) -> Read:
    reader, read = ResponseReader("POST"), Read()
    try:
        for part in parts:
            read.body += reader.feed(part)
        if not reader.complete:
            reader.end()
    except ProtocolError:
        read.refused = True
    read.status, read.whole, read.reusable = reader.status, reader.complete, reader.reusable
    read.headers = reader.headers
    return read


def read_by_h11(parts: list[bytes]) -> Read:
    peer, read = h11.Connection(h11.CLIENT), Read()
    peer.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    peer.send(h11.EndOfMessage())
    try:
        for at, part in enumerate([*parts, b""]):
            peer.receive_data(part)
            take_events(peer, read)
            if read.whole:
                more = peer.trailing_data[0] or at + 1 < len(parts)
                read.reusable = peer.their_state is h11.DONE and not more
                return read
    except h11.RemoteProtocolError:
        pass
    read.refused = True
    return read


def take_events(peer: h11.Connection, read: Read) -> None:
    while not read.whole:
        match peer.next_event():
            case h11.Response() as response:
                read.status, read.headers = response.status_code, joined(response.headers)
            case h11.Data(data=data):
                read.body += bytes(data)
            case h11.EndOfMessage():
                read.whole = True
            case _:
                return


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode(), []).append(value.decode())
    return {name: ", ".join(values) for name, values in found.items()}


@given(split(responses()))
def test_what_h11_reads_we_read(parts: list[bytes]) -> None:
    ours, theirs = read_by_us(parts), read_by_h11(parts)
    assert (ours.status, ours.headers, ours.body) == (theirs.status, theirs.headers, theirs.body)
    assert ours.whole == theirs.whole
    assert not ours.reusable or theirs.reusable


@st.composite
def long_bodies(draw: st.DrawFn) -> bytes:
    """So many chunks that they are not cut off one by one; most of them plain, all of them alike in size."""
    pieces = st.binary(min_size=1, max_size=12) | st.sampled_from(
        [b"0", b"0\r\n\r\n", b"\r\n", b"5\r\n"]
    )
    parts = draw(st.lists(pieces, min_size=1, max_size=4))
    size = draw(st.sampled_from(["%x", "%x", "%x", "%X", "0%x", "%x ", "%x;a=b"]))
    chunks = [part * draw(st.sampled_from([1, 40, 80])) for part in parts] * 40
    wire = b"".join(b"%s\r\n%s\r\n" % ((size % len(x)).encode(), x) for x in chunks)
    damage = draw(st.sampled_from([b"", b"", b"", b"3\r\nfine\r\n", b"zz\r\nx\r\n", b"\r\n"]))
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + wire + damage + b"0\r\n\r\n"


@given(split(long_bodies()))
def test_many_chunks_at_once(parts: list[bytes]) -> None:
    ours, theirs = read_by_us(parts), read_by_h11(parts)
    assert ours.refused == theirs.refused
    assert ours.refused or (ours.body, ours.whole) == (theirs.body, theirs.whole)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SEEN = b"4\r\nsame\r\n4\r\nsame\r\n4\r\nsame\r\n"


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"04\r\nsame\r\n0\r\n\r\n", b"same"),
        (b"4;a=b\r\nsame\r\n4\r\nsame\r\n0\r\n\r\n", b"samesame"),
        (b"41\r\n" + b"x" * 65 + b"\r\n4\r\nsame\r\n0\r\n\r\n", b"x" * 65 + b"same"),
    ],
)
def test_lines_that_were_seen_before_stand_between_others(rest: bytes, body: bytes) -> None:
    ours = read_by_us([CHUNKED + SEEN + rest])
    assert (ours.body, ours.whole) == (b"samesamesame" + body, True)
    assert read_by_us([bytes([each]) for each in CHUNKED + SEEN + rest]) == ours


@pytest.mark.parametrize(
    "chunks",
    [
        b"4\r\nsame4\r\nsame\r\n0\r\n\r\n",
        SEEN + b"x4\r\nsame\r\n",
        SEEN + b"4\r\nlonger\r\n4\r\nsame\r\n",
    ],
)
def test_a_chunk_that_is_longer_than_it_said_is_refused_after_whatever_came(chunks: bytes) -> None:
    assert read_by_us([CHUNKED + chunks]).refused


@pytest.mark.parametrize("extension", [b"", b";" + b"e" * 5000])
def test_lines_are_not_kept_without_end(extension: bytes) -> None:
    reader = ResponseReader("POST")
    reader.feed(CHUNKED)
    for size in range(1, 2000):
        line = b"%x%s\r\n" % (size, extension)
        assert len(reader.feed(b"%s%s\r\n" % (line, b"x" * size))) == size
    assert sum(map(len, reader._known_lines)) <= 512 * 32


@given(split(damaged()))
def test_what_h11_refuses_we_refuse(parts: list[bytes]) -> None:
    ours, theirs = read_by_us(parts), read_by_h11(parts)
    if theirs.refused:
        assert ours.refused
    elif not ours.refused:
        assert (ours.status, ours.body, ours.whole) == (theirs.status, theirs.body, theirs.whole)
        assert not ours.reusable or theirs.reusable


@given(split(responses()))
def test_how_it_is_split_does_not_matter(parts: list[bytes]) -> None:
    whole, bytewise = read_by_us([b"".join(parts)]), [bytes([x]) for x in b"".join(parts)]
    assert read_by_us(parts) == whole == read_by_us(bytewise)


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, "head of the answer does not end"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;" + b"y" * 20_000, "how long"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"y" * 200_000, "trailer"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", "another protocol"),
    ],
)
def test_nothing_is_kept_without_end(wire: bytes, fault: str) -> None:
    reader = ResponseReader("POST")
    with pytest.raises(ProtocolError, match=fault):
        reader.feed(wire)


@pytest.mark.parametrize(
    "headers",
    [
        b"transfer-encoding: chunked,\r\n\r\n5 ;a=b\r\nwhole\r\n0\r\n\r\n",
        b"transfer-encoding: , chunked\r\n\r\n5\t\r\nwhole\r\n0\r\n\r\n",
    ],
)
def test_what_the_standard_wants_read_is_read(headers: bytes) -> None:
    reader = ResponseReader("POST")
    assert reader.feed(b"HTTP/1.1 200 OK\r\n" + headers) == b"whole"
    assert (reader.complete, reader.reusable) == (True, True)


@pytest.mark.parametrize("trailer", [b": y", b"\n: y", b" x: y", b"x"])
def test_a_trailer_that_is_none_is_a_fault(trailer: bytes) -> None:
    reader = ResponseReader("POST")
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    with pytest.raises(ProtocolError):
        reader.feed(head + b"0\r\n" + trailer + b"\r\n\r\n")


@pytest.mark.parametrize(
    "name", [b"content-length: ", b"content-length: 1\r\nkeep-alive: timeout="]
)
def test_a_number_without_end_is_no_other_kind_of_error(name: bytes) -> None:
    reader = ResponseReader("POST")
    with suppress(ProtocolError):
        reader.feed(b"HTTP/1.1 200 OK\r\n" + name + b"9" * 5000 + b"\r\n\r\n")


def test_the_head_of_a_request() -> None:
    request = HTTPRequest("https://a.example/v1/x?y=1", b"c", {"x-a": "b"})
    coding = httpx.Client().headers["accept-encoding"]
    head = (
        f"POST /v1/x?y=1 HTTP/1.1\r\nhost: a.example\r\naccept-encoding: {coding}\r\nx-a: b\r\n"
        "content-length: 1\r\n\r\n"
    )
    assert bytes(message_for(request, address_of(request.url))) == head.encode() + b"c"


@pytest.mark.parametrize(
    "value", ["Bearer se\ncret", "Bearer s\N{LATIN SMALL LETTER E WITH ACUTE}cret"]
)
def test_a_refused_header_is_not_shown(value: str) -> None:
    with pytest.raises(httpx.LocalProtocolError, match="authorization") as caught:
        Message("POST", "/", {"authorization": value}, b"")
    assert "cret" not in str(caught.value)


def test_headers_are_read_as_httpx_reads_them() -> None:
    wire = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nX-A: one\r\nx-name: caf\xc3\xa9\r\nx-old: caf\xe9\r\n"
        b"x-a: two\r\n\r\n"
    )
    reader = ResponseReader("POST")
    reader.feed(wire)
    assert reader.headers == {
        "content-length": "0",
        "x-a": "one, two",
        "x-name": "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "x-old": "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    }


def test_a_letter_that_only_looks_like_a_k_makes_no_chunks() -> None:
    reader = ResponseReader("POST")
    with pytest.raises(ProtocolError):
        reader.feed("HTTP/1.1 200 OK\r\ntransfer-encoding: chun\u212aed\r\n\r\n".encode())
