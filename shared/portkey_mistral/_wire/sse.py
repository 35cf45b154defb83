"""Server-sent events, as the HTML standard reads them. Bytes in, events and their data out."""

from __future__ import annotations

__all__ = ["SSEDecoder", "data_of"]

_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Cuts a byte stream, split anywhere, into its events.

    Lines may end in LF, CRLF or CR, and end in LF here. An event without the empty line that ends it is
    never given.
    """

    __slots__ = ("_after_cr", "_at_start", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._at_start = True
        self._after_cr = False

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return self._rest

    def feed(self, data: bytes) -> list[bytes]:
        if self._after_cr or b"\r" in data:
            data = self._with_plain_line_ends(data)
        if self._rest:
            data = self._rest + data
        if self._at_start:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            self._at_start = False
            data = data.removeprefix(_BOM)
        if data.endswith(b"\n\n") and data.count(b"\n") == 2:
            # One event and no more, as a model at work sends them.
            self._rest = b""
            return [data[:-2]]
        lines = data.split(b"\n")
        if len(lines) % 2 and not any(lines[1::2]):
            # Events of one line, as almost all are: one byte is looked for in half the time of two.
            *events, self._rest = lines[::2]
        else:
            *events, self._rest = data.split(b"\n\n")
        return events

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        # A CR ends its line at once; an LF that follows it, maybe in the next bytes, is part of it.
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        self._after_cr = data.endswith(b"\r") or (self._after_cr and not data)
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def data_of(event: bytes) -> bytes | None:
    """Return the data of an event; None if it has none.

    Comments and fields other than `data` are left out; several `data` lines are joined by LF.
    """
    if event.startswith(b"data: ") and event.find(b"\n") < 0:
        return event[6:]
    values = [
        line[5:].removeprefix(b" ") if line.startswith(b"data:") else b""
        for line in event.split(b"\n")
        if line == b"data" or line.startswith(b"data:")
    ]
    return b"\n".join(values) if values else None
