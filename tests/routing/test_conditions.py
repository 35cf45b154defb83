from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linear import assert_linear
from portkey_mistral._routing.conditions import _TESTS, holds
from portkey_mistral.config.values import OPERATORS

SUBJECTS: dict[str, Any] = {
    "metadata": {
        "tier": "paid",
        "count": "12 apples",
        "zero": "0",
        "yes": True,
        "none": None,
        "deep": {"er": {"est": 5}},
        "dollar": "cost$",
        "random_seed": 7,
        "date": "2024-05-01",
        "wide": "5\N{NO-BREAK SPACE}%",
        "arabic": "\N{ARABIC-INDIC DIGIT FIVE}",
    },
    "params": {
        "model": "mistral-small-latest",
        "temperature": 0.5,
        "max_tokens": 100,
        "random_seed": 7,
        "safe_prompt": True,
        "messages": [{"role": "user", "content": "Hallo"}, {"role": "assistant"}],
        "stop": ["a", "b"],
        "extra": {"random_seed": 7},
        "logit": ["7 apples", None, True, [], 1.0],
        "tiny": 1.5e-7,
        "small": 2e-5,
        "large": 10**21,
        "zero": 0.0,
        "huge": 10**400,
    },
    "url": {"pathname": "/v1/chat/completions"},
}

MATCHES = [
    {},
    {"metadata.tier": "paid"},
    {"metadata.tier": {}},
    {"metadata.none": None},
    {"metadata.yes": True},
    {"metadata.tier": {"$eq": "paid"}},
    {"metadata.tier": {"$ne": "free"}},
    {"metadata.missing": {"$ne": "free"}},
    {"metadata.missing": {"$nin": ["free"]}},
    {"metadata.yes": {"$ne": "true"}},
    {"params.temperature": {"$gt": 0.4, "$lt": 0.6}},
    {"params.temperature": {"$gte": 0.5, "$lte": "0.5 or so"}},
    {"metadata.count": {"$gt": 11.5}},
    {"metadata.count": {"$lt": "12.5e0"}},
    {"metadata.count": {"$lt": "Infinity"}},
    {"metadata.tier": {"$in": ["free", "paid"]}},
    {"metadata.none": {"$in": [None]}},
    {"metadata.tier": {"$nin": ["free"]}},
    {"metadata.tier": {"$regex": "ai"}},
    {"metadata.tier": {"$regex": "^p.*d$"}},
    {"metadata.dollar": {"$regex": r"t\$$"}},
    {"metadata.dollar": {"$regex": "[$]$"}},
    {"metadata.date": {"$regex": r"(?<year>\d{4})-\d\d"}},
    {"metadata.yes": {"$regex": "^true$"}},
    {"params.max_tokens": {"$regex": "^100$"}},
    {"metadata.none": {"$regex": "null"}},
    {"metadata.deep": {"$regex": "^.object Object.$"}},
    {"params.stop": {"$regex": "^a,b$"}},
    {"params.logit": {"$regex": "^7 apples,,true,,1$"}},
    {"params.logit": {"$gt": 6, "$lt": [8]}},
    {"params.tiny": {"$regex": "^1.5e-7$"}},
    {"params.small": {"$regex": "^0.00002$"}},
    {"params.large": {"$regex": r"^1e\+21$"}},
    {"params.zero": {"$regex": "^0$"}},
    {"params.huge": {"$gt": 1e308}},
    {"params.huge": {"$regex": "^Infinity$"}},
    {"metadata.tier": {"$regex": "^(?!free)(?=.*i)p"}},
    {"url.pathname": "/v1/chat/completions"},
    {"url.pathname": {"$regex": "chat"}},
    {"metadata.deep.er.est": 5},
    {"metadata.wide": {"$regex": r"^5\s%$"}},
    {"metadata.wide": {"$regex": r"^5[\s-]%$"}},
    {"params.messages.0.role": "user"},
    {"params.seed": 7},
    {"params.random_seed": 7.0},
    {"params.max_completion_tokens": {"$gte": 100}},
    {"params.safe_mode": True},
    {"$and": [{"metadata.tier": "paid"}, {"params.max_tokens": {"$gt": 1}}]},
    {"$and": []},
    {"$or": [{"metadata.tier": "free"}, {"metadata.yes": True}]},
    {"$or": [{"$and": [{"metadata.tier": "paid"}, {"$or": [{"metadata.yes": True}]}]}]},
]

