from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driving import CHAT, follow, route
from portkey_mistral._routing.outcomes import Health, RequestFacts
from portkey_mistral._routing.plan import plan
from portkey_mistral._routing.strategies import pick
from portkey_mistral.config import Config


def balanced(*weights: float | None, **strategy: object) -> dict[str, object]:
    targets = [{} if weight is None else {"weight": weight} for weight in weights]
    return {"strategy": {"mode": "loadbalance", **strategy}, "targets": targets}


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((1, 1), (1 / 2, 1 / 2)),
        ((3, 1), (3 / 4, 1 / 4)),
        ((0.7, 0.3), (0.7, 0.3)),
        ((None, 9), (1 / 10, 9 / 10)),
        ((1, 0, 2), (1 / 3, 0, 2 / 3)),
        ((0.001, 0.001, 0.002), (1 / 4, 1 / 4, 1 / 2)),
    ],
)
def test_shares_follow_weights(weights: tuple[float, ...], shares: tuple[float, ...]) -> None:
    calls = 4_000
    rng = random.Random(7)
    script = {str(index): 200 for index in range(len(weights))}
    root = Config.parse(balanced(*weights)).root
    assert root is not None
    hits = Counter(follow(plan(root, CHAT, Health(), rng), script).paths[0] for _ in range(calls))
    for index, share in enumerate(shares):
        sigma = (calls * share * (1 - share)) ** 0.5
        assert abs(hits[str(index)] - calls * share) <= 4 * sigma


@given(
    st.lists(st.floats(0.001, 1000), min_size=1, max_size=6),
    st.floats(0, 1, exclude_max=True),
)
def test_a_random_number_selects_the_target_of_its_share(weights: list[float], roll: float) -> None:
    chosen = pick(list(accumulate(weights)), roll)
    below = sum(weights[:chosen])
    slack = 1e-6 * sum(weights)
    assert below - slack <= roll * sum(weights) <= below + weights[chosen] + slack


def test_one_pick_and_no_failover() -> None:
    followed = route(balanced(1, 0), {"0": 500})
    assert followed.paths == ["0"]
    assert followed.status == 500


def test_status_codes_alone_do_not_make_it_fail_over() -> None:
    assert route(balanced(1, 0, on_status_codes=[500]), {"0": 500}).paths == ["0"]


def test_failover_tries_each_sibling_once() -> None:
    config = balanced(1, 1, 1, 0, failover=True)
    followed = route(config, {"0": 500, "1": 429, "2": 404})
    assert sorted(followed.paths) == ["0", "1", "2"]


def test_failover_respects_status_codes() -> None:
    config = balanced(5, 1, failover=True, on_status_codes=[429])
    for line, count in ((429, 2), (500, 1)):
        assert len(route(config, {"0": line, "1": line}).paths) == count


def test_failover_ends_with_the_deadline() -> None:
    facts = RequestFacts(operation="chat", params=CHAT.params, deadline=100.2)
    followed = route(balanced(1, 1, 1, failover=True), {"0": 500, "1": 500, "2": 500}, facts=facts)
    assert len(followed.attempts) == 2


def test_failover_chooses_among_the_rest_by_weight() -> None:
    rng = random.Random(3)
    config = balanced(1, 9, 90, failover=True)
    seconds = Counter(
        followed.paths[1]
        for _ in range(3_000)
        for followed in [route(config, {"0": 500, "1": 500, "2": 500}, rng=rng)]
        if followed.paths[0] == "2"
    )
    assert 0.86 < seconds["1"] / seconds.total() < 0.94


def test_the_share_of_an_open_target_goes_to_the_others() -> None:
    rng = random.Random(5)
    script = {"0": 200, "1": 200}
    hits = Counter(
        route(balanced(1, 3, 96), script, rng=rng, open_paths=["config.targets[2]"]).paths[0]
        for _ in range(2_000)
    )
    assert 0.7 < hits["1"] / hits.total() < 0.8


def test_a_target_with_a_probe_in_flight_is_skipped() -> None:
    followed = route(balanced(1, 0.0001), {"0": "skip", "1": 200})
    assert followed.paths == ["0", "1"]
    assert followed.status == 200
