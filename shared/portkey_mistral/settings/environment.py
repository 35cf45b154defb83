"""The environment variables of the settings. Those for proxies are read in `proxies.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ["ENVIRONMENT", "from_environment", "gateway_urls"]

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "api_key": ("MISTRAL_API_KEY",),
    "base_url": ("MISTRAL_BASE_URL", "MISTRAL_ENDPOINT"),
    "portkey_api_key": ("PORTKEY_API_KEY",),
    "gateway_url": ("PORTKEY_GATEWAY_URL", "PORTKEY_BASE_URL"),
    "portkey_config": ("PORTKEY_CONFIG",),
    "provider": ("PORTKEY_PROVIDER",),
    "virtual_key": ("PORTKEY_VIRTUAL_KEY",),
    "data_residency": ("MISTRAL_DATA_RESIDENCY",),
    "state": ("PORTKEY_MISTRAL_STATE",),
    "transport": ("PORTKEY_MISTRAL_TRANSPORT",),
}
"""The environment variables of each field, in the order in which they are read."""


def from_environment(
    environ: Mapping[str, str], *, without: Collection[str] = ()
) -> dict[str, str]:
    """Return the fields that are set by variables; an empty variable counts as unset."""
    return {
        name: value
        for name, variables in ENVIRONMENT.items()
        for value in [next((environ[v] for v in variables if environ.get(v)), None)]
        if value is not None and name not in without
    }


def gateway_urls(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the URLs in the gateway's variables."""
    return tuple(environ[name] for name in ENVIRONMENT["gateway_url"] if environ.get(name))
