"""Whole trees: the plan of any config, against any script, makes the attempts that a simple model expects."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driving import CHAT, Line, outcome_of, route, short
from portkey_mistral._routing.outcomes import Health
from portkey_mistral._routing.plan import plan
from portkey_mistral.config import Config

RETRIED = (429, 500, 502, 503, 504)

# ---- any tree, any script ------------------------------------------------------------------------

codes = st.lists(st.sampled_from([200, 400, 408, 429, 500, 503]), max_size=3, unique=True)
leaf: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "weight": st.sampled_from([0, 1]),
        "retry": st.fixed_dictionaries(
            {"attempts": st.integers(0, 2)}, optional={"on_status_codes": codes}
        ),
    },
)


def inner(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    targets = st.lists(children, min_size=1, max_size=3)
    single = st.fixed_dictionaries({"strategy": st.just({"mode": "single"}), "targets": targets})
    falling = st.fixed_dictionaries(
        {
            "strategy": st.fixed_dictionaries(
                {"mode": st.just("fallback")}, optional={"on_status_codes": codes}
            ),
            "targets": targets,
        },
        optional={"retry": st.fixed_dictionaries({"attempts": st.integers(0, 1)})},
    )
    return single | falling | targets.map(one_heavy)


def one_heavy(targets: list[dict[str, Any]]) -> dict[str, Any]:
    """Balance so that no random number matters: one target has all the weight."""
    weighed = [{**target, "weight": int(index == 0)} for index, target in enumerate(targets)]
    return {"strategy": {"mode": "loadbalance"}, "targets": weighed}


trees = st.recursive(leaf, inner, max_leaves=8)
lines = st.sampled_from([200, 400, 408, 429, 500, 503, "reset", "timeout", "no json"])


def read(
    node: dict[str, Any], path: str, script: Iterator[Line], retry: dict[str, Any] | None
) -> Iterator[tuple[str, Line]]:
    """Yield every attempt that the simple model expects, with its outcome; the last is the final one."""
    retry = node.get("retry", retry)
    if "targets" not in node:
        yield from sends(path, script, retry)
        return
    children = [(child, f"{path}.{i}".strip(".")) for i, child in enumerate(node["targets"])]
    if node["strategy"]["mode"] == "loadbalance":
        children = [pair for pair in children if pair[0]["weight"]]
    if node["strategy"]["mode"] != "fallback":
        children = children[:1]
    for child, where in children:
        last: tuple[str, Line] = ("", 0)
        for last in read(child, where, script, retry):
            yield last
        wanted = node["strategy"].get("on_status_codes")
        status = status_of(last[1])
        if (status < 300) if wanted is None else (status not in wanted):
            return


def sends(
    path: str, script: Iterator[Line], retry: dict[str, Any] | None
) -> Iterator[tuple[str, Line]]:
    extra = retry["attempts"] if retry else 0
    listed = retry.get("on_status_codes", RETRIED) if retry else ()
    for left in range(extra, -1, -1):
        line = next(script)
        yield path, line
        if left == 0 or not (line == "reset" or status_of(line) in listed):
            return


def status_of(line: Line) -> int:
    if isinstance(line, int):
        return line
    return {"reset": 500, "no json": 500, "timeout": 408}[str(line)]


@given(trees, st.lists(lines, max_size=25), st.integers())
def test_any_tree_sends_the_expected_attempts(
    config: dict[str, Any], script: list[Line], seed: int
) -> None:
    expected = list(read(config, "", endless(script), None))
    paths, status = follow_in_order(config, endless(script), seed)
    assert paths == [path for path, _ in expected]
    assert status == status_of(expected[-1][1])


def endless(script: list[Line]) -> Iterator[Line]:
    return chain(script, repeat(200))


def follow_in_order(
    config: dict[str, Any], answers: Iterator[Line], seed: int
) -> tuple[list[str], int]:
    """Follow a plan; the next attempt, on any target, takes the next line."""
    root = Config.parse(config).root
    assert root is not None
    running = plan(root, CHAT, Health(), random.Random(seed), backoff=0.0)
    paths: list[str] = []
    try:
        attempt = next(running)
        while True:
            paths.append(short(attempt.path))
            attempt = running.send(outcome_of(next(answers), 1.0))
    except StopIteration as end:
        return paths, end.value.status


def test_a_plan_can_be_closed_at_any_point() -> None:
    root = Config.parse({"retry": {"attempts": 5}}).root
    assert root is not None
    running = plan(root, CHAT, Health(), random.Random(0))
    next(running)
    running.close()
    with pytest.raises(StopIteration):
        next(running)


# ---- nesting and inheritance -----------------------------------------------------------------------


def test_a_nested_config_is_walked_like_a_tree() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"strategy": {"mode": "loadbalance"}, "targets": [{}]},
            {"strategy": {"mode": "fallback"}, "targets": [{}, {}]},
        ],
    }
    followed = route(config, {"0.0": 500, "1.0": 500, "1.1": 200})
    assert followed.paths == ["0.0", "1.0", "1.1"]
    assert followed.attempts[-1].path == "config.targets[1].targets[1]"


def test_a_nested_fallback_counts_by_its_final_outcome() -> None:
    config = {
        "strategy": {"mode": "fallback", "on_status_codes": [429]},
        "targets": [{"strategy": {"mode": "fallback"}, "targets": [{}, {}]}, {}],
    }
    assert route(config, {"0.0": 429, "0.1": 500}).paths == ["0.0", "0.1"]
    assert route(config, {"0.0": 500, "0.1": 429, "1": 200}).paths == ["0.0", "0.1", "1"]


def test_sixty_levels() -> None:
    config: dict[str, Any] = {}
    for _ in range(60):
        config = {"strategy": {"mode": "fallback"}, "targets": [config]}
    followed = route(config, {".".join("0" * 60): 200})
    assert followed.status == 200


def test_single_is_always_the_first() -> None:
    config = {"strategy": {"mode": "single"}, "targets": [{}, {}]}
    assert route(config, {"0": 500}).paths == ["0"]


# ---- breakers -----------------------------------------------------------------------------------------

TWO = {"strategy": {"mode": "fallback"}, "targets": [{}, {}]}
BOTH = ["config.targets[0]", "config.targets[1]"]


def test_an_open_target_is_left_out() -> None:
    followed = route(TWO, {"1": 503}, open_paths=BOTH[:1])
    assert followed.paths == ["1"]
    assert followed.skipped == {"0": "the circuit breaker of config.targets[0] is open"}
    assert followed.status == 503
    assert not followed.attempts[0].forced


def test_if_all_breakers_are_open_they_are_ignored() -> None:
    followed = route(TWO, {"0": 500, "1": 200}, open_paths=BOTH)
    assert followed.paths == ["0", "1"]
    assert all(attempt.forced for attempt in followed.attempts)
    assert followed.status == 200


def test_if_all_targets_have_a_probe_in_flight_breakers_are_ignored() -> None:
    followed = route(TWO, {"0": ["skip", 200], "1": "skip"})
    assert followed.paths == ["0", "1", "0"]
    assert [attempt.forced for attempt in followed.attempts] == [False, False, True]


def test_the_only_target_is_sent_to_though_it_is_open() -> None:
    followed = route({}, {"": 200}, open_paths=["config"])
    assert followed.attempts[0].forced
    assert followed.status == 200


def test_a_healthy_branch_comes_before_an_open_one() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [TWO, {}]}
    opened = ["config.targets[0].targets[0]", "config.targets[0].targets[1]"]
    assert route(config, {"1": 200}, open_paths=opened).paths == ["1"]
