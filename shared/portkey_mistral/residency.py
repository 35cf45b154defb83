"""Decides which hosts are in which region, and refuses routes that leave the requested one. Pure.

`api.mistral.ai` promises no region; `api.eu.mistral.ai` and `api.us.mistral.ai` do (Mistral's documentation,
"Regional endpoints"). This machine counts as part of every region. All other locations have to be declared by the user,
who knows the contracts with their operators: by host name, or by the name of a provider, an `@slug` or the slug of a
config.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from portkey_mistral._providers import HOSTS, MISTRAL, REGIONAL_HOSTS, is_sandbox, is_slug
from portkey_mistral.exceptions import ConfigurationError, ResidencyError
from portkey_mistral.messages import FilePart, Part, UnknownPart
from portkey_mistral.requests import ChatRequest

if TYPE_CHECKING:
    from portkey_mistral.config.config import Config
    from portkey_mistral.config.values import Target

__all__ = [
    "Region",
    "check",
    "check_document",
    "check_host",
    "check_request",
    "default_config_location",
    "default_host",
    "host_of",
    "is_loopback",
    "locations",
    "model_locations",
    "region_of",
    "route",
]

Region: TypeAlias = Literal["eu", "us"]

_MISTRAL_REGIONS = {urlsplit(url).hostname: region for region, url in REGIONAL_HOSTS.items()}
_LOCAL = "local"
_VIRTUAL_KEY = "a virtual key"
_DEFAULT_CONFIG = "the default config of the Portkey key"
# Characters by which URL parsers can disagree about the host.
_AMBIGUOUS = frozenset("@\\ \t\r\n")


def default_host(region: str | None) -> str:
    """Return the base URL of Mistral's API in a region; for None, that of the default host.

    Raises:
        ConfigurationError: Mistral has no such region.
    """
    return HOSTS[MISTRAL] if region is None else REGIONAL_HOSTS[_region(region)]


def region_of(location: str, declared: Mapping[str, str]) -> str | None:
    """Return the region of a URL or a declared name; "local" for this machine, None if it is not known."""
    host = host_of(location)
    if is_sandbox(location) or is_loopback(host):
        return _LOCAL
    regions = {host_of(name): _region(region) for name, region in declared.items()}
    # A declaration must not override what Mistral promises about its own hosts.
    return _MISTRAL_REGIONS.get(host) or regions.get(host)


def check_host(
    location: str, *, path: str, residency: str | None, declared: Mapping[str, str]
) -> None:
    """Raise `ResidencyError` naming `path` unless `location` is in the region; None allows every location."""
    if residency is None:
        return
    region = region_of(location, declared)
    if region in (_LOCAL, _region(residency)):
        return
    where = "is not known to keep data there" if region is None else f"is in region {region!r}"
    raise ResidencyError(
        f"data_residency={residency!r}, but {path} leads to {host_of(location)!r}, which {where}. "
        f"{_advice(location, residency, region)}",
        path=path,
    )


def check(
    route: Iterable[tuple[str, str]], *, residency: str | None, declared: Mapping[str, str]
) -> None:
    """Check every (path, location) of a route; see `check_host`."""
    for path, location in route:
        check_host(location, path=path, residency=residency, declared=declared)


def locations(config: Config, *, base_url: str) -> Iterator[tuple[str, str]]:
    """Yield (path, location) of every target. `base_url` is that of Mistral targets without a `custom_host`."""
    if config.slug is not None:
        yield "portkey_config", config.slug
        return
    for target in config.targets():
        yield target.path, _location(target, base_url)


def route(
    config: Config | None,
    *,
    base_url: str | None,
    default_host: str,
    gateway_url: str | None,
    provider: str | None,
    virtual_key: bool,
) -> Iterator[tuple[str, str]]:
    """Yield (path, location) of everything that a call can reach: the gateway, and every target behind it.

    `default_host` is that of Mistral targets without a host of their own.
    """
    if gateway_url is not None:
        yield "gateway_url", gateway_url
    named = virtual_key or provider is not None
    if config is not None and config.names_provider:
        yield from locations(config, base_url=base_url or default_host)
        if config.slug is None or not named:
            return
        # Passthrough targets of a saved config take the provider from the request.
    elif config is not None:
        # Without a provider a config may still name the host.
        hosts = ((target.path, target.custom_host) for target in config.targets())
        yield from ((path, host) for path, host in hosts if host is not None)
    if base_url is not None:
        yield "base_url", base_url
    elif virtual_key:
        yield "virtual_key", _VIRTUAL_KEY
    elif provider is not None and provider != MISTRAL:
        yield "provider", HOSTS.get(provider, provider)
    else:
        yield "base_url", default_host


def default_config_location() -> tuple[str, str]:
    """Return (path, location) of a call without a provider, for which the Portkey key's default config applies."""
    return "portkey_api_key", _DEFAULT_CONFIG


