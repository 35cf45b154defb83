"""Parses server-sent events: takes bytes, returns the data of each event.

Follows the HTML standard, section 9.2.6 (parsing an event stream).
"""

from __future__ import annotations

from portkey_mistral._wire.malformed import MalformedEvent
from portkey_mistral.settings.limits import MAX_RESPONSE_BYTES

__all__ = ["SSEDecoder"]

_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Splits a byte stream, cut anywhere, into events and returns their data.

    An event that is not terminated by an empty line is never returned, as the standard demands.
    """

    __slots__ = ("_after_cr", "_at_start", "_max_bytes", "_pending")

    def __init__(self, max_bytes: int = MAX_RESPONSE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._at_start = True
        self._after_cr = False

    @property
    def pending(self) -> bytes:
        """The bytes after the last complete event."""
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of each event that these bytes complete; events without data are left out.

        Raises:
            MalformedEvent: an event grows beyond `max_bytes`.
        """
        if self._pending or self._after_cr or b"\r" in data or not data.endswith(b"\n\n"):
            data = self._whole_events(data)
            if not data:
                return []
        if self._at_start:
            data, self._at_start = data.removeprefix(_BOM), False
        values = []
        for event in data[:-2].split(b"\n\n"):
            if event.startswith(b"data: ") and b"\n" not in event:
                values.append(event[6:])
            elif (value := _data(event)) is not None:
                values.append(value)
        return values

    def _whole_events(self, data: bytes) -> bytes:
        """Return the events that these bytes complete, each with the empty line after it, and keep the rest."""
        if len(self._pending) > self._max_bytes:
            raise MalformedEvent(f"An event of the stream is larger than {self._max_bytes} bytes.")
        # Only the new bytes are searched: searching all pending bytes again would take quadratic time, and block the
        # event loop (CWE-407).
        searched = max(len(self._pending) - 1, 0)
        self._pending += self._with_lf_only(data)
        end = self._pending.rfind(b"\n\n", searched) + 2
        if end < 2:
            return b""
        events = bytes(self._pending[:end])
        del self._pending[:end]
        return events

    def _with_lf_only(self, data: bytes) -> bytes:
        """Replace CRLF and CR by LF. An LF right after a CR belongs to the same line end, even in the next chunk."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" not in data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(event: bytes) -> bytes | None:
    """Return the `data` lines of an event, joined by LF; None if it has none. Other fields are ignored."""
    values = [
        line[5:].removeprefix(b" ")
        for line in event.split(b"\n")
        if line == b"data" or line.startswith(b"data:")
    ]
    return b"\n".join(values) if values else None
