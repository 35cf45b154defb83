"""Ends a response that stalls or grows too large, and names the limit that it exceeded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, Protocol

from portkey_mistral._transport.base import (
    AsyncTransportResponse,
    DecodingError,
    ReadTimeout,
    ResponseHead,
    ResponseTooLarge,
    TransportResponse,
)
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.results import StalledError, is_success

__all__ = ["WHOLE_BODY", "Progress", "ReadDeadline", "abody_in_time", "body_in_time"]

_MOMENT = 0.05  # seconds by which two clocks may differ
_MAX_ERROR_BYTES = 1024 * 1024  # maximum read of an error page


class Progress(Protocol):
    """The progress of a response; implemented by `StreamAttempt`."""

    started: float
    committed: bool
    deltas: int


class _WholeBody:
    """The progress of a body that is read as a whole: no limit changes on the way."""

    started: float = 0.0
    committed: bool = True
    deltas: int = 0


WHOLE_BODY = _WholeBody()


def body_in_time(response: TransportResponse, call: Call[Any], progress: Progress) -> bytes:
    """Read a whole body; of an error page, only the beginning, as far as it can be read.

    Raises:
        StalledError: it did not end in time.
        ResponseTooLarge: it has more bytes than `max_response_bytes`.
    """
    is_error_page, body = not is_success(response.status), bytearray()
    deadline = ReadDeadline(response, call, progress)
    try:
        # No variable holds the chunks: the traceback of an error would keep the body open.
        for data in iter(partial(deadline.next, response.chunks()), None):
            body += data
            if len(body) > call.limits.max_bytes and not is_error_page:
                raise _too_large(call)
            if is_error_page and len(body) >= _MAX_ERROR_BYTES:
                break
    except DecodingError:
        if not is_error_page:
            raise
    return bytes(body)


async def abody_in_time(
    response: AsyncTransportResponse, call: Call[Any], progress: Progress
) -> bytes:
    """The async twin of `body_in_time`."""
    is_error_page, body = not is_success(response.status), bytearray()
    deadline = ReadDeadline(response, call, progress)
    try:
        chunks = response.chunks()
        while (data := await deadline.anext(chunks)) is not None:
            body += data
            if len(body) > call.limits.max_bytes and not is_error_page:
                raise _too_large(call)
            if is_error_page and len(body) >= _MAX_ERROR_BYTES:
                break
    except DecodingError:
        if not is_error_page:
            raise
    return bytes(body)


def _too_large(call: Call[Any]) -> ResponseTooLarge:
    return ResponseTooLarge(f"more than {call.limits.max_bytes} bytes (max_response_bytes)")


class ReadDeadline:
    """Limits each read of one response's body."""

    _until: float | None = None
    _reason = ""
    _deltas = 0
    _quiet_since = 0.0

    def __init__(self, response: ResponseHead, call: Call[Any], progress: Progress) -> None:
        self._response, self._call, self._progress = response, call, progress
        limits = call.limits
        # Without these only the gap between two reads is limited, which the transport does itself.
        self._changes = (
            limits.first_token is not None or limits.idle is not None or call.deadline is not None
        )

    def next(self, chunks: Iterator[bytes]) -> bytes | None:
        """Return the next chunk, None after the last.

        Raises:
            StalledError: it did not arrive in time.
        """
        if self._changes:
            self._set_limits()
        try:
            return next(chunks, None)
        except ReadTimeout as fault:
            raise self._stalled() from fault

    async def anext(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """The async twin of `next`."""
        if self._changes:
            self._set_limits()
        try:
            return await anext(chunks, None)
        except ReadTimeout as fault:
            raise self._stalled() from fault

    def _set_limits(self) -> None:
        if self._progress.deltas != self._deltas:
            # Restart the idle timer now, not when the deltas arrived, so time that the caller spent on them does not
            # count.
            self._deltas, self._quiet_since = self._progress.deltas, time.monotonic()
        ends = min(self._ends(), default=None)
        self._until, self._reason = (None, "") if ends is None else ends
        self._response.limit_reads(self._call.limits.timeout.read, self._until)

    def _ends(self) -> Iterator[tuple[float, str]]:
        """Yield the times by which the next data has to arrive, each with the name of its limit."""
        limits, progress = self._call.limits, self._progress
        if limits.first_token is not None and not progress.committed:
            reason = f"no content within {limits.first_token:g} s (first_token_timeout)"
            yield progress.started + limits.first_token, reason
        if limits.idle is not None and self._deltas:
            yield self._quiet_since + limits.idle, f"no event for {limits.idle:g} s (idle_timeout)"
        if self._call.deadline is not None:
            yield self._call.deadline, "the time for the whole call is over (deadline)"

    def _stalled(self) -> StalledError:
        if self._until is not None and time.monotonic() > self._until - _MOMENT:
            return StalledError(self._reason)
        seconds = self._call.limits.timeout.read
        return StalledError(
            "no data" if seconds is None else f"no data for {seconds:g} s (timeout)"
        )
