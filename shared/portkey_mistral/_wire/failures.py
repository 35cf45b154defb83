"""Turns what a server says when it refuses into errors that say what to do.

All the shapes of Mistral's errors, of its own gateway, of OpenAI-compatible servers and of Portkey's
gateway are read here, and nowhere else. No key gets from here into an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from portkey_mistral import models
from portkey_mistral._wire.faults import InBandError, MalformedEvent, StreamCut, StreamFault
from portkey_mistral._wire.json import dumps, loads
from portkey_mistral._wire.rate_limits import rate_limits
from portkey_mistral.exceptions import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailDeniedError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from portkey_mistral.responses import AttemptRecord, CallInfo
from portkey_mistral.ways import Way

__all__ = [
    "InBandError",
    "MalformedEvent",
    "StreamCut",
    "StreamFault",
    "call_info",
    "error_in_ok",
    "in_band_error",
    "request_id",
    "retry_after",
    "safe_headers",
    "scrub",
    "status_error",
]

_SHOWN = 600
_LEAST_SECRET = 4
_GUARDRAIL_DENIED = 446

Lane: TypeAlias = Literal["unified", "proxy", "passthrough"]

_CLASSES: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    _GUARDRAIL_DENIED: GuardrailDeniedError,
}

# Mistral, OpenAI, vLLM, llama.cpp and Ollama, by their codes and their words.
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|too large for model with|maximum (context|model) length"
    r"|context length is only|exceeds? the (available )?context (size|length)",
    re.IGNORECASE,
)
# Mistral's code for an argument that does not suit the model is also that of a prompt that is too long. Under
# it a mention of length is enough, so that a changed wording is still understood.
_ARGUMENT = "3051"
_OF_LENGTH = re.compile(r"\btokens?\b|\bcontext\b|\blength\b|\btoo (long|large)\b", re.IGNORECASE)

# The status that comes with a code, for errors that come with a good one.
_STATUS_OF_CODE: Mapping[str, int] = {
    "1300": 429,
    "1500": 400,
    "1910": 403,
    "1920": 403,
    _ARGUMENT: 400,
    "3210": 400,
    "3230": 400,
    "3240": 400,
    "3280": 400,
    "3310": 400,
    "3505": 429,
    "context_length_exceeded": 400,
    "rate_limit_exceeded": 429,
}

_UNKNOWN_MODEL = "1500"
_INVALID_MODEL = "Invalid model: "

# What to do, by Mistral's own error code.
_BY_CODE: Mapping[str, str] = {
    _UNKNOWN_MODEL: "Check the model's name: `portkey-mistral models` lists the current ones.",
    "1910": "The key's subscription does not include this model.",
    "1920": "Mistral's guardrails blocked the input; the body names the categories.",
    "3210": "Send fewer or shorter texts in one request.",
    "3505": "The model has no free capacity now: wait, or add a fallback target.",
    _ARGUMENT: "An argument does not suit this model; the message names it.",
}
_MOVED = "Redirects are never followed: set the URL to where the server points."
# What to do, by status, where the code says nothing.
_BY_STATUS: Mapping[int, str] = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: "The API key was not accepted: check MISTRAL_API_KEY, or the `api_key` of the target.",
    403: "The API key may not do this.",
    404: "Check `base_url` (it ends in /v1) and the model's name.",
    408: "Raise `request_timeout` (milliseconds, in the config), or add a fallback target.",
    413: "The request is too large: send less at once.",
    422: "The server does not know a field or its value; each fault is named with its place.",
    429: "Wait, lower `max_concurrency`, or add a fallback target.",
}
_GATEWAY_BY_STATUS: Mapping[int, str] = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: "A key was not accepted: check the Portkey key and the Mistral key (or the targets' own).",
    404: "The gateway has no such route, or the model is unknown: check `gateway_url` (it ends in /v1).",
    431: "The headers are too large for the gateway (16 KB): make the config smaller.",
    _GUARDRAIL_DENIED: "A guardrail of the Portkey config denied it; `hook_results` names the checks.",
}
_LOST_LANE = (
    "This gateway does not serve the {lane} lane: check `gateway_url` (it ends in /v1), choose another "
    "gateway_lane, or leave the gateway out (direct)."
)
_BROKEN_GATEWAY = (
    "The gateway failed by itself. If every stream and every proxied answer fails like this, it is the "
    'npm build with unpinned dependencies: install it with "overrides": {"@hono/node-server": "1.13.5", '
    '"hono": "4.9.7"}, or use the Docker image. Otherwise the target gave a body that was empty or no JSON.'
)


@dataclass(frozen=True, slots=True)
class _Complaint:
    """What a server said, in whichever shape."""

    message: str
    type: str | None = None
    code: str | None = None


# --- errors by status -------------------------------------------------------------------------------


def status_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    gateway: bool,
    secrets: Collection[str] = (),
    lane: Lane | None = None,
) -> APIStatusError:
    """Make the error for an answer that is not a success.

    An error that came with a good status counts as the status that it names, else as 500. `gateway` says
    that the answer came through a Portkey gateway, and `lane` which lane was taken there; `secrets` are keys
    that may appear in no part of the error.
    """
    content = _content(body, secrets)
    clean = safe_headers(headers, secrets)
    if 200 <= status < 300:
        status = _named_status(content)
    complaint = _complaint(content)
    cls = _class(status, complaint, own=gateway and _is_gateways_own(content, clean))
    hint = _hint(status, complaint, cls, clean, gateway=gateway, lane=lane)
    reason = _shortened(complaint.message) or "no reason given"
    common: dict[str, Any] = {
        "status_code": status,
        "body": content,
        "headers": clean,
        "code": complaint.code,
        "request_id": request_id(clean) or _id_in(content),
        "trace_id": clean.get("x-portkey-trace-id") or None,
    }
    text = " ".join(filter(None, [f"{status}: {reason}{_stop(reason)}", hint]))
    if issubclass(cls, RateLimitError):
        return cls(text, retry_after=retry_after(headers, _servers_time(clean)), **common)
    if issubclass(cls, GuardrailDeniedError):
        results = content.get("hook_results") if isinstance(content, Mapping) else None
        return cls(text, hook_results=results, **common)
    return cls(text, **common)


def _is_too_long(complaint: _Complaint) -> bool:
    if complaint.code == _ARGUMENT and _OF_LENGTH.search(complaint.message):
        return True
    return _TOO_LONG.search(f"{complaint.message} {complaint.code} {complaint.type}") is not None


def _class(status: int, complaint: _Complaint, *, own: bool) -> type[APIStatusError]:
    if status in (_GUARDRAIL_DENIED, 429):
        return _CLASSES[status]
    if own:
        return GatewayError
    if 400 <= status < 500 and _is_too_long(complaint):
        return ContextWindowExceededError
    if status >= 500:
        return InternalServerError
    return _CLASSES.get(status, APIStatusError)


def _is_gateways_own(content: object, headers: Mapping[str, str]) -> bool:
    """Tell what Portkey says of itself from what it passes on."""
    if headers.get("x-portkey-gateway-exception") == "true":
        return True
    match content:
        case {"status": "failure"} | {"error": {"type": "timeout_error"}}:
            return True
        case _:
            return False


def _hint(
    status: int,
    complaint: _Complaint,
    cls: type[APIStatusError],
    headers: Mapping[str, str],
    *,
    gateway: bool,
    lane: Lane | None,
) -> str | None:
    if issubclass(cls, ContextWindowExceededError):
        return "Shorten the conversation, or use a model with a larger window."
    if lane is not None and _is_lane_missing(status, complaint, headers):
        return _LOST_LANE.format(lane=lane)
    if issubclass(cls, GatewayError) and complaint.message == "Something went wrong":
        return _BROKEN_GATEWAY
    if complaint.code == _UNKNOWN_MODEL and (successor := _successor(complaint.message)):
        return f"Mistral has replaced it: use {successor}."
    if complaint.code is not None and complaint.code in _BY_CODE:
        return _BY_CODE[complaint.code]
    if gateway and status in _GATEWAY_BY_STATUS:
        return _GATEWAY_BY_STATUS[status]
    return _BY_STATUS.get(status)


def _successor(message: str) -> str | None:
    """Name what came after the model that a server does not serve any more."""
    model = models.find(message.removeprefix(_INVALID_MODEL))
    return model.replacement if model else None


def _is_lane_missing(status: int, complaint: _Complaint, headers: Mapping[str, str]) -> bool:
    # What a target answered carries the path of its option; what the gateway itself lacks does not.
    if "x-portkey-last-used-option-index" in headers:
        return False
    # The open-source gateway knows no provider named "passthrough".
    return status == 404 or complaint.message == "Invalid provider passed"


# --- what the body says -----------------------------------------------------------------------------


def _content(body: bytes, secrets: Collection[str]) -> Any:
    text = scrub(body.decode("utf-8", "replace"), secrets)
    try:
        return loads(text.encode())
    except ValueError:
        return text


def _complaint(content: Any) -> _Complaint:
    match content:
        case str():
            return _Complaint(_without_markup(content))
        case {"error": Mapping() as inner}:
            return _unwrapped(_envelope(inner))
        case {"error": str(message)}:
            return _Complaint(message)
        case {"errors": list(errors), "message": str(message)}:
            return _Complaint(f"{message} ({'; '.join(map(str, errors))})")
        case Mapping():
            return _envelope(content)
        case _:
            return _Complaint("")


def _envelope(body: Mapping[str, Any]) -> _Complaint:
    message = body.get("message")
    if message is None:
        message = body.get("detail")
    code = body.get("code")
    return _Complaint(
        message=_told(message),
        type=body["type"] if isinstance(body.get("type"), str) else None,
        code=None if code is None else str(code),
    )


def _told(message: object) -> str:
    match message:
        case str():
            return message
        case {"detail": detail}:
            return _told(detail)
        case list():
            return "; ".join(_fault(item) for item in message)
        case None:
            return ""
        case _:
            return dumps(message).decode()


def _fault(item: object) -> str:
    match item:
        case {"loc": list(loc), "msg": msg}:
            place = ".".join(str(step) for step in loc if step != "body")
            return f"{place}: {msg}"
        case str():
            return item
        case _:
            return _shortened(dumps(item).decode())


# Portkey puts its own words in front of the provider's, and wraps a shape that it does not know.
_WRAPPED = re.compile(r"^Invalid response received from [\w-]+: (\{.*\})$", re.DOTALL)
_PREFIXED = re.compile(r"^[\w-]+ error: ")


def _unwrapped(outer: _Complaint) -> _Complaint:
    if (match := _WRAPPED.match(outer.message)) is not None:
        try:
            inner = loads(match[1].encode())
        except ValueError:
            return outer
        if "html-message" in inner:
            return _Complaint(_without_markup(str(inner["html-message"])), outer.type, outer.code)
        told = _complaint(inner)
        return told if told.message else outer
    return _Complaint(_PREFIXED.sub("", outer.message), outer.type, outer.code)


def _without_markup(text: str) -> str:
    return " ".join(re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL).split())


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _stop(sentence: str) -> str:
    return "" if sentence.endswith((".", "!", "?", "…")) else "."


# --- errors that come with a good status ------------------------------------------------------------


def error_in_ok(content: object) -> bool:
    """Say whether an answer with a good status, or an event of a stream, is an error after all."""
    match content:
        case {"error": error} if error:
            return True
        case {"choices": _} | {"data": _} | {"results": _}:
            return False
        case {"object": "error" | "Error"} | {"status": "failure"} | {"detail": _}:
            return True
        case {"message": _, "type": _} | {"message": _, "code": _}:
            return True
        case _:
            return False


def in_band_error(content: object, *, secrets: Collection[str] = ()) -> InBandError | None:
    """Return the error that an answer with a good status, or an event of a stream, holds; or None."""
    if not error_in_ok(content):
        return None
    clean = _content(dumps(content), secrets)
    reason = _shortened(_complaint(clean).message) or "The server reported an error."
    return InBandError(reason, status=_named_status(clean), body=clean)


def _named_status(content: Any) -> int:
    inner = content.get("error") if isinstance(content, Mapping) else None
    where = [place for place in (content, inner) if isinstance(place, Mapping)]
    named = (
        str(place.get(name)) for place in where for name in ("raw_status_code", "status", "code")
    )
    told = (int(v) if re.fullmatch(r"[45]\d\d", v) else _STATUS_OF_CODE.get(v) for v in named)
    return next((status for status in told if status is not None), 500)


# --- headers ----------------------------------------------------------------------------------------

_UNSAFE_HEADER = re.compile(
    r"cookie|authorization|api-?key|token$|secret|virtual-key", re.IGNORECASE
)
_REQUEST_IDS = ("mistral-correlation-id", "x-request-id", "x-kong-request-id", "cf-ray")
_DELAYS: Mapping[str, float] = {
    "retry-after-ms": 0.001,
    "x-ms-retry-after-ms": 0.001,
    "retry-after": 1.0,
}


def retry_after(headers: Mapping[str, str], now: float | None) -> float | None:
    """Return how many seconds the server asks to wait, or None.

    Read are `retry-after-ms`, `x-ms-retry-after-ms` and `retry-after`, in this order; the last may be a
    date, which is held against `now` (seconds since the epoch). A moment that has passed is 0; without
    `now` a date says nothing.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    delays = (_delay(lower[name], unit, now) for name, unit in _DELAYS.items() if name in lower)
    return next((delay for delay in delays if delay is not None), None)


