"""Faults that a test or a user orders, and what they do to a reply.

In process and in tests: `sandbox.inject(Fault(cut_after=3))`. Over HTTP: the same fields as JSON in the
request header `x-sandbox-fault`, for that request alone, or posted to `/s/NAME/faults`, for the next ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from portkey_mistral.sandbox.errors import RefusalError, envelope
from portkey_mistral.sandbox.replies import Drop, Pause, Reply, Step

__all__ = ["DONE", "FAULT_HEADER", "Fault", "delayed", "instead", "on_the_wire", "read_fault"]

FAULT_HEADER = "x-sandbox-fault"
DONE = b"[DONE]"

_ERROR_EVENT = to_json(envelope(500, "Internal server error", "internal_error", "3000"))
_GARBLED = b'{"id": "broken'
_TYPES = {400: "invalid_request_error", 403: "tier_not_allowed", 429: "rate_limited"}
_CODES = {403: "1910", 429: "1300", 500: "3000"}
_TEXTS = {
    403: "This model is not available in your subscription tier",
    429: "Rate limit exceeded",
    503: "Service unavailable.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One disturbance; fields combine. Times are in seconds, events are counted from 0.

    To whom: `on` is the end of a path ("/embeddings"), `when` a text that the request body has to hold.
    Instead of an answer: `status` with `body` (JSON value, or text sent as it is; left out: Mistral's own
    shape) and `headers`; `retry_after` sets that header; `connection` "reset", "refused" or "timeout" (the
    last two only in process, over HTTP they reset).
    Slowness: `delay` before the headers, `event_delay` before each event, `stall_after` that many events
    for `stall_seconds`.
    Damage: `cut_after` events or `cut_bytes` bytes (a broken connection, or with `clean_cut` an ordinary
    end), `garble_after` (broken JSON in place of event N), `error_after` (an error in place of event N),
    `no_done` (no `[DONE]` at the end).
    Dialects, all legal: `usage` on the finish event, alone in a last event, or none; `split_calls` sends
    tool calls in fragments; `framing` of the events; `piece_bytes` splits what is sent into pieces.
    `vectors` "shuffled" or "short" (the last one missing).
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    on: str | None = None
    when: str | None = None
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | str | None = None
    connection: Literal["reset", "refused", "timeout"] | None = None
    delay: float = 0
    event_delay: float = 0
    stall_after: int | None = None
    stall_seconds: float = 600
    cut_after: int | None = None
    cut_bytes: int | None = None
    clean_cut: bool = False
    garble_after: int | None = None
    error_after: int | None = None
    no_done: bool = False
    usage: Literal["finish", "alone", "none"] = "finish"
    split_calls: bool = False
    framing: Literal["lf", "crlf", "comments"] = "lf"
    piece_bytes: int | None = None
    vectors: Literal["shuffled", "short"] | None = None

    def concerns(self, path: str, body: bytes) -> bool:
        """Tell whether this fault is meant for a request."""
        return (self.on is None or path.endswith(self.on)) and (
            self.when is None or self.when.encode() in body
        )


def read_fault(text: str | bytes) -> Fault:
    """Read a fault from JSON; a refusal with status 400 tells what is wrong with it."""
    try:
        return _reader().validate_json(text)
    except ValidationError as exc:
        faults = [
            f"{'.'.join(map(str, item['loc'])) or 'fault'}: {item['msg']}" for item in exc.errors()
        ]
        message = f"{FAULT_HEADER} cannot be read: {'; '.join(faults)}"
        raise RefusalError(400, envelope(400, message, "invalid_sandbox_fault", None)) from exc


@cache
def _reader() -> TypeAdapter[Fault]:
    return TypeAdapter(Fault)


def instead(fault: Fault) -> Reply | None:
    """Return what a fault says in place of an answer, if it does."""
    if fault.status is None and fault.connection is None:
        return None
    status = fault.status or 500
    content_type, body = _body(status, fault.body)
    headers = {"content-type": content_type, **_retry_after(fault), **fault.headers}
    return Reply(status, headers, damaged(iter((body,)), fault))


def delayed(fault: Fault) -> tuple[Pause | Drop, ...]:
    """Return what happens before the headers."""
    pause = (Pause(fault.delay),) if fault.delay else ()
    drop = (Drop(fault.connection),) if fault.connection else ()
    return (*pause, *drop)


def on_the_wire(events: Iterator[bytes], fault: Fault) -> Iterator[Step]:
    """Frame the payloads of events as SSE, with the damage ordered."""
    return damaged(_framed(_events(events, fault), fault), fault)


def damaged(pieces: Iterator[Step], fault: Fault) -> Iterator[Step]:
    """Split what is sent into pieces and cut it off, by bytes."""
    left = fault.cut_bytes
    for step in pieces:
        if not isinstance(step, bytes):
            yield step
            continue
        part = step if left is None else step[:left]
        yield from _split(part, fault.piece_bytes)
        if left is not None:
            left -= len(part)
            if left == 0:
                yield from _end(fault)
                return


def _events(events: Iterator[bytes], fault: Fault) -> Iterator[Step]:
    for index, event in enumerate(events):
        if index == fault.stall_after:
            yield Pause(fault.stall_seconds)
        if index == fault.cut_after:
            yield from _end(fault)
            return
        if fault.event_delay:
            yield Pause(fault.event_delay)
        if not (fault.no_done and event == DONE):
            yield _replaced(index, event, fault)


def _replaced(index: int, event: bytes, fault: Fault) -> bytes:
    if index == fault.error_after:
        return _ERROR_EVENT
    return _GARBLED if index == fault.garble_after else event


def _framed(events: Iterator[Step], fault: Fault) -> Iterator[Step]:
    end = b"\r\n" if fault.framing == "crlf" else b"\n"
    comment = b": keep-alive\n\n" if fault.framing == "comments" else b""
    for event in events:
        yield comment + b"data: " + event + end + end if isinstance(event, bytes) else event


def _split(data: bytes, size: int | None) -> Iterator[bytes]:
    if size is None:
        if data:
            yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _end(fault: Fault) -> Iterator[Drop]:
    if not fault.clean_cut:
        yield Drop()


def _body(status: int, body: Any) -> tuple[str, bytes]:
    match body:
        case None if status == 401:
            return "application/json", to_json({"detail": "Unauthorized"})
        case None:
            kind = _TYPES.get(
                status, "internal_error" if status >= 500 else "invalid_request_error"
            )
            text = _TEXTS.get(status, f"Ordered fault {status}")
            return "application/json", to_json(envelope(status, text, kind, _CODES.get(status)))
        case bytes():
            return "text/html", body
        case str():
            return "text/html", body.encode()
        case _:
            return "application/json", to_json(body)


def _retry_after(fault: Fault) -> Mapping[str, str]:
    match fault.retry_after:
        case None:
            return {}
        case str(text):
            return {"retry-after": text}
        case seconds:
            return {"retry-after": f"{seconds:g}"}
