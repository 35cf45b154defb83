"""Faults that a test or a user injects, and how they change a response.

In process and in tests: `sandbox.inject(Fault(cut_after=3))`. Over HTTP: the same fields as JSON, in the
request header `x-sandbox-fault` for that request alone, or posted to `/s/NAME/faults` for the next ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from portkey_mistral.sandbox.errors import RefusalError, envelope
from portkey_mistral.sandbox.responses import Drop, Pause, SandboxResponse, Step

__all__ = ["DONE", "FAULT_HEADER", "Fault", "delayed", "fault_response", "read_fault", "sse_stream"]

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
    """One fault; fields combine. Times are in seconds, events are counted from 0.

    Which requests: `on` matches the end of the path ("/embeddings"), `when` a text in the request body.
    Instead of an answer: `status` with `body` (a JSON value, or text sent as it is; Mistral's error body by
    default) and `headers`; `retry_after` sets that header; `connection` is "reset", "refused" or "timeout"
    (the last two only in process; over HTTP the connection is reset).
    Delays: `delay` before the headers, `event_delay` before each event; after `stall_after` events nothing
    is sent for `stall_seconds`.
    Damage: `cut_after` events or `cut_bytes` bytes the connection breaks (with `clean_cut` the body ends
    normally); `garble_after` (broken JSON in place of event N); `error_after` (an error in place of event
    N); `no_done` (no `[DONE]` at the end).
    Variants that are all valid: `usage` on the finish event, alone in a last event, or none; `split_calls`
    sends tool calls in fragments; `framing` of the events; `piece_bytes` splits the body into pieces.
    `vectors` of embeddings: "shuffled", or "short" (the last one missing). `job` is how the batch job that the request
    makes ends, with half of its requests done.
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
    job: Literal["FAILED", "TIMEOUT_EXCEEDED"] | None = None

    def matches(self, path: str, body: bytes) -> bool:
        """Return whether this fault applies to a request."""
        return (self.on is None or path.endswith(self.on)) and (
            self.when is None or self.when.encode() in body
        )


def read_fault(text: str | bytes) -> Fault:
    """Parse a fault from JSON.

    Raises:
        RefusalError: status 400, with the invalid fields in the message.
    """
    try:
        return _reader().validate_json(text)
    except ValidationError as exc:
        errors = [
            f"{'.'.join(map(str, item['loc'])) or 'fault'}: {item['msg']}" for item in exc.errors()
        ]
        message = f"{FAULT_HEADER} is invalid: {'; '.join(errors)}"
        raise RefusalError(400, envelope(400, message, "invalid_sandbox_fault", None)) from exc


@cache
def _reader() -> TypeAdapter[Fault]:
    return TypeAdapter(Fault)


def fault_response(fault: Fault) -> SandboxResponse | None:
    """Return the response that a fault sends instead of an answer, None if it sends none."""
    if fault.status is None and fault.connection is None:
        return None
    status = fault.status or 500
    content_type, body = _body(status, fault.body)
    headers = {"content-type": content_type, **_retry_after(fault), **fault.headers}
    return SandboxResponse(status, headers, damaged(iter((body,)), fault))


def delayed(fault: Fault) -> tuple[Pause | Drop, ...]:
    """Return the steps that happen before the headers are sent."""
    pause = (Pause(fault.delay),) if fault.delay else ()
    drop = (Drop(fault.connection),) if fault.connection else ()
    return (*pause, *drop)


def sse_stream(events: Iterator[bytes], fault: Fault) -> Iterator[Step]:
    """Frame event payloads as SSE and apply the fault."""
    return damaged(_framed(_events(events, fault), fault), fault)


def damaged(pieces: Iterator[Step], fault: Fault) -> Iterator[Step]:
    """Split the body into pieces and cut it off, counted in bytes."""
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
            text = _TEXTS.get(status, f"Injected fault {status}")
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