MISSES = [
    {"metadata.tier": "free"},
    {"metadata.missing": None},
    {"metadata.missing": "undefined"},
    {"metadata.none": "null"},
    {"metadata.yes": "true"},
    {"metadata.yes": 1},
    {"metadata.zero": 0},
    {"metadata.tier": {"$eq": "Paid"}},
    {"metadata.tier": {"$ne": "paid"}},
    {"metadata.tier": {"$gt": 1}},
    {"metadata.tier": {"$lte": 1}},
    {"metadata.yes": {"$gte": 0}},
    {"metadata.none": {"$lte": 0}},
    {"metadata.missing": {"$lt": 5}},
    {"metadata.missing": {"$in": ["a", None]}},
    {"metadata.tier": {"$in": []}},
    {"metadata.tier": {"$nin": ["paid"]}},
    {"metadata.tier": {"$regex": "^ai"}},
    {"metadata.tier": {"$regex": "("}},
    {"metadata.missing": {"$regex": "^un"}},
    {"metadata.deep": {"$regex": "er"}},
    {"metadata.missing": {"$regex": ""}},
    {"params.stop": {"$gt": 0}},
    {"params.extra": {"$lt": 9}},
    {"params.stop": {"$eq": ["a", "b"]}},
    {"metadata.wide": {"$regex": r"\S\S"}},
    {"metadata.arabic": {"$regex": r"\d"}},
    {"metadata.arabic": {"$gt": 0}},
    {"metadata.tier": {"$regex": "^(?!paid)"}},
    {"metadata.tier": {"$regex": "(?<=p)a"}},
    {f"params.stop.{'9' * 5000}": "a"},
    {"metadata.arabic": {"$regex": r"\w"}},
    {"params.messages.7.role": "user"},
    {"params.messages.role": "user"},
    {"metadata.tier.length": 4},
    {"metadata.seed": 7},
    {"params.extra.seed": 7},
    {"params.temperature": {"$gt": 0.4, "$lt": 0.45}},
    {"$and": [{"metadata.tier": "paid"}, {"metadata.tier": "free"}]},
    {"$or": []},
    {"$or": [{"metadata.tier": "free"}]},
]


@pytest.mark.parametrize("query", MATCHES, ids=str)
def test_holds(query: dict[str, Any]) -> None:
    assert holds(query, SUBJECTS)


@pytest.mark.parametrize("query", MISSES, ids=str)
def test_does_not_hold(query: dict[str, Any]) -> None:
    assert not holds(query, SUBJECTS)


def test_a_line_break_is_no_end_for_a_pattern() -> None:
    # Python's own `$` would match before it, JavaScript's does not.
    assert not holds({"metadata.a": {"$regex": "d$"}}, {"metadata": {"a": "paid\n"}})


def test_a_pattern_takes_time_linear_in_what_an_end_user_writes() -> None:
    """A backtracking engine takes exponential time."""
    query = {"metadata.a": {"$regex": "^(a+)+$"}}
    assert_linear(lambda size: holds(query, {"metadata": {"a": "a" * size + "!"}}), 20_000)


def test_every_valid_operator_can_be_evaluated() -> None:
    assert set(_TESTS) == set(OPERATORS)


VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)


@given(VALUES, VALUES)
def test_each_operator_and_its_opposite_disagree(actual: object, operand: object) -> None:
    subjects = {"metadata": {"x": actual}}

    def test(operator: str, value: object) -> bool:
        return holds({"metadata.x": {operator: value}}, subjects)

    assert test("$eq", operand) != test("$ne", operand)
    assert test("$in", [operand]) != test("$nin", [operand])
    assert test("$eq", operand) == test("$in", [operand])
    assert not (test("$gt", operand) and test("$lte", operand))


@given(st.lists(st.booleans(), max_size=5))
def test_and_is_all_and_or_is_any(truths: list[bool]) -> None:
    subjects = {"metadata": {"x": 1}}
    queries = [{"metadata.x": 1 if truth else 2} for truth in truths]
    assert holds({"$and": queries}, subjects) == all(truths)
    assert holds({"$or": queries}, subjects) == any(truths)
