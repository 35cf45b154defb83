"""Where the engine differs from the open-source gateway on purpose: one test a name of the documented table.

A comment in each describes the gateway's behaviour; differences that do not concern routing (`redirects`,
`stream-framing`, `cache-safety`) are tested with the code that makes them.
"""

from __future__ import annotations

from typing import Any

import pytest

from driving import CHAT, Middle, Top, route
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral.config import Config
from portkey_mistral.config.mode_support import check_direct_config
from portkey_mistral.exceptions import ConfigurationError

TWO: dict[str, Any] = {"strategy": {"mode": "fallback"}, "targets": [{}, {}]}


def choosing(*conditions: tuple[dict[str, Any], str]) -> dict[str, Any]:
    return {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": query, "then": then} for query, then in conditions],
            "default": "other",
        },
        "targets": [{"name": "matched"}, {"name": "other"}],
    }


def matched(query: dict[str, Any], **facts: Any) -> bool:
    request = RequestFacts(operation="chat", **facts)
    return route(choosing((query, "matched")), {"0": 200, "1": 200}, facts=request).paths == ["0"]


def test_unreadable_body_falls_on() -> None:
    # gateway: ends the whole fallback with a 500
    assert route(TWO, {"0": "no json", "1": 200}).paths == ["0", "1"]


def test_unresolved_condition_in_a_fallback_falls_on() -> None:
    # gateway: 400 for the whole tree
    unresolved = choosing(({"metadata.a": 1}, "matched"))
    del unresolved["strategy"]["default"]
    config = {"strategy": {"mode": "fallback"}, "targets": [unresolved, {}]}
    assert route(config, {"1": 200}).paths == ["1"]


def test_unresolved_condition_is_found_at_construction_where_it_can_be() -> None:
    # gateway: 400 to each call that comes to it
    with pytest.raises(ConfigurationError, match="is not the name of a target"):
        Config.parse(choosing(({}, "missing")))


@pytest.mark.parametrize("combiner", ["$or", "$and"])
def test_sibling_conditions_after_a_combiner_count(combiner: str) -> None:
    # gateway: ignores whatever stands after $or and $and
    query = {combiner: [{"metadata.a": 1}], "metadata.z": "must"}
    assert not matched(query, metadata={"a": 1})
    assert matched(query, metadata={"a": 1, "z": "must"})


def test_sibling_operators_after_a_regex_count() -> None:
    # gateway: ignores them
    query = {"metadata.a": {"$regex": "^x", "$ne": "xy"}}
    assert not matched(query, metadata={"a": "xy"})
    assert matched(query, metadata={"a": "xz"})


def test_a_missing_key_never_matches_a_regex() -> None:
    # gateway: tests the text "undefined"
    assert not matched({"metadata.missing": {"$regex": "^un"}})


def test_the_whole_path_is_followed() -> None:
    # gateway: reads two parts of it
    assert matched({"params.metadata.tier": "paid"}, params={"metadata": {"tier": "paid"}})


def test_linear_patterns_are_those_without_a_backreference() -> None:
    # gateway: backtracks
    with pytest.raises(ConfigurationError, match="linear time"):
        check_direct_config(
            Config.parse(choosing(({"metadata.a": {"$regex": r"(a)\1"}}, "matched")))
        )


@pytest.mark.parametrize("weights", [(), (0, 0)])
def test_dead_weights_are_refused_at_construction(weights: tuple[int, ...]) -> None:
    # gateway: a raw 500
    targets = [{"weight": weight} for weight in weights]
    with pytest.raises(ConfigurationError, match=r"config\.targets: (all have weight 0|is empty)"):
        Config.parse({"strategy": {"mode": "loadbalance"}, "targets": targets})


def test_key_spelling_leaves_the_inside_of_overrides_alone() -> None:
    # gateway: reads overrideParams, and then rewrites max_tokens to maxTokens
    (target,) = Config.parse({"overrideParams": {"max_tokens": 5, "topP": 1}}).targets()
    assert target.override_params == {"max_tokens": 5, "topP": 1}


def test_key_spelling_checks_a_host_in_either() -> None:
    # gateway: checks custom_host and dials customHost unchecked
    for key in ("custom_host", "customHost"):
        with pytest.raises(ConfigurationError, match="must not contain a user name"):
            Config.parse({key: "http://user:password@host"})


def test_retry_after_leaves_later_backoffs_alone() -> None:
    # gateway: later back-offs become 0; in the npm build the header is not heeded at all
    config = {"retry": {"attempts": 3, "use_retry_after_header": True}}
    followed = route(config, {"": [(429, 7.0), 429, 429, 200]}, rng=Top())
    assert followed.waits == [0, 7, 2, 4]


def test_jitter_halves_a_delay_at_the_median_random_number() -> None:
    # gateway: 1, 2, 4 s exactly
    assert route({"retry": {"attempts": 3}}, {"": 500}, rng=Middle()).waits == [0, 0.5, 1, 2]


def test_deadline_ends_retries_and_fallbacks() -> None:
    # gateway: goes on
    facts = RequestFacts(operation="chat", params=CHAT.params, deadline=100.1)
    followed = route({**TWO, "retry": {"attempts": 9}}, {"0": 500}, facts=facts)
    assert followed.paths == ["0"]
