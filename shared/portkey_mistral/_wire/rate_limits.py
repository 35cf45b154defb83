"""Reads what a server says of its rate limits. Mistral names them in headers like
`x-ratelimit-remaining-req-minute`; the limit that is used up may be the only one that it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["is_out_of_reach", "rate_limits", "seconds_until_more"]

_NAME = re.compile(r"x-ratelimit-(limit|remaining)-([a-z]+)-([0-9a-z-]+)")
_SECONDS = {"second": 1.0, "10-second": 10.0, "minute": 60.0}


def rate_limits(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that tell of limits, by their names in lower case."""
    return {
        lower: value for name, value in headers.items() if "ratelimit" in (lower := name.lower())
    }


def seconds_until_more(headers: Mapping[str, str]) -> float:
    """Return how long one more request takes to be allowed where their number is used up, else 0.

    No header tells when the count begins anew, so it is taken to grow evenly. Of tokens that says nothing:
    how many of them a request takes stands in no header.
    """
    told = _read(headers)
    waits = [
        _SECONDS[period] / told["limit", what, period]
        for (kind, what, period), left in told.items()
        if kind == "remaining"
        and what == "req"
        and left <= 0
        and period in _SECONDS
        and told.get(("limit", what, period), 0) > 0
    ]
    return max(waits, default=0.0)


def is_out_of_reach(headers: Mapping[str, str]) -> bool:
    """Whether waiting cannot help: the plan allows none at all, or the month's share is used up."""
    return any(
        count <= 0 and (kind == "limit" or period not in _SECONDS)
        for (kind, _, period), count in _read(headers).items()
    )


def _read(headers: Mapping[str, str]) -> dict[tuple[str, str, str], float]:
    found: dict[tuple[str, str, str], float] = {}
    for name, value in headers.items():
        told = _NAME.fullmatch(name.lower())
        if told is not None and re.fullmatch(r"\d+(\.\d+)?", value.strip()):
            found[told[1], told[2], told[3]] = float(value)
    return found
