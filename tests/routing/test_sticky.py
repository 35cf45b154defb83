"""A sticky load balance: which requests share a target, and how the plan uses it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from driving import route
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral._routing.sticky import has_sticky, sticky_balances
from portkey_mistral.config import Config

FIELDS = ["metadata.user_id", "params.model", "params.metadata.tier", "headers.X-Tenant"]


def balanced(*weights: float, sticky: Any = None, **strategy: Any) -> dict[str, Any]:
    rules = {"mode": "loadbalance", "sticky": sticky or {"enabled": True, "hash_fields": FIELDS}}
    return {"strategy": rules | strategy, "targets": [{"weight": weight} for weight in weights]}


def key(
    config: Any = None,
    *,
    metadata: Any = None,
    params: Any = None,
    headers: Any = None,
    fingerprint: str = "f",
) -> str:
    root = Config.parse(config or balanced(1, 1)).root
    assert root is not None
    facts = RequestFacts("chat", params=params or {}, metadata=metadata or {})
    (balance,) = sticky_balances(root, facts, headers or {}, fingerprint)
    return balance.key


BASE: dict[str, Any] = {
    "metadata": {"user_id": "zoë"},
    "params": {"model": "m", "metadata": {"tier": "gold"}},
    "headers": {"x-tenant": "t"},
}


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {"user_id": "zoë", "more": "1"}},
        {"params": {**BASE["params"], "temperature": 1}},
        {"headers": {"x-tenant": "t", "x-other": "1"}},
    ],
)
def test_other_values_do_not_change_the_key(other: dict[str, Any]) -> None:
    assert key(**{**BASE, **other}) == key(**BASE)


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {"user_id": "bob"}},
        {"metadata": {}},
        {"params": {"model": "n", "metadata": {"tier": "gold"}}},
        {"params": {"model": "m", "metadata": {"tier": "silver"}}},
        {"headers": {"x-tenant": "u"}},
        {"headers": {}},
        {"fingerprint": "g"},
    ],
)
def test_hashed_values_change_the_key(other: dict[str, Any]) -> None:
    assert key(**{**BASE, **other}) != key(**BASE)


def test_requests_without_hashed_values_share_a_target() -> None:
    assert key(metadata={"a": "1"}) == key(headers={"b": "2"})
    assert key(balanced(1, 1, sticky={"enabled": True}), **BASE) == key(
        balanced(1, 1, sticky={"enabled": True})
    )


def test_a_parameter_is_found_by_both_of_its_names() -> None:
    config = balanced(1, 1, sticky={"enabled": True, "hash_fields": ["params.seed"]})
    assert key(config, params={"random_seed": 7}) != key(config, params={"random_seed": 8})


def test_a_value_cannot_pass_for_another_fields() -> None:
    fields = {"enabled": True, "hash_fields": ["metadata.a", "metadata.b"]}
    config = balanced(1, 1, sticky=fields)
    assert key(config, metadata={"a": "x"}) != key(config, metadata={"b": "x"})


def test_every_sticky_load_balance_has_its_own_binding() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [balanced(1, 1), {}, balanced(1, 2), balanced(1, sticky={"enabled": False})],
    }
    root = Config.parse(config).root
    assert root is not None
    balances = sticky_balances(root, RequestFacts("chat"), {}, "f")
    assert [balance.path for balance in balances] == ["config.targets[0]", "config.targets[2]"]
    assert len({balance.key for balance in balances}) == 2
    assert has_sticky(root)
    assert not has_sticky(Config.parse(balanced(1, sticky={"enabled": False})).root)  # type: ignore[arg-type]


def test_without_a_ttl_nothing_is_bound() -> None:
    root = Config.parse(balanced(1, 1, sticky={"enabled": True, "ttl": 0})).root
    assert root is not None
    assert sticky_balances(root, RequestFacts("chat"), {}, "f") == ()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_plan_keeps_the_target(kept: int) -> None:
    script = {str(index): 200 for index in range(3)}
    for seed in range(5):
        followed = route(balanced(1, 1, 1), script, picks={"config": kept}, rng=random.Random(seed))
        assert followed.paths == [str(kept)]


def test_a_failing_target_stays_bound() -> None:
    followed = route(balanced(1, 1), {"0": 500, "1": 200}, picks={"config": 0})
    assert (followed.paths, followed.status) == (["0"], 500)


def test_failover_leaves_the_bound_target_for_this_request() -> None:
    followed = route(balanced(1, 1, failover=True), {"0": 500, "1": 200}, picks={"config": 0})
    assert (followed.paths, followed.status) == (["0", "1"], 200)


def test_an_open_breaker_leaves_the_bound_target_for_this_request() -> None:
    followed = route(
        balanced(1, 1), {"0": 500, "1": 200}, picks={"config": 0}, open_paths=["config.targets[0]"]
    )
    assert followed.paths == ["1"]


@pytest.mark.parametrize("kept", [-1, 1, 2, 99])
def test_an_invalid_binding_is_drawn_again(kept: int) -> None:
    followed = route(balanced(1, 0), {"0": 200, "1": 200}, picks={"config": kept})
    assert followed.paths == ["0"]
