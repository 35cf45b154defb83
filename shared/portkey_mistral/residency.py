"""Which hosts keep data where, and the refusal of a route that leaves the region asked for. Pure.

`api.mistral.ai` makes no promise of place; `api.eu.mistral.ai` and `api.us.mistral.ai` do (Mistral's page on
regional endpoints). What is on this machine counts as being in every region. Every other place has to be
declared by the user, who knows what was agreed with its operator: by host name, or by the name of a
provider, an `@slug` or a config slug that leads there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from portkey_mistral.config import Config, Target
from portkey_mistral.exceptions import ConfigurationError, ResidencyError
from portkey_mistral.messages import FilePart, Part, UnknownPart
from portkey_mistral.requests import ChatRequest

__all__ = [
    "DEFAULT_HOST",
    "PROVIDER_HOSTS",
    "REGIONAL_PRICE_FACTOR",
    "Region",
    "check",
    "check_host",
    "check_request",
    "default_host",
    "header_places",
    "model_places",
    "places",
    "region_of",
    "route",
]

Region: TypeAlias = Literal["eu", "us"]

DEFAULT_HOST = "https://api.mistral.ai/v1"

REGIONAL_PRICE_FACTOR = 1.1
"""What a token costs on a regional host, as a multiple of its price on the default host."""

PROVIDER_HOSTS: Mapping[str, str] = {"openai": "https://api.openai.com/v1"}
"""Where targets of other providers go when their config names no `custom_host`."""

_REGIONAL_HOSTS: Mapping[str, str] = {
    "eu": "https://api.eu.mistral.ai/v1",
    "us": "https://api.us.mistral.ai/v1",
}
_KNOWN: Mapping[str, str] = {"api.eu.mistral.ai": "eu", "api.us.mistral.ai": "us"}
_LOCAL = "local"
_MISTRAL = "mistral-ai"
_VIRTUAL_KEY = "a virtual key"
_CONFIG = "a config in a header"
# Headers that make a gateway send somewhere else than the settings say; what their values are called here.
_ROUTING_HEADERS: Mapping[str, str | None] = {
    "x-portkey-custom-host": None,
    "x-portkey-provider": None,
    "x-portkey-virtual-key": _VIRTUAL_KEY,
    "x-portkey-config": _CONFIG,
}
# What a URL that is read in two ways could hide another host behind.
_AMBIGUOUS = frozenset("@\\ \t\r\n")


def default_host(residency: str | None) -> str:
    """Return Mistral's own host for a region, the global one for None."""
    return DEFAULT_HOST if residency is None else _REGIONAL_HOSTS[_region(residency)]


def region_of(place: str, declared: Mapping[str, str]) -> str | None:
    """Return the region of a URL or a declared name, "local" for this machine, None if not known."""
    host = _host(place)
    if place.startswith("sandbox:") or _is_loopback(host):
        return _LOCAL
    regions = {_host(name): _region(region) for name, region in declared.items()}
    # What the user declares must not overrule what Mistral promises of its own hosts.
    return _KNOWN.get(host) or regions.get(host)


def check_host(
    place: str, *, path: str, residency: str | None, declared: Mapping[str, str]
) -> None:
    """Raise `ResidencyError` naming `path` unless `place` is in the region asked for (None asks nothing)."""
    if residency is None:
        return
    region = region_of(place, declared)
    if region in (_LOCAL, _region(residency)):
        return
    where = "is not known to keep data there" if region is None else f"is in region {region!r}"
    raise ResidencyError(
        f"data_residency={residency!r}, but {path} leads to {_host(place)!r}, which {where}. "
        f"{_advice(place, residency, region)}",
        path=path,
    )


def check(
    routes: Iterable[tuple[str, str]], *, residency: str | None, declared: Mapping[str, str]
) -> None:
    """Check every (path, place) of a route; see `check_host`."""
    for path, place in routes:
        check_host(place, path=path, residency=residency, declared=declared)


def places(config: Config, *, base_url: str) -> Iterator[tuple[str, str]]:
    """Give (path, place) of every target of a config. `base_url` serves Mistral targets without a host."""
    if config.slug is not None:
        yield "portkey_config", config.slug
        return
    for target in config.targets():
        yield target.path, _place(target, base_url)


