import pytest
from hypothesis import given
from hypothesis import strategies as st

from linear import assert_linear
from portkey_mistral._wire.malformed import MalformedEvent
from portkey_mistral._wire.sse import SSEDecoder


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
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == payloads
    decoder = SSEDecoder()
    assert [p for byte in stream for p in decoder.feed(bytes([byte]))] == payloads


ENDS = st.sampled_from(["\n", "\r\n", "\r"])
LINES = st.sampled_from(["data: a", "data:b", "data", ": c", "event: x", "data: é漢", ""])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(1, 5)))
def test_random_splits_of_random_streams(lines, sizes):
    stream = "".join(line + end for line, end in lines).encode()
    whole = SSEDecoder().feed(stream)
    decoder, at, pieces = SSEDecoder(), 0, []
    for size in sizes:
        pieces += decoder.feed(stream[at : at + size])
        at += size
    assert pieces + decoder.feed(stream[at:]) == whole
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


def test_what_follows_the_last_event_is_pending():
    decoder = SSEDecoder()
    decoder.feed(b"data: a\n\n{}")
    assert decoder.pending == b"{}"


def test_an_event_has_a_largest_size():
    decoder = SSEDecoder(max_bytes=1000)
    assert decoder.feed(b"data: " + b"x" * 900) == []
    assert decoder.feed(b"x" * 90 + b"\n\ndata: " + b"y" * 900) == [b"x" * 990]
    assert decoder.feed(b"y" * 100) == []
    with pytest.raises(MalformedEvent, match="larger than 1000 bytes"):
        decoder.feed(b"y")


def test_a_long_event_takes_time_in_proportion_to_its_length():
    """Searching all that is pending with every piece would be quadratic, and stop the event loop."""

    def feed(pieces):
        decoder = SSEDecoder()
        for _ in range(pieces):
            decoder.feed(b"x" * 200)

    assert_linear(feed, 5000)
