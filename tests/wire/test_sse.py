import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._wire.sse import SSEDecoder, data_of


def fed(decoder, data):
    told = map(data_of, decoder.feed(data))
    return [data for data in told if data is not None]


@pytest.mark.parametrize(
    ("stream", "payloads"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (b": comment\n\n:\n\ndata: a\n\n", [b"a"]),
        (b": comment\ndata: a\n: another\n\n", [b"a"]),
        (b"event: message\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: {\ndata:\ndata: }\n\n", [b"{\n\n}"]),
        (b"data\n\n", [b""]),
        (b"database: a\n\n", []),
        (b"\n\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"data: a\n\ndata: never ended\n", [b"a"]),
        (b"data: a\n\ndata: never ended", [b"a"]),
        ("data: 漢🦙\n\n".encode(), ["漢🦙".encode()]),
        (b"", []),
    ],
)
def test_any_split_gives_the_same_events(stream, payloads):
    for cut in range(len(stream) + 1):
        decoder = SSEDecoder()
        assert fed(decoder, stream[:cut]) + fed(decoder, stream[cut:]) == payloads
    decoder = SSEDecoder()
    assert [p for byte in stream for p in fed(decoder, bytes([byte]))] == payloads


ENDS = st.sampled_from(["\n", "\r\n", "\r"])
LINES = st.sampled_from(["data: a", "data:b", "data", ": c", "event: x", "data: é漢", ""])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(1, 5)))
def test_random_splits_of_random_streams(lines, sizes):
    stream = "".join(line + end for line, end in lines).encode()
    whole = fed(SSEDecoder(), stream)
    decoder, at, pieces = SSEDecoder(), 0, []
    for size in sizes:
        pieces += fed(decoder, stream[at : at + size])
        at += size
    assert pieces + fed(decoder, stream[at:]) == whole
    assert whole == list(reference(stream))


def reference(stream):
    """The standard, line by line."""
    data = []
    *lines, _ = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for line in lines:
        field, _, value = line.partition(b":")
        if line == b"":
            if data:
                yield b"\n".join(data)
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))


def test_what_is_left_over_can_be_seen():
    decoder = SSEDecoder()
    decoder.feed(b"data: a\n\n{}")
    assert decoder.rest == b"{}"
