"""Judges what came back, or did not: an outcome for the plan, and a value or an error for the caller."""

from __future__ import annotations

import time
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Generic, TypeVar

import httpx

from portkey_mistral._engine.outcomes import Answered, Attempt, Failed, Outcome
from portkey_mistral._records import record
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._wire.failures import (
    call_info,
    in_band_error,
    retry_after,
    scrub,
    status_error,
)
from portkey_mistral._wire.json import loads
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    PortkeyMistralError,
    ResponseFormatError,
)

__all__ = [
    "StalledError",
    "Verdict",
    "is_success",
    "judge",
    "refused",
    "unreachable",
]

T = TypeVar("T")

# What the rules of a Portkey config look at where no server spoke, as seen on the real gateway.
TRANSPORT_FAILURE, CONNECT_TIMEOUT, REQUEST_TIMEOUT = 500, 503, 408

_TIMER_ERROR = 0.01  # seconds by which a timer may be early


class StalledError(TimeoutError):
    """The body of an answer did not come in time."""


@record()
class Verdict(Generic[T]):
    """Exactly one of `value` and `error` is set."""

    outcome: Outcome
    value: T | None = None
    error: PortkeyMistralError | None = None


def is_success(status: int) -> bool:
    """2xx. 246 is the gateway's "a guardrail failed, but was told not to deny"."""
    return 200 <= status < 300


def judge(
    call: Call[T], sending: Sending, status: int, headers: Mapping[str, str], body: bytes
) -> Verdict[T]:
    """Judge a whole answer."""
    if not is_success(status):
        return refused(call, sending, status, headers, body)
    try:
        content = loads(body)
        if (fault := in_band_error(content, secrets=call.secrets)) is not None:
            return refused(call, sending, fault.status, headers, body)
        return Verdict(Answered(time.monotonic(), status), value=call.read(content))
    except ValueError as fault:  # no JSON, or a MalformedAnswer
        error = malformed(call, str(fault), headers, body)
        return Verdict(Failed(time.monotonic(), "body", TRANSPORT_FAILURE), error=error)


def refused(
    call: Call[Any], sending: Sending, status: int, headers: Mapping[str, str], body: bytes
) -> Verdict[Any]:
    """Judge an answer that is an error, whatever status it came with."""
    error = status_error(
        status,
        headers,
        body,
        gateway=call.way == "gateway",
        secrets=call.secrets,
        lane=sending.lane,
    )
    wait = retry_after(headers, time.time())
    return Verdict(Failed(time.monotonic(), "status", error.status_code, wait), error=error)


def malformed(
    call: Call[Any], fault: str, headers: Mapping[str, str], body: bytes
) -> ResponseFormatError:
    """An answer with a good status that cannot be read."""
    shown = scrub(body[:500].decode("utf-8", "replace"), call.secrets)
    return ResponseFormatError(
        f"The answer could not be read: {fault}. It began with {shown[:120]!r}.",
        body=shown,
        request_id=call_info(headers).request_id,
    )


def unreachable(call: Call[T], attempt: Attempt, fault: Exception, url: str) -> Verdict[T]:
    """Judge a send that no usable answer came to."""
    now = time.monotonic()
    host = httpx.URL(url).host
    error: APIError
    match fault:
        case httpx.ConnectTimeout():
            outcome = Failed(now, "connect", CONNECT_TIMEOUT)
            error = APITimeoutError(f"Connecting to {host} took too long.")
        case StalledError():
            outcome = Failed(now, "transport", TRANSPORT_FAILURE)
            error = APITimeoutError(f"The answer from {host} stalled: {fault}.")
        case httpx.TimeoutException() | TimeoutError():
            limit, by_target = _limit_of_headers(call, attempt, now)
            outcome = (
                Failed(now, "timeout", REQUEST_TIMEOUT)
                if by_target
                else Failed(now, "transport", TRANSPORT_FAILURE)
            )
            error = APITimeoutError(f"{host} did not answer within {limit}.")
        case _:
            outcome = Failed(now, "transport", TRANSPORT_FAILURE)
            error = APIConnectionError(
                f"No usable answer from {host}: {_described(fault, call.secrets)}. "
                "Check the URL, the network and the proxy settings."
            )
    error.__cause__ = fault
    return Verdict(outcome, error=error)


def _limit_of_headers(call: Call[T], attempt: Attempt, now: float) -> tuple[str, bool]:
    """Tell which limit ended the wait for the headers, and whether it is the config's own."""
    if call.deadline is not None and now > call.deadline - _TIMER_ERROR:
        return "the time for the whole call (deadline)", False
    limits = (
        (attempt.target.request_timeout, "the config's request_timeout of {:g} s", True),
        (call.limits.first_token, "the first_token_timeout of {:g} s", False),
        (call.limits.timeout.read, "{:g} s. Raise timeout=, or stream the answer", False),
    )
    known = [limit for limit in limits if limit[0] is not None]
    if not known:
        return "the time that was left", False
    seconds, text, by_target = min(known, key=itemgetter(0))
    return text.format(seconds), by_target


def _described(fault: Exception, secrets: frozenset[str]) -> str:
    text = scrub(str(fault), secrets)
    return f"{type(fault).__name__}: {text}" if text else type(fault).__name__
