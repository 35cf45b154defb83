"""What tokens cost: prices of the catalog, factors, and None for what is not known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from genai_prices import Usage as PeerUsage
from genai_prices import calc_price

from portkey_mistral import ConfigurationError, Usage, models
from portkey_mistral.cost import Billing, cost_of
from portkey_mistral.models import Price
from portkey_mistral.prices import NOT_BILLED, Cost, total_cost

MILLION = 1_000_000
EU, US, DEFAULT = "api.eu.mistral.ai", "api.us.mistral.ai", "api.mistral.ai"
SMALL = "mistral-small-2603"  # 0.15 in, 0.6 out, 0.015 cached


@pytest.fixture
def own_prices():
    """Undo what a test sets."""
    yield
    models._own_prices.clear()


def cost(
    usage: Usage, model: str = SMALL, *, host: str | None = DEFAULT, batch: bool = False
) -> Cost | None:
    return cost_of(usage, Billing("mistral-ai", model, host), batch=batch)


@pytest.mark.parametrize(
    ("usage", "options", "amount"),
    [
        (Usage(MILLION, MILLION), {}, "0.75"),
        (Usage(MILLION, 0), {}, "0.15"),
        (Usage(MILLION, 0, cached_tokens=MILLION), {}, "0.015"),
        (Usage(MILLION, 0, cached_tokens=400_000), {}, "0.096"),
        (Usage(MILLION, MILLION), {"batch": True}, "0.375"),
        (Usage(MILLION, MILLION), {"host": EU}, "0.825"),
        (Usage(MILLION, MILLION), {"host": US}, "0.825"),
        (Usage(MILLION, MILLION, service_tier="priority"), {}, "1.3125"),
        (Usage(MILLION, MILLION, service_tier="standard"), {}, "0.75"),
        # After the discount for cached tokens (Mistral's documentation).
        (Usage(MILLION, 0, cached_tokens=MILLION, service_tier="priority"), {}, "0.02625"),
        (Usage(MILLION, MILLION, service_tier="priority"), {"host": EU}, "1.44375"),
        (Usage(MILLION, 0), {"model": "mistral-embed"}, "0.1"),
        (Usage(1, 1), {}, "0.00000075"),
        (Usage(0, 0), {}, "0"),
        (Usage(MILLION, 0), {"model": "mistral-moderation-2603"}, "0"),
        (Usage(MILLION, 0, prompt_audio_seconds=90), {"model": "voxtral-small-2507"}, "0.106"),
    ],
)
def test_amount(usage, options, amount):
    found = cost(usage, **options)
    assert found is not None
    assert (found.amount, found.currency) == (Decimal(amount), "USD")


@pytest.mark.parametrize(
    ("usage", "billing"),
    [
        (Usage(9, 9), Billing("mistral-ai", "no-such-model", DEFAULT)),
        (Usage(9, 9), Billing("mistral-ai", None, DEFAULT)),
        (Usage(9, 9), Billing("mistral-ai", "mistral-large-2402", DEFAULT)),  # no price is listed
        (Usage(9, 9), Billing("mistral-ai", SMALL, "llm.example")),  # another server
        (Usage(9, 9), Billing("mistral-ai", SMALL, "codestral.mistral.ai")),  # billed apart
        (Usage(9, 9), Billing("openai", "gpt-5-mini", "api.openai.com")),
        (Usage(9, 9), Billing("openai", SMALL, "llm.example")),
        (Usage(9, 9, service_tier="flex"), Billing("mistral-ai", SMALL, DEFAULT)),
        (Usage(9, 9, cached_tokens=9), Billing("mistral-ai", "mistral-embed", DEFAULT)),
        (Usage(9, 9, prompt_audio_seconds=9), Billing("mistral-ai", SMALL, DEFAULT)),
        (Usage(9, 9, prompt_audio_tokens=9), Billing("mistral-ai", SMALL, DEFAULT)),
    ],
)
def test_what_is_not_known_has_no_cost(usage, billing):
    assert cost_of(usage, billing) is None


def test_a_cost_says_what_it_was_computed_from():
    found = cost(Usage(10, 5, service_tier="priority"), "mistral-small-latest", host=EU)
    assert found is not None
    assert found.to_dict() == {
        "amount": "0.0000086625",
        "currency": "USD",
        "model": SMALL,
        "price": {"input": 0.15, "output": 0.6, "cached_input": 0.015, "as_of": "2026-08-21"},
        "factors": {"region": "1.1", "priority": "1.75"},
        "estimated": False,
        "is_partial": False,
    }


# --- totals


def test_totals():
    one, other = cost(Usage(MILLION, 0)), cost(Usage(0, MILLION))
    large = cost(Usage(MILLION, 0), "mistral-large-2512")
    assert one is not None
    both = total_cost([one, other])
    assert both is not None
    assert (both.amount, both.model, both.is_partial) == (Decimal("0.75"), SMALL, False)
    mixed = total_cost([one, NOT_BILLED, large])
    assert mixed is not None
    assert (mixed.amount, mixed.model) == (Decimal("0.65"), None)
    partial = total_cost([None, one])
    assert partial is not None
    assert (partial.amount, partial.is_partial) == (Decimal("0.15"), True)
    assert total_cost([None, NOT_BILLED]) is None
    assert total_cost([]) is None
    assert total_cost([NOT_BILLED]) == NOT_BILLED


# --- prices


@pytest.mark.usefixtures("own_prices")
def test_set_price():
    models.set_price("mistral-small-latest", Price(0.1, 0.2, as_of=date(2026, 11, 30)))
    # An alias is the model itself; a region and the priority tier cost as much more as ever.
    found = cost(Usage(MILLION, MILLION, service_tier="priority"), host=EU)
    assert found is not None
    assert found.amount == Decimal("0.5775")
    assert found.price == Price(0.1, 0.2, as_of=date(2026, 11, 30))
    # No rate for cached tokens was given.
    assert cost(Usage(9, 9, cached_tokens=9)) is None
    models.set_price(SMALL, None)
    assert cost(Usage(MILLION, MILLION)) == cost_of(Usage(MILLION, MILLION), Billing(model=SMALL))


@pytest.mark.usefixtures("own_prices")
def test_set_price_of_a_model_of_another_provider():
    models.set_price("gpt-5-mini", Price(0.25, 2))
    openai = Billing("openai", "gpt-5-mini", "api.openai.com")
    found = cost_of(Usage(MILLION, MILLION, service_tier="default"), openai)
    assert found is not None
    assert (found.amount, found.factors) == (Decimal("2.25"), {})


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf")])
def test_set_price_refuses_what_is_no_price(rate):
    with pytest.raises(ConfigurationError, match="USD per million tokens"):
        models.set_price(SMALL, Price(rate))


def test_every_price_has_the_day_on_which_it_was_read():
    days = {m.id: m.price.as_of for m in models.all_models() if m.price is not None}
    assert set(days.values()) == {models.prices_as_of(), date(2026, 11, 22)}
    assert models.prices_as_of() == date(2026, 8, 21)


# Two secondary sources of October 2026 disagree about the preview price.
DIFFERENT_AT_THE_PEER = {"mistral-large-4"}


def peers_price(model: str) -> tuple[float, float | None] | None:
    usage = PeerUsage(input_tokens=MILLION, output_tokens=MILLION)
    try:
        price = calc_price(usage, model, provider_id="mistral")
    except LookupError:
        return None
    return float(price.input_price), float(price.output_price)


def test_prices_are_those_of_genai_prices():
    """Held against an independent table, where both know a model and read its id alike."""
    ours = {m.id: m.price for m in models.all_models() if m.price is not None}
    peers = {model: found for model in ours if (found := peers_price(model)) is not None}
    assert len(peers) > 25
    different = {
        model
        for model, (input_price, output_price) in peers.items()
        if ours[model].input != input_price
        or (ours[model].output is not None and ours[model].output != output_price)
    }
    assert different == DIFFERENT_AT_THE_PEER
