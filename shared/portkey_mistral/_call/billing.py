"""Who bills the targets of a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from portkey_mistral._providers import HOSTS, MISTRAL, is_sandbox, is_slug
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral.config.values import Target, reachable
from portkey_mistral.cost import SANDBOX_HOST, Billing

__all__ = ["billed_at", "billing_host"]

_ONLY_PORTKEY_KNOWS = ""


@lru_cache(maxsize=256)
def billing_host(url: str) -> str | None:
    """Return the host of a request to a target itself."""
    return SANDBOX_HOST if is_sandbox(url) else urlsplit(url).hostname


def billed_at(
    option_path: str | None, body: Mapping[str, Any], options: GatewayOptions
) -> tuple[Billing, ...]:
    """Return who bills the target at an option path behind a gateway; all that may, if the path is not known.

    The provider is empty where only Portkey knows it.
    """
    config, model = options.config, body.get("model")
    targets = [] if config is None or config.root is None else list(reachable(config.root))
    chosen = [target for target in targets if target.path == option_path] or targets
    if chosen:
        return tuple(dict.fromkeys(_billings(chosen, model, options)))
    provider = options.raw_provider(model) or _ONLY_PORTKEY_KNOWS
    if options.virtual_key is not None or is_slug(model):
        provider = _ONLY_PORTKEY_KNOWS
    return (Billing(provider, model, _host(provider, options.host_of(provider))),)


def _billings(targets: list[Target], model: Any, options: GatewayOptions) -> Iterator[Billing]:
    for target in targets:
        name = target.override_params.get("model", model)
        provider = _ONLY_PORTKEY_KNOWS if target.is_resolved_by_portkey else target.provider
        custom = target.custom_host or options.host_of(provider)
        yield Billing(provider, name, _host(provider, custom))


def _host(provider: str, custom_host: str | None) -> str | None:
    url = custom_host or (HOSTS[MISTRAL] if provider == MISTRAL else None)
    return None if url is None else urlsplit(url).hostname
