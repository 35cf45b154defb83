from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driving import CHAT, Line, Middle, Top, follow, route
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral._routing.retry import attempts
from portkey_mistral.config import Retry, Target


def retry(attempts: int, **rest: object) -> dict[str, object]:
    return {"retry": {"attempts": attempts, **rest}}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_statuses_sent_again_by_default(status: int) -> None:
    followed = route(retry(2), {"": [status, status, 200]})
    assert [attempt.number for attempt in followed.attempts] == [1, 2, 3]
    assert followed.status == 200


@pytest.mark.parametrize("line", [400, 401, 404, 408, 422, 529, "timeout"])
def test_statuses_not_sent_again_by_default(line: Line) -> None:
    assert len(route(retry(2), {"": line}).attempts) == 1


def test_attempts_are_extra_sends() -> None:
    assert len(route(retry(3), {"": 500}).attempts) == 4
    assert len(route(retry(0), {"": 500}).attempts) == 1


def test_a_status_that_is_not_listed_ends_it_at_once() -> None:
    followed = route(retry(3, on_status_codes=[503]), {"": [503, 500]})
    assert followed.status == 500
    assert len(followed.attempts) == 2


@pytest.mark.parametrize("line", ["reset", "refused", "connect timeout"])
def test_a_transport_failure_is_sent_again_whatever_is_listed(line: str) -> None:
    assert len(route(retry(1, on_status_codes=[418]), {"": [line, 200]}).attempts) == 2
    assert len(route(retry(0), {"": line}).attempts) == 1


def test_a_request_timeout_is_sent_again_only_where_408_is_listed() -> None:
    assert len(route(retry(1, on_status_codes=[408]), {"": ["timeout", 200]}).attempts) == 2


def test_an_unreadable_answer_counts_as_500() -> None:
    assert len(route(retry(1), {"": ["no json", 200]}).attempts) == 2
    assert len(route(retry(1, on_status_codes=[503]), {"": "no json"}).attempts) == 1


@pytest.mark.parametrize(("line", "sends"), [(200, 3), ("commit", 1), ("cached", 1)])
def test_a_success_that_is_listed_is_sent_again(line: Line, sends: int) -> None:
    assert len(route(retry(2, on_status_codes=[200]), {"": line}).attempts) == sends


def test_waits_double() -> None:
    followed = route(retry(4), {"": 500}, rng=Top())
    assert followed.waits == [0, 1, 2, 4, 8]


def test_the_first_delay_is_given() -> None:
    assert route(retry(2), {"": 500}, rng=Top(), backoff=0.5).waits == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("given_by", "waits"),
    [
        ({"use_retry_after_header": True}, [0, 2.5, 1.0]),
        ({"use_retry_after_headers": True}, [0, 2.5, 1.0]),
        ({"useRetryAfterHeader": True}, [0, 2.5, 1.0]),
        ({}, [0, 0.5, 1.0]),
    ],
)
def test_retry_after_is_used_if_the_config_enables_it(
    given_by: dict[str, bool], waits: list[float]
) -> None:
    followed = route(retry(2, **given_by), {"": [(429, 2.5), 429, 200]}, rng=Middle())
    assert followed.waits == waits


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_retry_after_is_used_for_every_retried_status(status: int) -> None:
    config = retry(1, use_retry_after_header=True, on_status_codes=[429, 500, 502, 503, 504, 529])
    assert route(config, {"": [(status, 30.0), 200]}, rng=Middle()).waits == [0, 30.0]
    followed = route({}, {"": [(status, 2.0), 200]}, max_retries=1, rng=Middle())
    assert followed.waits == [0, 2.0]


def test_retry_after_of_a_status_that_is_not_retried_changes_nothing() -> None:
    config = retry(1, use_retry_after_header=True)
    assert len(route(config, {"": [(400, 2.0), 200]}).attempts) == 1


@pytest.mark.parametrize(
    ("delays", "sends"),
    [
        ([60.0], 1),
        ([59.9], 2),
        ([0.2, 59.9], 2),
        ([30.0, 30.0], 3),
        ([30.0, 30.5], 2),
    ],
)
def test_retry_after_is_honoured_up_to_a_minute_in_total(delays: list[float], sends: int) -> None:
    lines: list[Line] = [*((429, seconds) for seconds in delays), 200]
    assert len(route(retry(5, use_retry_after_header=True), {"": lines}).attempts) == sends


def test_max_retries_applies_without_an_inherited_retry() -> None:
    assert len(route({}, {"": 500}, max_retries=2, backoff=0.0).attempts) == 3
    assert len(route({}, {"": 500}).attempts) == 1


@pytest.mark.parametrize("line", [408, 529, "timeout", (429, 1.0)])
def test_max_retries_also_covers_timeouts_and_overload(line: Line) -> None:
    followed = route({}, {"": [line, 200]}, max_retries=1, backoff=0.0)
    assert followed.status == 200


def test_max_retries_does_not_change_a_config_with_retry() -> None:
    assert len(route(retry(1), {"": 500}, max_retries=5).attempts) == 2
    assert len(route(retry(0), {"": 500}, max_retries=5).attempts) == 1
    assert len(route(retry(2), {"": 500}, max_retries=0).attempts) == 3


def test_a_delay_beyond_the_deadline_is_not_started() -> None:
    facts = RequestFacts(operation="chat", params=CHAT.params, deadline=101.0)
    followed = route(retry(5), {"": 500}, facts=facts, rng=Middle())
    assert len(followed.attempts) == 2  # 0.5 s is possible, then 1 s is not


def test_the_next_target_gets_the_time_that_a_wait_would_have_taken() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"retry": {"attempts": 1, "use_retry_after_header": True}}, {}],
    }
    facts = RequestFacts(operation="chat", params=CHAT.params, deadline=105.0)
    assert route(config, {"0": (429, 30.0), "1": 200}, facts=facts).paths == ["0", "1"]


def test_a_broken_stream_is_resumed_at_least_once() -> None:
    followed = route({}, {"": ["cut", 200]})
    assert followed.status == 200
    assert len(route({}, {"": "cut"}).attempts) == 2
    assert len(route(retry(3), {"": "cut"}).attempts) == 4


def test_a_breaker_that_opens_between_two_tries_does_not_hide_the_failure() -> None:
    followed = route(retry(3), {"": [503, "skip"]})
    assert len(followed.attempts) == 2
    assert followed.status == 503


@given(
    st.integers(0, 12),
    st.lists(st.sampled_from([200, 400, 429, 500, "reset", "timeout", "cut", "skip"]), max_size=15),
    st.randoms(use_true_random=False),
)
def test_attempts_and_delays_are_bounded(tries: int, lines: list[Line], rng: object) -> None:
    running = attempts(Target(), Retry(tries), rng)  # type: ignore[arg-type]
    followed = follow(running, {"": [*lines, 200]})
    assert len(followed.attempts) <= max(tries, 1) + 1
    assert [attempt.number for attempt in followed.attempts] == list(
        range(1, len(followed.attempts) + 1)
    )
    for number, wait in enumerate(followed.waits[1:]):
        assert 0 <= wait <= 2**number


def test_a_thousand_attempts_do_not_overflow() -> None:
    followed = route(retry(1100), {"": 500}, rng=Top(), backoff=0.0)
    assert len(followed.attempts) == 1101