def _delay(value: str, unit: float, now: float | None) -> float | None:
    if re.fullmatch(r"\s*\d+(\.\d*)?\s*", value):
        return float(value) * unit
    moment = _moment(value)
    return None if moment is None or now is None else max(0.0, moment - now)


def _moment(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _servers_time(headers: Mapping[str, str]) -> float | None:
    """Return the time on the server's clock, which its dates are meant by."""
    return _moment(headers.get("date", ""))


def safe_headers(headers: Mapping[str, str], secrets: Collection[str] = ()) -> dict[str, str]:
    """Return headers in lower case, without cookies and keys."""
    lower = {name.lower(): value for name, value in headers.items()}
    safe = {name: value for name, value in lower.items() if not _is_unsafe(name)}
    told = "\n".join(safe.values())
    for secret in secrets:
        if secret in told:
            return {name: scrub(value, secrets) for name, value in safe.items()}
    return safe


@lru_cache(maxsize=256)  # a server sends the same ones with every answer
def _is_unsafe(name: str) -> bool:
    return _UNSAFE_HEADER.search(name) is not None


def scrub(text: str, secrets: Collection[str]) -> str:
    """Blot out keys. What is shorter than four characters is no key and would blot out words."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "***")
    return text


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's own id of a request; Mistral's before those of what stands in front of it.

    Names are looked up in lower case.
    """
    for name in _REQUEST_IDS:
        if found := headers.get(name):
            return found
    return None


def call_info(
    headers: Mapping[str, str],
    secrets: Collection[str] = (),
    *,
    way: Way = "direct",
    lane: Lane | None = None,
    trace_id: str | None = None,
    attempts: tuple[AttemptRecord, ...] = (),
    lost: tuple[str, ...] = (),
    ours: AttemptRecord | None = None,
) -> CallInfo:
    """Read what the headers of an answer tell of the call.

    `trace_id` is the one that was sent. `ours` is the last attempt where our own engine routed: it says what
    a gateway's headers would say.
    """
    clean = safe_headers(headers, secrets)
    told = clean.get
    if ours is None:
        retries, cache = told("x-portkey-retry-attempt-count"), told("x-portkey-cache-status")
        provider, path = told("x-portkey-provider"), told("x-portkey-last-used-option-index")
        count = None if retries is None else _integer(retries)
    else:
        provider, path, count = ours.provider, ours.path, ours.number - 1
        cache = "HIT" if ours.cached else None
    return CallInfo(
        way,
        lane,
        provider or None,
        path or None,
        count,
        cache or None,
        told("x-portkey-trace-id") or trace_id,
        request_id(clean),
        rate_limits(clean),
        clean,
        attempts,
        lost,
    )


def _id_in(content: object) -> str | None:
    match content:
        case {"request_id": str(named)}:
            return named
        case _:
            return None


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d+", text) else None
