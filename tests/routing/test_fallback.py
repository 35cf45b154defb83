from __future__ import annotations

import pytest

from driving import CHAT, Line, route, short
from portkey_mistral._routing.outcomes import RequestFacts


def three(**strategy: object) -> dict[str, object]:
    return {"strategy": {"mode": "fallback", **strategy}, "targets": [{}, {}, {}]}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 422, 429, 446, 500, 502, 503, 529])
def test_every_failure_falls_back(status: int) -> None:
    followed = route(three(), {"0": status, "1": 200})
    assert followed.paths == ["0", "1"]
    assert followed.status == 200


@pytest.mark.parametrize("line", ["reset", "refused", "connect timeout", "timeout", "no json"])
def test_an_unusable_response_falls_back(line: str) -> None:
    assert route(three(), {"0": line, "1": 200}).paths == ["0", "1"]


@pytest.mark.parametrize("line", [200, 204, 246, "commit"])
def test_a_success_ends_it(line: Line) -> None:
    assert route(three(), {"0": line}).paths == ["0"]


def test_the_last_failure_stands_when_all_fail() -> None:
    followed = route(three(), {"0": 500, "1": 401, "2": 404})
    assert followed.paths == ["0", "1", "2"]
    assert followed.status == 404


@pytest.mark.parametrize(
    ("codes", "first", "moves"),
    [
        ([429], 429, True),
        ([429], 500, False),
        ([], 500, False),
        ([], 200, False),
        ([200], 200, True),
        ([200], 500, False),
        ([200], "commit", False),
        ([503], "refused", False),
        ([500], "refused", True),
        ([503], "connect timeout", True),
        ([408], "timeout", True),
        ([500], "timeout", False),
        ([500], "no json", True),
    ],
)
def test_a_list_of_statuses_is_taken_literally(codes: list[int], first: Line, moves: bool) -> None:
    config = {"strategy": {"mode": "fallback", "on_status_codes": codes}, "targets": [{}, {}]}
    followed = route(config, {"0": first, "1": 200})
    assert followed.paths == (["0", "1"] if moves else ["0"])


def test_weights_do_not_matter() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{"weight": 0}, {"weight": 9}]}
    assert route(config, {"0": 500, "1": 200}).paths == ["0", "1"]


def test_a_target_is_retried_to_its_end_before_the_next() -> None:
    config = {**three(), "retry": {"attempts": 1}}
    followed = route(config, {"0": 500, "1": 500, "2": 200}, backoff=0.0)
    assert followed.paths == ["0", "0", "1", "1", "2"]
    assert [attempt.number for attempt in followed.attempts] == [1, 2, 1, 2, 1]


def test_there_is_no_pause_between_targets() -> None:
    assert route(three(), {"0": 500, "1": 500, "2": 200}).waits == [0, 0, 0]


def test_no_target_is_begun_after_the_deadline() -> None:
    facts = RequestFacts(operation="chat", params=CHAT.params, deadline=100.2)
    followed = route(three(), {"0": 500, "1": 500, "2": 200}, facts=facts)
    assert followed.paths == ["0", "1"]
    assert followed.status == 500


def test_unwanted_responses_are_marked_before_they_are_read() -> None:
    inner = {"strategy": {"mode": "fallback", "on_status_codes": [201]}, "targets": [{}, {}]}
    retried = {"retry": {"attempts": 1, "on_status_codes": [202]}}
    config = {
        "strategy": {"mode": "fallback", "on_status_codes": [200]},
        "targets": [inner, retried, {}],
    }
    followed = route(config, {"0.0": 201, "0.1": 200, "1": [202, 200], "2": 200})
    assert [(short(each.path), each.unwanted) for each in followed.attempts] == [
        ("0.0", (200, 201)),
        ("0.1", (200,)),
        ("1", (200, 202)),
        ("1", (200,)),
        ("2", ()),
    ]


def test_a_resumable_broken_stream_continues_on_the_next_target() -> None:
    followed = route(three(), {"0": ["cut", "cut"], "1": 200}, backoff=0.0)
    assert followed.paths == ["0", "0", "1"]
