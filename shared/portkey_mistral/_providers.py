"""The providers that a target can name, the hosts of their APIs, and Portkey's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard
from urllib.parse import urlsplit

__all__ = [
    "DIRECT_PROVIDERS",
    "HOSTED_GATEWAY",
    "HOSTS",
    "MISTRAL",
    "OPENAI",
    "REGIONAL_HOSTS",
    "host_of_target",
    "is_config_slug",
    "is_hosted_gateway",
    "is_open_source_gateway",
    "is_sandbox",
    "is_slug",
    "owner_of",
    "slug_of",
]

MISTRAL = "mistral-ai"
OPENAI = "openai"

HOSTS: Mapping[str, str] = {
    MISTRAL: "https://api.mistral.ai/v1",
    OPENAI: "https://api.openai.com/v1",
}
"""Base URL of each provider's API."""

REGIONAL_HOSTS: Mapping[str, str] = {
    "eu": "https://api.eu.mistral.ai/v1",
    "us": "https://api.us.mistral.ai/v1",
}
"""Base URL of Mistral's API in each region (Mistral's documentation, "Regional endpoints")."""

DIRECT_PROVIDERS = tuple(HOSTS)
"""Providers that direct mode calls without a `custom_host`."""

HOSTED_GATEWAY = "https://api.portkey.ai/v1"

# Model names of Cloudflare and Hugging Face that start with "@"; Portkey does not treat them as slugs.
_NO_SLUGS = ("@cf/", "@hf/")
_CONFIG_SLUG = "pc-"
_DOMAINS: Mapping[str, str] = {MISTRAL: "mistral.ai", OPENAI: "openai.com"}
_PORTKEY_DOMAIN = "portkey.ai"


def is_slug(name: object) -> TypeGuard[str]:
    """Whether a provider or a model is a slug, `@provider` or `@provider/model`, which only Portkey resolves."""
    return isinstance(name, str) and name.startswith("@") and not name.startswith(_NO_SLUGS)


def slug_of(name: object) -> str | None:
    """Return the slug in a provider or a model, without the "@" and the model; None if there is none."""
    return name[1:].partition("/")[0] if is_slug(name) else None


def is_config_slug(text: str) -> bool:
    """Whether a text is the slug of a config that is stored at Portkey, rather than a config."""
    return text.startswith(_CONFIG_SLUG)


def is_sandbox(url: object) -> bool:
    """Whether a URL addresses the embedded sandbox: `sandbox:`, or `sandbox:NAME`."""
    return isinstance(url, str) and url.startswith("sandbox:")


def host_of_target(provider: str, custom_host: str | None, default_host: str) -> str | None:
    """Return the base URL of a target in direct mode; None for a provider whose host is not known.

    `default_host` is that of Mistral's targets.
    """
    if custom_host:
        return custom_host.rstrip("/")
    if provider == MISTRAL:
        return default_host.rstrip("/")
    if provider in HOSTS:
        # Under base_url="sandbox:" no request leaves the machine.
        return f"sandbox:{provider}" if is_sandbox(default_host) else HOSTS[provider]
    return None


def owner_of(url: str) -> str | None:
    """Return the provider to whose domain a URL belongs; None for every other server."""
    return next((name for name, domain in _DOMAINS.items() if _is_below(url, domain)), None)


def is_hosted_gateway(url: str) -> bool:
    """Whether a gateway is Portkey's own service."""
    return _is_below(url, _PORTKEY_DOMAIN)


def is_open_source_gateway(url: str, portkey_api_key: object) -> bool:
    """Whether a gateway is probably Portkey's open-source one.

    Both it and the enterprise gateway are self-hosted; only the latter needs a Portkey key.
    """
    return portkey_api_key is None and not is_hosted_gateway(url)


def _is_below(url: str, domain: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == domain or host.endswith(f".{domain}")
