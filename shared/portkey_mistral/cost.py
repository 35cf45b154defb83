"""Computes the cost of tokens, and of pages. Pure: prices come from `models`, and unknown costs are None.

`_transport/attempt_cost.py` decides what of an attempt is billed: nothing of an answer from the cache, for example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit

from portkey_mistral import models
from portkey_mistral._providers import HOSTS, MISTRAL, REGIONAL_HOSTS
from portkey_mistral.prices import Cost, Price
from portkey_mistral.responses import Usage

__all__ = [
    "BATCH_FACTOR",
    "PRIORITY_FACTOR",
    "REGIONAL_FACTOR",
    "SANDBOX_HOST",
    "Billing",
    "cost_of",
    "usage_to_reserve",
]

# Mistral's documentation, "Pricing" and "Regional endpoints" (August 2026).
BATCH_FACTOR = Decimal("0.5")
"""Price of a token in a batch job, as a multiple of its price in a call."""

PRIORITY_FACTOR = Decimal("1.75")
"""Price of a token in the service tier "priority"; it applies after the discount for cached tokens."""

REGIONAL_FACTOR = Decimal("1.1")
"""Price of a token on a regional host, as a multiple of its price on the default host."""

SANDBOX_HOST = "sandbox"
"""Stands for the embedded sandbox, whose simulated prices are those of the default host."""

_MILLION = Decimal(1_000_000)
_MINUTE = "minute of audio"
_PAGES, _ANNOTATED_PAGES = "1000 pages", "1000 annotated pages"
# By the host that bills. None stands for the provider's host where only a gateway knows it.
_FACTORS_OF_HOSTS: Mapping[str | None, Mapping[str, Decimal]] = {
    None: {},
    SANDBOX_HOST: {},
    urlsplit(HOSTS[MISTRAL]).hostname: {},
    **{urlsplit(url).hostname: {"region": REGIONAL_FACTOR} for url in REGIONAL_HOSTS.values()},
}
_FACTORS_OF_TIERS: Mapping[str | None, Mapping[str, Decimal]] = {
    None: {},
    "standard": {},
    "default": {},  # OpenAI's word for it
    "priority": {"priority": PRIORITY_FACTOR},
}


@dataclass(frozen=True, slots=True)
class Billing:
    """The biller of an attempt: the provider, the model, and the host of its API.

    `host` is None where only a gateway knows it, behind a slug or a virtual key for example.
    """

    provider: str = MISTRAL
    model: str | None = None
    host: str | None = None


def cost_of(usage: Usage, billing: Billing, *, batch: bool = False) -> Cost | None:
    """Return the cost of a usage; None if the price, or a part of what was billed, is not known.

    The catalog's prices are those of Mistral's own hosts. Another server, or another provider, has a price only if
    `models.set_price` gave it one.

    Args:
        usage: The tokens or pages that the server counted, and its service tier.
        billing: Who bills them.
        batch: Whether they belong to a batch job.
    """
    name = billing.model
    if name is None:
        return None
    is_mistral = billing.provider == MISTRAL and billing.host in _FACTORS_OF_HOSTS
    if not is_mistral and not models.has_own_price(name):
        return None
    price, known = models.price_of(name), models.find(name)
    amount = _amount_of_pages(usage, known) if price is None else _amount(usage, price, known)
    if amount is None:
        return None
    factors = _factors(usage.service_tier, billing.host, batch=batch) if is_mistral else {}
    if factors is None:
        return None
    for factor in factors.values():
        amount *= factor
    return Cost(
        amount.normalize(),
        model=name if known is None else known.id,
        price=price,
        factors=factors,
        estimated=usage.estimated,
    )


def usage_to_reserve(
    billing: Billing,
    *,
    prompt_tokens: int,
    output_tokens: int,
    max_tokens: object = None,
    answers: object = None,
    service_tier: object = None,
) -> Usage:
    """Return the usage for which a budget reserves money before a call.

    With the tier "auto" the call may be billed as priority. Of a document one page is reserved: only the server counts
    them.

    Args:
        billing: Who bills the call.
        prompt_tokens: Estimated tokens of the prompt.
        output_tokens: Tokens of an answer where the request does not limit them.
        max_tokens: That parameter of the request.
        answers: Its parameter `n`.
        service_tier: That parameter of the request.
    """
    price = None if billing.model is None else models.price_of(billing.model)
    output = 0
    if price is not None and price.output is not None:
        output = max_tokens if isinstance(max_tokens, int) else output_tokens
        output *= answers if isinstance(answers, int) else 1
    tier = "priority" if service_tier == "auto" and billing.provider == MISTRAL else None
    return Usage(prompt_tokens, output, prompt_tokens + output, service_tier=tier, pages=1)


def _factors(tier: str | None, host: str | None, *, batch: bool) -> Mapping[str, Decimal] | None:
    of_tier = _FACTORS_OF_TIERS.get(tier)
    if of_tier is None:
        return None
    of_batch = {"batch": BATCH_FACTOR} if batch else {}
    return {**_FACTORS_OF_HOSTS[host], **of_tier, **of_batch}


def _amount_of_pages(usage: Usage, model: models.ModelInfo | None) -> Decimal | None:
    """Return the amount before factors for a model that is billed by pages."""
    plain, annotated = (_unit_price(model, unit) for unit in (_PAGES, _ANNOTATED_PAGES))
    if usage.pages is None or plain is None or annotated is None:
        return None
    dear = min(usage.annotated_pages or 0, usage.pages)
    return ((usage.pages - dear) * plain + dear * annotated) / 1000


def _amount(usage: Usage, price: Price, model: models.ModelInfo | None) -> Decimal | None:
    """Return the amount before factors."""
    if usage.prompt_audio_tokens or usage.completion_audio_tokens:
        return None  # no price list at hand has them
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    counts = (
        (usage.prompt_tokens - cached, price.input),
        (cached, 0.0 if price.input == 0 else price.cached_input),
        (usage.completion_tokens, price.output),
    )
    amount = Decimal(0)
    for count, rate in counts:
        if not count:
            continue
        if rate is None:
            return None
        amount += count * _per_token(rate)
    if usage.prompt_audio_seconds:
        of_minute = _unit_price(model, _MINUTE)
        if of_minute is None:
            return None
        amount += usage.prompt_audio_seconds * of_minute / 60
    return amount


@lru_cache(maxsize=256)
def _per_token(usd_per_million: float) -> Decimal:
    return Decimal(str(usd_per_million)) / _MILLION


def _unit_price(model: models.ModelInfo | None, unit: str) -> Decimal | None:
    units = () if model is None else model.unit_prices
    return next((Decimal(str(each.usd)) for each in units if each.unit == unit), None)
