from __future__ import annotations

import pytest

from portkey_mistral._wire.response_headers import (
    call_info,
    is_out_of_reach,
    rate_limits,
    request_id,
    retry_after,
    seconds_until_more,
)


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
def test_seconds_until_another_request_is_allowed(headers, seconds):
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
def test_limits_that_waiting_does_not_lift(headers, hopeless):
    assert is_out_of_reach(headers) is hopeless


def test_limits_by_their_names():
    assert rate_limits(
        {**named(limit_req_minute=6), "date": "x", "RateLimitBySize-Reset": "3"}
    ) == {
        "x-ratelimit-limit-req-minute": "6",
        "ratelimitbysize-reset": "3",
    }


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "500", "retry-after": "5"}, 0.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "5"}, 5.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 7.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 -0000"}, 7.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:00:00 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, 784111770.0) == seconds


def test_request_id_is_mistrals_own_first():
    assert request_id({"cf-ray": "c", "x-kong-request-id": "k"}) == "k"
    assert request_id({"x-kong-request-id": "k", "mistral-correlation-id": "m"}) == "m"
    assert request_id({}) is None


def test_call_info():
    headers = {
        "X-Portkey-Provider": "mistral-ai",
        "x-portkey-last-used-option-index": "config.targets[1]",
        "x-portkey-retry-attempt-count": "-1",
        "x-portkey-cache-status": "DISABLED",
        "x-portkey-trace-id": "",
        "mistral-correlation-id": "m",
        "X-RateLimit-Remaining-Req-Minute": "3",
    }
    info = call_info(headers, mode="gateway", lane="proxy")
    assert (info.mode, info.lane, info.provider) == ("gateway", "proxy", "mistral-ai")
    assert (info.option_path, info.retry_count) == ("config.targets[1]", -1)
    assert (info.cache_status, info.trace_id, info.request_id) == ("DISABLED", None, "m")
    assert info.rate_limits == {"x-ratelimit-remaining-req-minute": "3"} == rate_limits(headers)
    assert call_info({"x-portkey-retry-attempt-count": "?"}).retry_count is None


WILD = ["9" * 5000, "-" + "9" * 5000, "\u0663", "nan", "inf", "1e9", "1.2.3", "", " ", ":", "0x10", "Mon, 99 Foo",
    "Mon, 01 Jan 2024 00:00:00 +99999999999999", "Mon, 01 Jan 99999 00:00:00 GMT", "\x00"]  # fmt: skip


@pytest.mark.parametrize("value", WILD)
def test_every_header_value_can_be_parsed(value):
    names = ["retry-after", "retry-after-ms", "x-portkey-retry-attempt-count", "date"]
    headers = dict.fromkeys([*names, "x-ratelimit-remaining-req-minute"], value)
    assert retry_after(headers, 0.0) is None
    assert call_info(headers).retry_count is None
    assert seconds_until_more(headers) == 0.0
    assert not is_out_of_reach(headers)
