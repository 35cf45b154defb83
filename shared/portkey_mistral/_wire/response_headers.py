"""Parses the headers of a response: rate limits, Retry-After, ids, and the gateway's routing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from portkey_mistral._redaction import safe_headers
from portkey_mistral.guardrails import GuardrailVerdict
from portkey_mistral.prices import Cost
from portkey_mistral.responses import AttemptRecord, CallInfo, ConnectionMode, Lane

__all__ = [
    "OPTION_PATH",
    "call_info",
    "is_out_of_reach",
    "rate_limits",
    "request_id",
    "retry_after",
    "seconds_until_more",
    "server_time",
]

# Longer numbers are not plausible, and for the longest `int` raises ValueError.
_NUMBER = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{0,15})?)\s*")
_INTEGER = re.compile(r"-?[0-9]{1,15}")


OPTION_PATH = "x-portkey-last-used-option-index"
"""The header in which a gateway names the target that it chose, by its option path."""

# --- facts of a call --------------------------------------------------------------------------------

# Mistral's own before those of the proxies in front of it (Kong, Cloudflare).
_REQUEST_IDS = ("mistral-correlation-id", "x-request-id", "x-kong-request-id", "cf-ray")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's id of a request. The names of `headers` are in lower case."""
    return next(filter(None, map(headers.get, _REQUEST_IDS)), None)


def call_info(
    headers: Mapping[str, str],
    secrets: Collection[str] = (),
    *,
    mode: ConnectionMode = "direct",
    lane: Lane | None = None,
    trace_id: str | None = None,
    attempts: tuple[AttemptRecord, ...] = (),
    lost: tuple[str, ...] = (),
    cost: Cost | None = None,
    guardrails: tuple[GuardrailVerdict, ...] = (),
    last: AttemptRecord | None = None,
) -> CallInfo:
    """Return the `CallInfo` of a call.

    `trace_id` is the one that was sent. `last` is the last attempt if routing ran in this process; it replaces the
    headers of a gateway.
    """
    safe = safe_headers(headers, secrets)
    if last is None:
        provider, path = (
            safe.get("x-portkey-provider"),
            safe.get(OPTION_PATH),
        )
        retries, cache = (
            _integer(safe.get("x-portkey-retry-attempt-count")),
            safe.get("x-portkey-cache-status"),
        )
    else:
        provider, path, retries = last.provider, last.path, last.number - 1
        cache = "HIT" if last.cached else None
    return CallInfo(
        mode=mode,
        lane=lane,
        provider=provider or None,
        option_path=path or None,
        retry_count=retries,
        cache_status=cache or None,
        # The open-source gateway sends an empty one if the request had none.
        trace_id=safe.get("x-portkey-trace-id") or trace_id,
        request_id=request_id(safe),
        rate_limits=rate_limits(safe),
        headers=safe,
        attempts=attempts,
        lost=lost,
        cost=cost,
        guardrails=guardrails,
    )


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and _INTEGER.fullmatch(text) else None


# --- when to send again -----------------------------------------------------------------------------

# In Portkey's order: its gateway reads these three, the first two in milliseconds.
_DELAYS: Mapping[str, float] = {
    "retry-after-ms": 0.001,
    "x-ms-retry-after-ms": 0.001,
    "retry-after": 1.0,
}


def retry_after(headers: Mapping[str, str], now: float | None) -> float | None:
    """Return the seconds that the server asks to wait, or None.

    Read are `retry-after-ms`, `x-ms-retry-after-ms` and `retry-after`, in this order. The last may be a date, which
    is compared with `now` (seconds since the epoch; without it a date is ignored); one in the past is 0.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    delays = (_delay(lower[name], unit, now) for name, unit in _DELAYS.items() if name in lower)
    return next((delay for delay in delays if delay is not None), None)


def server_time(headers: Mapping[str, str]) -> float | None:
    """Return the time on the server's clock, on which the dates in its headers are based."""
    return _timestamp(headers.get("date", ""))


def _delay(value: str, unit: float, now: float | None) -> float | None:
    if (number := _NUMBER.fullmatch(value)) is not None:
        return float(number[1]) * unit
    moment = _timestamp(value)
    return None if moment is None or now is None else max(0.0, moment - now)


def _timestamp(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
    ):  # some malformed dates raise other errors
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# --- rate limits ------------------------------------------------------------------------------------

# Mistral's are like `x-ratelimit-remaining-req-minute`. A 429 may have only those of the exhausted limit.
_LIMIT = re.compile(r"x-ratelimit-(limit|remaining)-([a-z]+)-([0-9a-z-]+)")
_SECONDS = {"second": 1.0, "10-second": 10.0, "minute": 60.0}


def rate_limits(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the rate limit headers, with lower-case names."""
    return {
        lower: value for name, value in headers.items() if "ratelimit" in (lower := name.lower())
    }


def seconds_until_more(headers: Mapping[str, str]) -> float:
    """Return how long to wait for one more request if the limit is exhausted, else 0.

    No header says when the count is reset, so the allowance is assumed to grow evenly. Token limits are ignored,
    because no header says how many tokens a request counts as.
    """
    limits = _limits(headers)
    waits = [
        _SECONDS[period] / limits["limit", unit, period]
        for (kind, unit, period), count in limits.items()
        if kind == "remaining"
        and unit == "req"
        and count <= 0
        and period in _SECONDS
        and limits.get(("limit", unit, period), 0) > 0
    ]
    return max(waits, default=0.0)


def is_out_of_reach(headers: Mapping[str, str]) -> bool:
    """Whether waiting cannot help: the plan allows no requests, or the monthly limit is exhausted."""
    return any(
        count <= 0 and (kind == "limit" or period not in _SECONDS)
        for (kind, _, period), count in _limits(headers).items()
    )


def _limits(headers: Mapping[str, str]) -> dict[tuple[str, str, str], float]:
    found: dict[tuple[str, str, str], float] = {}
    for name, value in headers.items():
        limit, number = _LIMIT.fullmatch(name.lower()), _NUMBER.fullmatch(value)
        if limit is not None and number is not None:
            found[limit[1], limit[2], limit[3]] = float(number[1])
    return found
