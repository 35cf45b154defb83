"""Classifies the result of an attempt: an outcome for the plan, and a value or an error for the caller."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from portkey_mistral._json import loads
from portkey_mistral._redaction import scrub
from portkey_mistral._routing.outcomes import Answered, Attempt, Failed
from portkey_mistral._transport.base import (
    ConnectError,
    ConnectTimeout,
    ResponseTooLarge,
    TransportError,
)
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.results import AttemptResult, Counted, StalledError, is_success
from portkey_mistral._wire.error_bodies import parse_body
from portkey_mistral._wire.errors import in_band_error, status_error
from portkey_mistral._wire.finish_reasons import failed_completion
from portkey_mistral._wire.guardrails import guardrail_verdicts, with_unreported_failure
from portkey_mistral._wire.json_members import string
from portkey_mistral._wire.malformed import InBandError
from portkey_mistral._wire.portkey_errors import GatewayRequest
from portkey_mistral._wire.response_headers import call_info, retry_after
from portkey_mistral._wire.responses import decode_usage
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ResponseFormatError,
)

__all__ = [
    "TRANSPORT_FAILURE",
    "TRANSPORT_FAULTS",
    "Exchanged",
    "classify_error",
    "classify_failure",
    "classify_in_band_error",
    "classify_response",
]

T = TypeVar("T")

TRANSPORT_FAULTS = (TransportError, OSError)
"""Failures of an exchange before a whole response was read. A user's client may raise OSError itself."""

# The statuses that a Portkey config's rules see if there was no response (as observed in the open-source gateway).
TRANSPORT_FAILURE, CONNECT_TIMEOUT, REQUEST_TIMEOUT = 500, 503, 408

_TIMER_ERROR = 0.01  # seconds by which a timer may fire early
_MAX_EXCERPT, _MAX_QUOTED = 500, 120


Exchanged: TypeAlias = tuple[AttemptResult[T], Mapping[str, str], bytes]
"""A result, with the headers and the body of the response."""


def classify_response(
    call: Call[T], wire_request: WireRequest, status: int, headers: Mapping[str, str], body: bytes
) -> AttemptResult[T]:
    """Classify a whole response."""
    if not is_success(status):
        content = parse_body(body, call.secrets)
        return classify_error(call, wire_request, status, headers, content)
    try:
        content = loads(body)
        fault = in_band_error(content, secrets=call.secrets) or failed_completion(
            content, secrets=call.secrets
        )
        if fault is not None:
            return classify_in_band_error(call, wire_request, fault, headers)
        value, verdicts = call.decode(content), guardrail_verdicts(content, call.secrets)
        if call.mode == "gateway":
            verdicts = with_unreported_failure(verdicts, status)
        return AttemptResult(Answered(time.monotonic(), status), value, guardrails=verdicts)
    except Exception as fault:  # noqa: BLE001  whatever a server sends, a caller gets one of our errors
        error = _malformed(call, fault, headers, body)
        return AttemptResult(Failed(time.monotonic(), "body", TRANSPORT_FAILURE), error=error)


def classify_error(
    call: Call[Any],
    wire_request: WireRequest,
    status: int,
    headers: Mapping[str, str],
    content: Any,
) -> AttemptResult[Any]:
    """Classify an error response, whatever its status. `content` is its parsed body."""
    request = wire_request.request
    gateway = GatewayRequest(wire_request.model, request.headers, wire_request.lane)
    error = status_error(
        status,
        headers,
        content,
        gateway=gateway if call.mode == "gateway" else None,
        secrets=call.secrets,
    )
    seconds = retry_after(headers, time.time())
    return AttemptResult(
        Failed(time.monotonic(), "status", error.status_code, seconds), error=error
    )


def classify_in_band_error(
    call: Call[Any], wire_request: WireRequest, fault: InBandError, headers: Mapping[str, str]
) -> AttemptResult[Any]:
    """Classify an error that was reported with a success status, as what it would have been with its own."""
    result = classify_error(call, wire_request, fault.status, headers, fault.body)
    outcome = result.outcome
    if fault.is_completion and isinstance(outcome, Failed):
        outcome = replace(outcome, kind="completion")
    return replace(result, outcome=outcome, counted=_counted(fault.body))


def _counted(body: object) -> Counted:
    if not isinstance(body, Mapping):
        return Counted()
    usage = decode_usage(body.get("usage"), service_tier=body.get("service_tier"))
    return Counted(usage, string(body, "model"))


def _malformed(
    call: Call[Any], fault: Exception, headers: Mapping[str, str], body: bytes
) -> ResponseFormatError:
    # Redacted before it is shortened, or a part of a key at the cut would be left.
    excerpt = scrub(body.decode("utf-8", "replace"), call.secrets)[:_MAX_EXCERPT]
    return ResponseFormatError(
        f"The response could not be decoded: {scrub(str(fault), call.secrets)}. "
        f"It begins with {excerpt[:_MAX_QUOTED]!r}.",
        body=excerpt,
        request_id=call_info(headers).request_id,
    )


def classify_failure(
    call: Call[T], attempt: Attempt, wire_request: WireRequest, fault: Exception
) -> AttemptResult[T]:
    """Classify an exchange that failed before a whole response was read."""
    now, host = time.monotonic(), urlsplit(wire_request.request.url).hostname
    outcome = Failed(now, "transport", TRANSPORT_FAILURE)
    error: APIError
    match fault:
        case ConnectTimeout():
            outcome = Failed(now, "connect", CONNECT_TIMEOUT)
            error = APITimeoutError(f"Connecting to {host} timed out.")
        case StalledError():
            error = APITimeoutError(f"The response from {host} stalled: {fault}.")
        case TimeoutError():
            limit, is_targets = _exceeded_limit(call, attempt, now)
            if is_targets:
                outcome = Failed(now, "timeout", REQUEST_TIMEOUT)
            error = APITimeoutError(f"{host} did not answer within {limit}.")
        case ResponseTooLarge():
            outcome = Failed(now, "body", TRANSPORT_FAILURE)
            error = ResponseFormatError(f"The response from {host} is too large: {fault}.")
        case _:
            if isinstance(fault, ConnectError):
                outcome = Failed(now, "connect", TRANSPORT_FAILURE)
            error = APIConnectionError(
                f"No response from {host}: {_describe(fault, call.secrets)}. "
                "Check the URL, the network and the proxy settings."
            )
    error.__cause__ = fault
    return AttemptResult(outcome, error=error)


def _exceeded_limit(call: Call[T], attempt: Attempt, now: float) -> tuple[str, bool]:
    """Return which limit ended the wait for the head, and whether it is the config's request_timeout."""
    if call.deadline is not None and now > call.deadline - _TIMER_ERROR:
        return "the time for the whole call (deadline)", False
    limits = (
        (attempt.target.request_timeout, "the config's request_timeout of {:g} s", True),
        (call.limits.first_token, "the first_token_timeout of {:g} s", False),
        (call.limits.timeout.read, "{:g} s. Raise timeout=, or stream the response", False),
    )
    known = [limit for limit in limits if limit[0] is not None]
    if not known:
        return "the time that was left", False
    seconds, text, is_targets = min(known, key=itemgetter(0))
    return text.format(seconds), is_targets


def _describe(fault: Exception, secrets: frozenset[str]) -> str:
    text = scrub(str(fault), secrets)
    return f"{type(fault).__name__}: {text}" if text else type(fault).__name__
