"""Budgets: which values they take, and which counter a call is charged to."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from portkey_mistral import Budget, Client, ConfigurationError, ConnectionSettings
from portkey_mistral.budget import Account, accounts_of, from_units, to_units

NOON = datetime(2026, 12, 31, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"usd": -1}, "usd must be from 0"),
        ({"usd": float("nan")}, "usd must be from 0"),
        ({"usd": 10**9}, "usd must be from 0"),
        ({"usd": True}, "usd must be a number"),
        ({"usd": "5"}, "usd must be a number"),
        ({"usd": 5, "per": "week"}, "per must be 'day', 'month' or None"),
        ({"usd": 5, "key": " "}, "key must be a name"),
        ({"usd": 5, "output_tokens": -1}, "output_tokens must be"),
        ({"usd": 5, "output_tokens": 1.5}, "output_tokens must be"),
    ],
)
def test_what_is_no_budget(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Budget(**fields)


def test_the_limit_is_what_was_written():
    assert Budget(0.1).limit == Decimal("0.1")
    assert Budget(Decimal("2.50")).limit == Decimal("2.5")
    assert Budget(None).limit is None


@pytest.mark.parametrize(
    ("per", "name", "resets"),
    [
        ("day", "2026-12-31:team", datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", "2026-12:team", datetime(2027, 1, 1, tzinfo=UTC)),
        (None, "ever:team", None),
    ],
)
def test_the_counter_of_a_period(per, name, resets):
    account = Account(Budget(5, per=per, key="team"), "team")
    counter = account.counter(NOON)
    assert (counter.name, counter.limit) == (name, 5 * 10**12)
    assert account.resets_at(NOON) == resets
    assert counter.expires > (NOON if resets is None else resets.timestamp())


def test_a_key_of_the_metadata_has_a_counter_for_each_value():
    budget = Budget(5, key="metadata.user_id")
    (ada,) = accounts_of([budget], {"user_id": "ada"})
    (bob,) = accounts_of([budget], {"user_id": "bob"})
    assert (ada.key, bob.key) == ("metadata.user_id=ada", "metadata.user_id=bob")
    with pytest.raises(ConfigurationError, match=r"portkey_metadata=\{'user_id': \.\.\.\}"):
        accounts_of([budget], {"team": "x"})


@pytest.mark.parametrize("usd", ["0", "0.0000333", "0.000000000001", "9000000"])
def test_units_lose_nothing(usd):
    assert from_units(to_units(Decimal(usd))) == Decimal(usd)
    assert to_units(Decimal("1e-13")) == 1  # less than a unit is rounded up


@pytest.mark.parametrize("value", ["5", 5, [5], {1}, [Budget(5), "5"]])
def test_what_is_no_budget_is_refused_with_an_example(value):
    with pytest.raises(ConfigurationError, match=r"budget must be a Budget or a list of them"):
        Client(base_url="sandbox:", budget=value)


@pytest.mark.parametrize("value", [None, Budget(5), [Budget(5), Budget(6)], (Budget(5),)])
def test_a_budget_survives_a_dump(value):
    settings = ConnectionSettings(base_url="sandbox:", budget=value)
    assert ConnectionSettings(**settings.model_dump()).budgets == settings.budgets
