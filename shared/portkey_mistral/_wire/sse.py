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
        if len(self._pending) > self._max_bytes:
            raise MalformedEvent(f"An event of the stream is larger than {self._max_bytes} bytes.")
        # Only the new bytes are searched: searching all pending bytes again would take quadratic time, and block the
        # event loop (CWE-407).
        searched = max(len(self._pending) - 1, 0)
        data = self._with_lf_only(data)
        if not self._pending and data.endswith(b"\n\n"):  # whole events, as servers send them
            return self._data_of_each(data[:-2])
        self._pending += data
        end = self._pending.rfind(b"\n\n", searched)
        if end < 0:
            return []
        events = bytes(self._pending[:end])
        del self._pending[: end + 2]
        return self._data_of_each(events)

    def _data_of_each(self, events: bytes) -> list[bytes]:
        if self._at_start:
            events, self._at_start = events.removeprefix(_BOM), False
        return [data for data in map(_data, events.split(b"\n\n")) if data is not None]

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
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    values = [
        line[5:].removeprefix(b" ")
        for line in event.split(b"\n")
        if line == b"data" or line.startswith(b"data:")
    ]
    return b"\n".join(values) if values else None
