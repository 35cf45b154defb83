"""Budgets and rate limits: counts usage, and returns the error for an exceeded limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from portkey_mistral.sandbox.portkey.definition import Limited, Provider, RateLimit
from portkey_mistral.sandbox.portkey.errors import (
    PortkeyError,
    key_expired,
    masked,
    model_not_allowed,
    over_budget,
    over_rate,
    target_error,
)

__all__ = ["Meter"]

_WINDOW_SECONDS = {"rps": 1, "rpm": 60, "rph": 3600, "rpd": 86_400, "rpw": 604_800}


class Meter:
    """Counts tokens and requests of keys, the workspace and providers, each by name.

    Windows are fixed, not sliding. `clock` gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens: Counter[str] = Counter()
        self._requests: Counter[tuple[str, str, int]] = Counter()

    def reset(self) -> None:
        self._tokens.clear()
        self._requests.clear()

    def add_tokens(self, tokens: int, *names: str) -> None:
        for name in names:
            self._tokens[name] += tokens

    def add_request(self, name: str, limited: Limited) -> None:
        for limit in limited.rate_limits:
            self._requests[self._window(name, limit)] += 1

    def caller_refusal(self, name: str, limited: Limited, owner: str) -> PortkeyError | None:
        """Check a key or workspace: budget, then expiry, then rate. Not recoverable by a fallback."""
        if self._exhausted(name, limited):
            return over_budget(owner)
        if limited.expired:
            return key_expired(owner)
        return over_rate(owner) if self._too_fast(name, limited) else None

    def target_refusal(
        self, name: str, slug: str, provider: Provider, model: str | None
    ) -> PortkeyError | None:
        """Check a call of one target: expiry, budget, allow-list, then rate. A fallback tries its next target."""
        subject = f"Portkey Virtual Key {masked(slug)}"
        if provider.expired:
            return target_error(401, "virtual_key_expired_error", f"{subject} Expired", "01")
        if self._exhausted(name, provider):
            text = f"{subject} Usage Limit Exceeded"
            return target_error(412, "virtual_key_exhaust_error", text, "04")
        if provider.models is not None and model is not None and model not in provider.models:
            return model_not_allowed(model)
        if self._too_fast(name, provider):
            text = f"{subject} Rate Limit Exceeded"
            return target_error(429, "virtual_key_rate_limit_error", text)
        return None

    def _exhausted(self, name: str, limited: Limited) -> bool:
        budget = limited.usage_limits
        return budget is not None and self._tokens[name] >= budget.credit_limit

    def _too_fast(self, name: str, limited: Limited) -> bool:
        return any(
            self._requests[self._window(name, limit)] >= limit.value
            for limit in limited.rate_limits
        )

    def _window(self, name: str, limit: RateLimit) -> tuple[str, str, int]:
        return name, limit.unit, int(self._clock() // _WINDOW_SECONDS[limit.unit])
