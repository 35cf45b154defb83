"""Which way a call goes: direct, through a Portkey gateway, or to the sandbox. Pure.

The gateway is chosen by any of `portkey_api_key`, `gateway_url`, `virtual_key`, a slug in `provider` or in
`portkey_config`, given as an argument or found in the environment; but a `base_url` argument without a
gateway argument means direct, whatever the environment says. Arguments beat the environment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

from portkey_mistral import residency
from portkey_mistral.config import Config, checks
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Way", "resolve", "way_of"]

Way: TypeAlias = Literal["direct", "gateway", "sandbox"]

HOSTED_GATEWAY = "https://api.portkey.ai/v1"
DEFAULT_PROVIDER = "mistral-ai"

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "api_key": ("MISTRAL_API_KEY",),
    "base_url": ("MISTRAL_BASE_URL",),
    "portkey_api_key": ("PORTKEY_API_KEY",),
    "gateway_url": ("PORTKEY_GATEWAY_URL", "PORTKEY_BASE_URL"),
    "portkey_config": ("PORTKEY_CONFIG",),
    "provider": ("PORTKEY_PROVIDER",),
    "virtual_key": ("PORTKEY_VIRTUAL_KEY",),
    "data_residency": ("MISTRAL_DATA_RESIDENCY",),
    "state": ("PORTKEY_MISTRAL_STATE",),
}
_KEYS = frozenset({"api_key", "portkey_api_key"})
# Elsewhere None means "not said"; a timeout of None waits for ever.
_SAID_BY_NONE = frozenset({"timeout"})
_GATEWAY_ONLY = ("portkey_api_key", "gateway_url", "virtual_key")


def resolve(given: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Complete the given fields from the environment and keep only what the chosen way uses.

    Resolving the result again, in any environment, gives the same way.
    """
    arguments = {
        name: value for name, value in given.items() if value is not None or name in _SAID_BY_NONE
    }
    found = _from_environment(environ, without=_settled(given))
    through_gateway = _asks_for_gateway(arguments) or (
        "base_url" not in arguments and _asks_for_gateway(found)
    )
    known = found | arguments
    return _gateway(known, arguments) if through_gateway else _direct(known)


def way_of(base_url: str | None, gateway_url: str | None) -> Way:
    """Tell the way from the fields that `resolve` left."""
    if gateway_url is not None:
        return "gateway"
    return "sandbox" if is_sandbox(base_url) else "direct"


def is_hosted(gateway_url: str) -> bool:
    """Whether a gateway is Portkey's own service."""
    host = gateway_url.partition("://")[2].partition("/")[0]
    return host.endswith(".portkey.ai")


def is_sandbox(url: str | None) -> bool:
    return url is not None and url.startswith("sandbox:")


def _settled(given: Mapping[str, Any]) -> frozenset[str]:
    """Name what is given as None by an object that is rebuilt: its way was resolved without it.

    Keys are not among them: a dump holds none, so they have to be found where the object is rebuilt.
    """
    if given.get("base_url") is None and given.get("gateway_url") is None:
        return frozenset()
    return frozenset(name for name, value in given.items() if value is None) - _KEYS


def _from_environment(environ: Mapping[str, str], *, without: Collection[str]) -> dict[str, str]:
    return {
        name: value
        for name, variables in ENVIRONMENT.items()
        for value in [next((environ[v] for v in variables if environ.get(v)), None)]
        if value is not None and name not in without
    }


def _asks_for_gateway(fields: Mapping[str, Any]) -> bool:
    return (
        any(name in fields for name in _GATEWAY_ONLY)
        or _is_slug_provider(fields.get("provider"))
        or _is_slug_config(fields.get("portkey_config"))
    )


def _is_slug_provider(provider: object) -> bool:
    return isinstance(provider, str) and provider.startswith("@")


def _is_slug_config(config: object) -> bool:
    if isinstance(config, Config):
        return config.slug is not None
    return isinstance(config, str) and config.strip().startswith("pc-")


def _direct(known: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in known.items() if name not in _GATEWAY_ONLY}
    # Slugs can only come from the environment here: as arguments they would have chosen the gateway.
    if _is_slug_provider(fields.get("provider")):
        del fields["provider"]
    if _is_slug_config(fields.get("portkey_config")):
        del fields["portkey_config"]
    fields.setdefault("base_url", residency.default_host(fields.get("data_residency")))
    fields["base_url"] = _with_version(_checked(fields["base_url"], "base_url"))
    return fields


def _gateway(known: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(known)
    fields["gateway_url"] = _with_version(
        _checked(fields.get("gateway_url", HOSTED_GATEWAY), "gateway_url")
    )
    base_url = fields.pop("base_url", None)
    if is_sandbox(base_url):
        raise ConfigurationError(
            "base_url='sandbox:' lives inside this process, where a gateway cannot reach it. Leave out "
            "the gateway settings (arguments or PORTKEY_* variables), or start the sandbox over HTTP "
            "with `portkey-mistral sandbox` and pass its URL as base_url."
        )
    # A default that was filled in while the object went direct says nothing about the gateway's target.
    if base_url is not None and str(base_url).rstrip("/") != residency.DEFAULT_HOST:
        fields["base_url"] = _with_version(_checked(base_url, "base_url"))
    elif fields.get("data_residency") and _is_mistral(fields):
        # Left to itself the gateway would go to the host that makes no promise of place.
        fields["base_url"] = residency.default_host(fields["data_residency"])
    return _without_shadowed_key(fields, arguments)


def _is_mistral(fields: Mapping[str, Any]) -> bool:
    provider = fields.get("provider", DEFAULT_PROVIDER)
    return provider == DEFAULT_PROVIDER and not _has_stand_in(fields)


def _has_stand_in(fields: Mapping[str, Any]) -> bool:
    """Whether Portkey keeps the key of the target: under a virtual key, or a provider slug."""
    return "virtual_key" in fields or _is_slug_provider(fields.get("provider"))


def _without_shadowed_key(fields: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keep either a Mistral key or what stands for one; an argument beats the environment."""
    if "api_key" not in fields or not _has_stand_in(fields):
        return fields
    if "api_key" not in arguments:
        return {name: value for name, value in fields.items() if name != "api_key"}
    if _has_stand_in(arguments):
        raise ConfigurationError(
            "api_key= is a Mistral key, but virtual_key= (or a provider slug '@...') already stands for one "
            "that Portkey keeps. Pass one of the two; a Portkey key goes into portkey_api_key=."
        )
    dropped = {"virtual_key", "provider"} - arguments.keys()
    return {name: value for name, value in fields.items() if name not in dropped}


def _checked(value: object, name: str) -> str:
    """Refuse what is no URL, and a URL that carries a user name or password."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a URL as text, got {type(value).__name__}.")
    url = value.strip()
    if is_sandbox(url):
        return url
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("http", "https") or not rest:
        raise ConfigurationError(
            f"{name} must start with http:// or https:// (or be 'sandbox:'), "
            "for example 'https://api.mistral.ai/v1'."
        )
    if "@" in rest.partition("/")[0]:
        raise ConfigurationError(f"{name} must not hold a user name or key; pass keys as api_key=.")
    if not checks.is_address(url):
        raise ConfigurationError(
            f"{name} must be a host, a port from 1 to 65535 where one is given, and a path, with no '?', "
            "'#' or blank in it."
        )
    return url.rstrip("/")


def _with_version(url: str) -> str:
    """Give a bare host the API's version path."""
    if is_sandbox(url) or "/" in url.partition("://")[2]:
        return url
    return f"{url}/v1"
