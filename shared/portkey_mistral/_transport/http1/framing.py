"""HTTP/1.1 in bytes: writes a request, reads a response. Pure: no sockets, no clock.

Reads strictly where leniency would let one answer run into the next: a server that does not keep to the
framing it announced is a fault, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

import httpx

__all__ = ["Message", "ProtocolError", "ResponseReader"]

_MOST_HEAD_BYTES = 100 * 1024
_MOST_LINE_BYTES = 8 * 1024
_MOST_LINES_KNOWN, _MOST_BYTES_KNOWN = 512, 32
_AT_ONCE = 64 * 1024

_KEEP_SECONDS = 30.0
_MOST_DIGITS = 18

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# ASCII without control characters, and no space at either end: what a server would read differently than we
# wrote it.
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_HEADER = re.compile(rb"(%s):[ \t]*([^\x00\r\n\v\f]*?)[ \t]*" % _TOKEN.pattern.encode())
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK_LINE = rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n"
_first_line = re.compile(_CHUNK_LINE).match
# The line break after a chunk is read with the line of the next.
_next_line = re.compile(rb"\r\n" + _CHUNK_LINE).match


class ProtocolError(ValueError):
    """The peer does not speak HTTP/1.1, or stopped in the middle of it."""


class Message:
    """A request in bytes. Shows none of them: traces print what functions hold, and a key is among its headers.

    Raises:
        httpx.LocalProtocolError: a header could not be told from the next one (a line break in a key).
    """

    __slots__ = ("_body", "_head")

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        lines = [_line(name, headers[name]) for name in headers]
        if "" in lines:
            refused = list(headers)[lines.index("")]
            del headers, lines  # a trace would print them with this frame
            raise httpx.LocalProtocolError(f"Illegal header value for {refused!r}")
        self._head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")
        self._body = body

    def __bytes__(self) -> bytes:
        return self._head + self._body

    def parts(self) -> list[memoryview]:
        """Return what to send, together where that is little: a copy of a large body costs more than a send."""
        if len(self._body) <= _AT_ONCE:
            return [memoryview(bytes(self))]
        return [memoryview(self._head), memoryview(self._body)]


@lru_cache(maxsize=512)  # most are the same in every request
def _line(name: str, value: str) -> str:
    """Write a header; nothing for one that a server would read differently than it was meant."""
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        return ""
    return f"{name}: {value}\r\n"


class ResponseReader:
    """Reads one response from its bytes, split anywhere. `status` is 0 until the head is there.

    Names of `headers` are in lower case; what came several times is joined with commas.
    """

    __slots__ = (
        "_buffer",
        "_chunked",
        "_in_trailer",
        "_known_lines",
        "_left",
        "_line_at",
        "_line_length",
        "_method",
        "complete",
        "headers",
        "reusable",
        "seconds_to_keep",
        "status",
    )

    def __init__(self, method: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = False
        self.reusable = False
        """Whether the connection can carry another request, once this response is complete."""
        self.seconds_to_keep = _KEEP_SECONDS
        self._method = method
        self._buffer = b""
        self._chunked = False
        self._line_at = _first_line
        self._in_trailer = False
        # Sizes of chunks by the lines that told them, and how long the newest of these lines is.
        self._known_lines: dict[bytes, int] = {}
        self._line_length = 0
        # Bytes of the body, or of the open chunk, that are still to come; None: until the connection ends.
        self._left: int | None = 0

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes hold of the body.

        Raises:
            ProtocolError: they are no HTTP/1.1.
        """
        if not self.status:
            data = self._head(self._buffer + data if self._buffer else data)
            if not self.status:
                return b""
        if self.complete:
            self.reusable = self.reusable and not data
            return b""
        return self._chunks(data) if self._chunked else self._plain(data)

    def end(self) -> None:
        """Say that the connection has ended.

        Raises:
            ProtocolError: the response has not.
        """
        if not self.status:
            raise ProtocolError("Server disconnected without sending a response.")
        if not self.complete and (self._chunked or self._left is not None):
            raise ProtocolError("The server closed the connection in the middle of the body.")
        self.complete, self.reusable = True, False

    # --- head -------------------------------------------------------------------------------------

    def _head(self, data: bytes) -> bytes:
        """Read the head if all of it is there, and return what follows."""
        while (end := _END_OF_HEAD.search(data)) is not None:
            first, *lines = data[: end.start()].replace(b"\r\n", b"\n").split(b"\n")
            if (told := _STATUS_LINE.fullmatch(first)) is None:
                raise ProtocolError("The answer does not begin like HTTP/1.1.")
            data = data[end.end() :]
            # 1xx announce the response that counts; 101 would be another protocol, which was not asked for.
            if told[2][:1] != b"1":
                self.headers = _headers(lines)
                self.status = int(told[2])
                self._frame(keeps_open=told[1] == b"1")
                self._buffer = b""
                return data
            if told[2] == b"101":
                raise ProtocolError("The server switched to another protocol.")
        if len(data) > _MOST_HEAD_BYTES:
            raise ProtocolError("The head of the answer does not end.")
        self._buffer = data
        return b""

    def _frame(self, *, keeps_open: bool) -> None:
        """Decide how the body ends (RFC 9112, 6.3)."""
        headers = self.headers
        encodings, lengths = (
            _listed(headers, "transfer-encoding"),
            _listed(headers, "content-length"),
        )
        if encodings and [coding for coding in encodings if coding] != [b"chunked"]:
            raise ProtocolError("The answer has a transfer encoding other than chunked.")
        if lengths and (len({*lengths}) > 1 or not _is_number(lengths[0])):
            raise ProtocolError("The answer has several lengths, or one that is no number.")
        self.reusable = keeps_open and b"close" not in _listed(headers, "connection")
        self.seconds_to_keep = _seconds_to_keep(_listed(headers, "keep-alive"))
        if self._method == "HEAD" or self.status in (204, 304):
            self.complete = True
        elif encodings:
            self._chunked = True
            self.reusable = self.reusable and not lengths
        elif lengths:
            self._left = int(lengths[0])
            self.complete = self._left == 0
        else:
            self._left, self.reusable = None, False

    # --- body -------------------------------------------------------------------------------------

    def _plain(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        if len(data) > self._left:
            data, self.reusable = data[: self._left], False
        self._left -= len(data)
        self.complete = self._left == 0
        return data

    def _chunks(self, data: bytes) -> bytes:
        # One pass over what came, whole chunks sliced out of it: 0.2 us a chunk, against 15 to 28 in h11. Chunks of
        # one size follow each other in most streams, and a line is looked up in a third of the time that reading
        # it takes.
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        end, at = len(data), self._left or 0
        pieces = [data[:at]]  # of the chunk that was open
        line_at, known, length = self._line_at, self._known_lines, self._line_length
        while not self._in_trailer and at <= end:
            line = data[at : at + length]
            if (size := known.get(line)) is None:
                if line == b"\r\n" and line_at is _next_line:
                    break  # a server that sends one chunk at a time has said no more of the next
                if (found := line_at(data, at)) is None:
                    self._check_line(data[at:], is_first=line_at is _first_line)
                    break
                line, size = found[0], int(found[1], 16)
                # Not the first line, which may not stand for one that the end of a chunk has to go before.
                if line_at is _next_line and _is_worth_knowing(line, known):
                    known[line] = size
                line_at, length = _next_line, len(line)
            start = at + len(line)
            at = start + size
            pieces.append(data[start:at])
            self._in_trailer = size == 0
        self._line_at, self._line_length = line_at, length
        self._left = max(at - end, 0)
        rest = data[at:]
        self._buffer = self._trailer(rest) if self._in_trailer else rest
        return b"".join(pieces)

    def _check_line(self, data: bytes, *, is_first: bool) -> None:
        """Refuse what cannot become the line of a chunk any more, whatever follows."""
        if not is_first:
            if not b"\r\n".startswith(data[:2]):
                raise ProtocolError("A chunk of the answer is longer than it said.")
            data = data[2:]
        if b"\r\n" in data or len(data) > _MOST_LINE_BYTES:
            raise ProtocolError("A chunk of the answer does not say how long it is.")

    def _trailer(self, data: bytes) -> bytes:
        """Pass over the trailer: nothing in it concerns us, as long as it is one."""
        if data.startswith(b"\r\n"):
            end = 2
        elif (found := data.find(b"\r\n\r\n")) >= 0:
            _headers(data[:found].split(b"\r\n"))
            end = found + 4
        else:
            if len(data) > _MOST_HEAD_BYTES:
                raise ProtocolError("The trailer of the answer does not end.")
            return data
        self.complete = True
        self.reusable = self.reusable and end == len(data)
        return b""


def _is_worth_knowing(line: bytes, known: Collection[bytes]) -> bool:
    """Whether to keep a line: a server can write as many and as long ones as it likes."""
    return len(line) <= _MOST_BYTES_KNOWN and len(known) < _MOST_LINES_KNOWN


def _listed(headers: Mapping[str, str], name: str) -> list[bytes]:
    """Return the members of a header that is a list, in small letters."""
    if (value := headers.get(name)) is None:
        return []
    # As bytes, for text knows capitals of "k" that are none in HTTP.
    return [member.strip(b" \t") for member in value.encode().lower().split(b",")]


def _seconds_to_keep(keep_alive: Iterable[bytes]) -> float:
    """Return how long a connection may wait: as the server says, a second less for the way."""
    for part in keep_alive:
        key, _, seconds = part.partition(b"=")
        if key == b"timeout" and _is_number(seconds):
            return min(_KEEP_SECONDS, int(seconds) - 1.0)
    return _KEEP_SECONDS


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _MOST_DIGITS


def _headers(lines: Iterable[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in (b" ", b"\t") and name:  # a folded value, which RFC 9112 lets us unfold
            headers[name] += " " + _text(line.strip(b" \t"))
            continue
        name, value = _header(line)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


@lru_cache(maxsize=512)  # most are the same in every answer
def _header(line: bytes) -> tuple[str, str]:
    if (header := _HEADER.fullmatch(line)) is None:
        raise ProtocolError("The answer has a header that is none.")
    return header[1].decode("ascii").lower(), _text(header[2])


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
