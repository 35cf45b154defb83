from __future__ import annotations

from typing import Any

import pytest

from driving import route
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral.exceptions import InvalidRequestError

CONFIG: dict[str, Any] = {
    "strategy": {
        "mode": "conditional",
        "conditions": [
            {"query": {"metadata.tier": "paid"}, "then": "large"},
            {"query": {"params.temperature": {"$lt": 0.5}}, "then": "cool"},
            {"query": {"url.pathname": {"$regex": "fim"}}, "then": "code"},
        ],
        "default": "small",
    },
    "targets": [{"name": "small"}, {"name": "large"}, {"name": "cool"}, {"name": "code"}],
}
ALL = {"0": 200, "1": 200, "2": 200, "3": 200}


@pytest.mark.parametrize(
    ("metadata", "params", "pathname", "chosen"),
    [
        ({"tier": "paid"}, {"temperature": 0.1}, "/v1/chat/completions", "1"),
        ({"tier": "free"}, {"temperature": 0.1}, "/v1/chat/completions", "2"),
        ({}, {}, "/v1/fim/completions", "3"),
        ({}, {"temperature": 1}, "/v1/chat/completions", "0"),
    ],
)
def test_the_first_condition_that_holds_decides(
    metadata: dict[str, str], params: dict[str, Any], pathname: str, chosen: str
) -> None:
    facts = RequestFacts(operation="chat", params=params, metadata=metadata, pathname=pathname)
    assert route(CONFIG, ALL, facts=facts).paths == [chosen]


def test_a_failure_of_the_chosen_target_is_final() -> None:
    followed = route(CONFIG, {"0": 500})
    assert followed.paths == ["0"]
    assert followed.status == 500


def test_conditions_see_the_request_and_not_the_overrides() -> None:
    config = {**CONFIG, "override_params": {"temperature": 0.1}}
    facts = RequestFacts(operation="chat", params={"temperature": 1})
    assert route(config, ALL, facts=facts).paths == ["0"]


def test_a_chosen_target_may_be_a_tree() -> None:
    config = {
        **CONFIG,
        "targets": [
            {"name": "small", "strategy": {"mode": "fallback"}, "targets": [{}, {}]},
            *CONFIG["targets"][1:],
        ],
    }
    assert route(config, {"0.0": 500, "0.1": 200}).paths == ["0.0", "0.1"]


NO_DEFAULT = {
    "strategy": {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.tier": "paid"}, "then": "a"}],
    },
    "targets": [{"name": "a"}],
}


def test_nothing_holds_and_there_is_no_default() -> None:
    with pytest.raises(InvalidRequestError, match=r"no condition of config holds .* no 'default'"):
        route(NO_DEFAULT, {})


@pytest.mark.parametrize(("codes", "paths"), [(None, ["1"]), ([400], ["1"]), ([429], [])])
def test_in_a_fallback_that_is_a_failed_attempt_with_400(
    codes: list[int] | None, paths: list[str]
) -> None:
    rules = (
        {"mode": "fallback"} if codes is None else {"mode": "fallback", "on_status_codes": codes}
    )
    config = {"strategy": rules, "targets": [NO_DEFAULT, {}]}
    if paths:
        assert route(config, {"1": 200}).paths == paths
    else:
        with pytest.raises(InvalidRequestError):
            route(config, {})


def test_an_earlier_failure_is_not_hidden_by_it() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{}, NO_DEFAULT]}
    followed = route(config, {"0": 503})
    assert followed.paths == ["0"]
    assert followed.status == 503