def route(
    config: Config | None,
    *,
    base_url: str | None,
    gateway_url: str | None,
    provider: str,
    virtual_key: bool,
) -> Iterator[tuple[str, str]]:
    """Give (path, place) of all that a call can touch: the gateway, and every target behind it.

    Without a `base_url` a Mistral target is served by the default host, as the gateway itself does.
    """
    if gateway_url is not None:
        yield "gateway_url", gateway_url
    host = base_url or DEFAULT_HOST
    if config is not None:
        yield from places(config, base_url=host)
    elif base_url is None and virtual_key:
        yield "virtual_key", _VIRTUAL_KEY
    elif base_url is None and provider != _MISTRAL:
        yield "provider", PROVIDER_HOSTS.get(provider, provider)
    else:
        yield "base_url", host


def model_places(config: Config | None, model: object) -> Iterator[tuple[str, str]]:
    """Give (path, place) of every model that is a slug, `@place/model`: hosted Portkey goes where it says."""
    asked = [("model", model)]
    if config is not None:
        asked += [
            (f"{target.path}.override_params.model", target.override_params.get("model"))
            for target in config.targets()
        ]
    for path, name in asked:
        if isinstance(name, str) and name.startswith("@"):
            yield path, name.partition("/")[0]


def header_places(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give (path, place) of every header of the user's own that tells a gateway where to send."""
    for name, value in headers.items():
        if name.lower() in _ROUTING_HEADERS:
            yield f"header {name}", _ROUTING_HEADERS[name.lower()] or value


def check_request(
    request: ChatRequest, *, residency: str | None, config: Config | None = None
) -> None:
    """Raise `ResidencyError` for what Mistral's regional hosts do not serve: agents, built-in tools, files.

    They serve no batches either, which this package does not send.
    """
    if residency is None:
        return
    _check_fields("", {**request.extra, "tools": request.tools}, residency)
    for target in config.targets() if config is not None else ():
        _check_fields(f"{target.path}.override_params.", target.override_params, residency)
    for position, message in enumerate(request.messages):
        parts = () if isinstance(message.content, str) else message.content
        if any(map(_is_upload, parts)):
            raise _not_regional(f"messages[{position}]", "an uploaded file", residency)


def _check_fields(path: str, fields: Mapping[str, Any], residency: str) -> None:
    if fields.get("agent_id") is not None:
        raise _not_regional(f"{path}agent_id", "agents", residency)
    tools: Iterable[Any] = fields.get("tools") or ()
    for position, tool in enumerate(tools):
        kind = tool.get("type", "function") if isinstance(tool, Mapping) else "function"
        if kind != "function":
            raise _not_regional(
                f"{path}tools[{position}]", f"the built-in tool {kind!r}", residency
            )


def _is_upload(part: Part) -> bool:
    """Whether a part is a file that was uploaded before, to the host that has no regions."""
    if isinstance(part, UnknownPart):
        return "file_id" in part.raw
    return isinstance(part, FilePart)


def _place(target: Target, base_url: str) -> str:
    if target.custom_host is not None:
        return target.custom_host
    if target.virtual_key is not None:
        return _VIRTUAL_KEY
    return {_MISTRAL: base_url, **PROVIDER_HOSTS}.get(target.provider, target.provider)


def _region(region: str) -> str:
    if region not in _REGIONAL_HOSTS:
        known = " or ".join(repr(name) for name in _REGIONAL_HOSTS)
        raise ConfigurationError(f"{region!r} is not a region of Mistral's; use {known}.")
    return region


def _host(place: str) -> str:
    """Return the bare host of a URL or `host:port`; a name that is no host comes back as it is."""
    if not _AMBIGUOUS.isdisjoint(place):
        return place
    try:
        host = urlsplit(place if "://" in place else f"//{place}").hostname
    except ValueError:  # a broken IPv6 address: no host that anybody knows
        host = None
    return (host or place).rstrip(".")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _advice(place: str, residency: str, region: str | None) -> str:
    if _host(place) == _host(DEFAULT_HOST):
        return f"Use {default_host(residency)} (Mistral's default host makes no promise of place)."
    if place == _CONFIG:
        return "Pass it as portkey_config=, where its targets can be checked."
    if place == _VIRTUAL_KEY:
        return (
            "Only Portkey knows where it leads: name a host in the region (custom_host of the target, or "
            "base_url)."
        )
    if region is not None:
        return "Leave this target out, or ask for the other region."
    return f"If it does, declare it: residency_hosts={{{_host(place)!r}: {residency!r}}}."


def _not_regional(path: str, what: str, residency: str) -> ResidencyError:
    return ResidencyError(
        f"{path}: Mistral's regional hosts do not serve {what}; with data_residency={residency!r} "
        "only function tools and content inside the request can be used.",
        path=path,
    )
