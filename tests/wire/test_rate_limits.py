from __future__ import annotations

import pytest

from portkey_mistral._wire.rate_limits import is_out_of_reach, rate_limits, seconds_until_more


def named(**values: object) -> dict[str, str]:
    return {f"X-RateLimit-{name.replace('_', '-')}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        (named(limit_req_minute=60, remaining_req_minute=1), 0.0),
        (named(limit_req_minute=60, remaining_req_minute=0), 1.0),
        (named(limit_req_minute=300, remaining_req_minute=0), 0.2),
        ({"x-ratelimit-limit-req-10-second": "5", "x-ratelimit-remaining-req-10-second": "0"}, 2.0),
        (named(limit_tokens_minute=600, remaining_tokens_minute=0), 0.0),
        (named(remaining_req_minute=0), 0.0),
        (named(limit_req_minute="many", remaining_req_minute=0), 0.0),
        (named(limit_tokens_month=100, remaining_tokens_month=0), 0.0),
        (named(limit_req_minute=0, remaining_req_minute=0), 0.0),
    ],
)
def test_how_long_until_one_more_is_allowed(headers, seconds):
    assert seconds_until_more(headers) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "hopeless"),
    [
        ({}, False),
        (named(limit_req_minute=60, remaining_req_minute=0), False),
        (named(limit_req_minute=0), True),
        (named(limit_tokens_month=100, remaining_tokens_month=0), True),
        (named(remaining_tokens_month=7), False),
    ],
)
def test_what_no_waiting_helps_against(headers, hopeless):
    assert is_out_of_reach(headers) is hopeless


def test_limits_by_their_names():
    assert rate_limits(
        {**named(limit_req_minute=6), "date": "x", "RateLimitBySize-Reset": "3"}
    ) == {
        "x-ratelimit-limit-req-minute": "6",
        "ratelimitbysize-reset": "3",
    }