def model_locations(config: Config | None, model: object) -> Iterator[tuple[str, str]]:
    """Yield (path, location) of every model that is a slug `@provider/model`: hosted Portkey follows it."""
    models = [("model", model)]
    if config is not None:
        models += [
            (f"{target.path}.override_params.model", target.override_params.get("model"))
            for target in config.targets()
        ]
    for path, name in models:
        if is_slug(name):
            yield path, name.partition("/")[0]


def check_request(
    request: ChatRequest, *, residency: str | None, config: Config | None = None
) -> None:
    """Raise `ResidencyError` for features that Mistral's regional hosts do not serve: agents, built-in tools, files.

    For batch jobs, which they do not serve either, see `check_not_regional`.
    """
    if residency is None:
        return
    _check_fields("", {**request.extra, "tools": request.tools}, residency)
    for target in config.targets() if config is not None else ():
        for name in ("default_params", "override_params"):
            _check_fields(f"{target.path}.{name}.", getattr(target, name), residency)
    for position, message in enumerate(request.messages):
        parts = () if isinstance(message.content, str) else message.content
        if any(map(_is_uploaded_file, parts)):
            raise _not_regional(f"messages[{position}]", "uploaded files", residency)


def check_document(document: Part, *, residency: str | None) -> None:
    """Raise `ResidencyError` for an uploaded file, which Mistral's regional hosts do not serve."""
    if residency is not None and _is_uploaded_file(document):
        raise _not_regional("document", "uploaded files", residency)


def check_not_regional(residency: str | None, base_url: str, what: str) -> None:
    """Raise `ResidencyError` where a region is requested, or the host is a regional one, which does not serve `what`."""
    region = residency or _MISTRAL_REGIONS.get(host_of(base_url))
    if region is not None:
        path = "base_url" if residency is None else "data_residency"
        raise ResidencyError(
            f"{path}: Mistral's regional hosts ({region!r} here) do not serve {what}. Use an object without "
            "data_residency and with Mistral's default host, or send the requests one by one.",
            path=path,
        )


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


def _is_uploaded_file(part: Part) -> bool:
    """Whether a part refers to an uploaded file, which is stored at the host without a region."""
    if isinstance(part, UnknownPart):
        return "file_id" in part.raw
    return isinstance(part, FilePart)


def _location(target: Target, base_url: str) -> str:
    if target.custom_host is not None:
        return target.custom_host
    if target.virtual_key is not None or target.passthrough:
        return _VIRTUAL_KEY
    if is_sandbox(base_url):
        return base_url  # a sandbox answers for every provider
    return {**HOSTS, MISTRAL: base_url}.get(target.provider, target.provider)


def _region(region: str) -> str:
    if region not in REGIONAL_HOSTS:
        known = " or ".join(map(repr, REGIONAL_HOSTS))
        raise ConfigurationError(f"Mistral has no region {region!r}; use {known}.")
    return region


def host_of(location: str) -> str:
    """Return the bare host of a URL or `host:port`; any other name is returned as it is."""
    if not _AMBIGUOUS.isdisjoint(location):
        return location
    try:
        host = urlsplit(location if "://" in location else f"//{location}").hostname
    except ValueError:  # an invalid IPv6 address
        host = None
    return (host or location).rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or its address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _advice(location: str, residency: str, region: str | None) -> str:
    if host_of(location) == host_of(HOSTS[MISTRAL]):
        return f"Use {default_host(residency)} (Mistral's default host promises no region)."
    if location in (_VIRTUAL_KEY, _DEFAULT_CONFIG):
        return (
            "Only Portkey knows where it leads: give a host in the region (custom_host of the target, or "
            "base_url)."
        )
    if region is not None:
        return "Leave this target out, or request the other region."
    return f"If it does, declare it: residency_hosts={{{host_of(location)!r}: {residency!r}}}."


def _not_regional(path: str, what: str, residency: str) -> ResidencyError:
    return ResidencyError(
        f"{path}: Mistral's regional hosts do not serve {what}; with data_residency={residency!r} "
        "only function tools and content inside the request can be used.",
        path=path,
    )
