"""Decides the mode of an object: direct, through a Portkey gateway, or the sandbox. Pure.

Any of `portkey_api_key`, `gateway_url`, `virtual_key`, or a slug in `provider` or `portkey_config` selects the
gateway, as an argument or from the environment; so does any `x-portkey-*` header in `default_headers`, and a `base_url`
that is a Portkey gateway's. But a `base_url` argument without any of these selects direct mode, whatever the
environment contains. Arguments override the environment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from portkey_mistral._providers import (
    HOSTED_GATEWAY,
    HOSTS,
    MISTRAL,
    is_hosted_gateway,
    is_sandbox,
    is_slug,
    owner_of,
)
from portkey_mistral._redaction import secret_value
from portkey_mistral.config import validators
from portkey_mistral.config.config import Config
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.residency import default_host
from portkey_mistral.responses import ConnectionMode
from portkey_mistral.settings.environment import from_environment, gateway_urls
from portkey_mistral.settings.headers_as_arguments import (
    PortkeyHeaders,
    add_header_arguments,
    is_slug_config,
    names_stored_key,
    read_portkey_headers,
    take_bearer_key,
)

__all__ = ["endpoint", "mode_of", "resolve"]

_KEYS = frozenset({"api_key", "portkey_api_key"})
# For all other fields None means "not set"; a timeout of None waits for ever.
_NONE_IS_A_VALUE = frozenset({"timeout"})
_GATEWAY_ONLY = ("portkey_api_key", "gateway_url", "virtual_key")


def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Complete the arguments from the environment, and keep only the fields that the selected mode uses.

    Both frameworks rebuild objects from all their fields, so resolving the result again, in any environment, gives
    the same mode.

    Raises:
        ConfigurationError: the fields contradict each other, or a URL is invalid.
    """
    given = {
        name: value
        for name, value in arguments.items()
        if value is not None or name in _NONE_IS_A_VALUE
    }
    found = from_environment(environ, without=_resolved_as_unset(arguments))
    headers = _read_headers(given.get("default_headers"))
    # A rebuilt object passes gateway_url=None explicitly: its base_url is not a gateway's, whatever the environment is
    # now.
    gateways = () if "gateway_url" in arguments else gateway_urls(environ)
    found = _with_gateway_url(found, gateways)
    given = _with_gateway_url(given, gateways, by_headers=headers.for_portkey)
    if headers.for_portkey:
        given = _with_header_arguments(given, found, headers)
    if "gateway_url" in given and arguments.get("gateway_url") is None:
        given = _with_portkey_key(given, found)
    through_gateway = (
        headers.for_portkey
        or _selects_gateway(given)
        or ("base_url" not in given and _selects_gateway(found))
    )
    fields = found | given
    if not through_gateway:
        return _direct_fields(fields)
    return _gateway_fields(_without_other_provider(fields, given), given)


def mode_of(base_url: str | None, gateway_url: str | None) -> ConnectionMode:
    """Return the mode of resolved fields."""
    if gateway_url is not None:
        return "gateway"
    return "sandbox" if is_sandbox(base_url) else "direct"


def _resolved_as_unset(arguments: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields that are None in a rebuilt object, which the environment must not set.

    Keys are an exception: dumps do not contain them, so they are read again where the object is rebuilt.
    """
    if arguments.get("base_url") is None and arguments.get("gateway_url") is None:
        return frozenset()
    return frozenset(name for name, value in arguments.items() if value is None) - _KEYS


def _with_gateway_url(
    fields: dict[str, Any], gateways: Collection[str], *, by_headers: bool = False
) -> dict[str, Any]:
    """Move a `base_url` that is a Portkey gateway's to `gateway_url`.

    Other clients have no setting for a gateway but their base URL. So if nothing but headers for Portkey selects the
    gateway, the base URL is the gateway's, unless it is that of a provider.
    """
    base_url = fields.get("base_url")
    if not isinstance(base_url, str) or "gateway_url" in fields or is_sandbox(base_url):
        return fields
    is_gateway = (
        is_hosted_gateway(base_url)
        or _bare(base_url) in map(_bare, gateways)
        or (by_headers and not _selects_gateway(fields) and owner_of(base_url) is None)
    )
    if not is_gateway:
        return fields
    rest = {name: value for name, value in fields.items() if name != "base_url"}
    return {**rest, "gateway_url": base_url}


def _with_portkey_key(given: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Assign `api_key` if `base_url` was the gateway's: other clients have one argument for both keys."""
    key, rest = given.get("api_key"), {n: v for n, v in given.items() if n != "api_key"}
    portkey_key = given.get("portkey_api_key") or found.get("portkey_api_key")
    if key is None or secret_value(key) == secret_value(portkey_key):
        return rest
    if portkey_key is None and is_hosted_gateway(given["gateway_url"]):
        return {**rest, "portkey_api_key": key}
    return given


def _bare(url: str) -> str:
    """Normalise a URL, to compare gateways."""
    return url.strip().rstrip("/").removesuffix("/v1").lower()


def _selects_gateway(fields: Mapping[str, Any]) -> bool:
    return (
        any(name in fields for name in _GATEWAY_ONLY)
        or is_slug(fields.get("provider"))
        or is_slug_config(fields.get("portkey_config"))
    )


def _read_headers(headers: object) -> PortkeyHeaders:
    if not isinstance(headers, Mapping) or not all(
        isinstance(text, str) for text in (*headers, *headers.values())
    ):
        return PortkeyHeaders()  # pydantic reports the error
    read = read_portkey_headers(headers, "default_headers")
    config = read.arguments.get("portkey_config")
    if config is None:
        return read
    return replace(read, arguments={**read.arguments, "portkey_config": Config.parse(config)})


def _with_header_arguments(
    given: dict[str, Any], found: Mapping[str, Any], headers: PortkeyHeaders
) -> dict[str, Any]:
    """Return the arguments together with those in the `default_headers` for Portkey."""
    stated = (given, headers.arguments, found)
    portkey_key = next((key for each in stated if (key := each.get("portkey_api_key"))), None)
    gateway_url = given.get("gateway_url") or found.get("gateway_url") or HOSTED_GATEWAY
    headers = take_bearer_key(
        headers,
        secret_value(portkey_key),
        hosted=isinstance(gateway_url, str) and is_hosted_gateway(gateway_url),
        fields={**found, **given},
    )
    if names_stored_key(headers.arguments):
        # Other clients require an `api_key`, which Portkey ignores if it stores the key itself.
        given = {name: value for name, value in given.items() if name != "api_key"}
    return {
        **add_header_arguments(given, headers, "default_headers"),
        "default_headers": dict(headers.others),
    }


def _direct_fields(known: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in known.items() if name not in _GATEWAY_ONLY}
    # These come from the environment: as arguments they would have selected the gateway.
    if is_slug(fields.get("provider")):
        del fields["provider"]
    if is_slug_config(fields.get("portkey_config")):
        del fields["portkey_config"]
    fields.setdefault("base_url", default_host(fields.get("data_residency")))
    fields["base_url"] = endpoint(fields["base_url"], "base_url")
    return fields


def _gateway_fields(known: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(known)
    fields["gateway_url"] = endpoint(fields.get("gateway_url", HOSTED_GATEWAY), "gateway_url")
    base_url = fields.pop("base_url", None)
    if is_sandbox(base_url):
        raise ConfigurationError(
            "base_url='sandbox:' runs inside this process, where a gateway cannot reach it. Leave out "
            "the gateway settings (arguments, x-portkey-* headers, PORTKEY_* variables), or start the sandbox over HTTP "
            "with `portkey-mistral sandbox` and pass its URL as base_url."
        )
    # The default host, filled in when the object was direct, is not a custom host of the gateway's target.
    if base_url is not None and str(base_url).rstrip("/") != HOSTS[MISTRAL]:
        fields["base_url"] = endpoint(base_url, "base_url")
    return _without_shadowed_key(fields, arguments)


def _has_stored_key(fields: Mapping[str, Any]) -> bool:
    """Whether a virtual key or a provider slug stands for the target's key, which is stored at Portkey."""
    return "virtual_key" in fields or is_slug(fields.get("provider"))


def _without_other_provider(fields: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out a virtual key or a slug of the environment beside the other as an argument: Portkey reads only one."""
    if "virtual_key" in arguments and is_slug(fields.get("provider")):
        dropped = {"provider"} - arguments.keys()
    elif is_slug(arguments.get("provider")):
        dropped = {"virtual_key"} - arguments.keys()
    else:
        return fields
    return {name: value for name, value in fields.items() if name not in dropped}


def _without_shadowed_key(fields: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keep either a Mistral key or a key that is stored at Portkey; arguments override the environment."""
    if "api_key" not in fields or not _has_stored_key(fields):
        return fields
    if "api_key" not in arguments:
        return {name: value for name, value in fields.items() if name != "api_key"}
    if _has_stored_key(arguments):
        raise ConfigurationError(
            "api_key= is a Mistral key, but virtual_key= (or a provider slug '@...') already refers to one "
            "that is stored at Portkey. Pass only one of them; a Portkey key is passed as portkey_api_key=."
        )
    dropped = {"virtual_key", "provider"} - arguments.keys()
    return {name: value for name, value in fields.items() if name not in dropped}


def endpoint(value: object, name: str) -> str:
    """Validate a URL, and append the API version to a bare host."""
    url = _validate_url(value, name)
    if is_sandbox(url) or "/" in url.partition("://")[2]:
        return url
    return f"{url}/v1"


def _validate_url(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a URL as a string, got {type(value).__name__}.")
    url = value.strip()
    if is_sandbox(url):
        return url
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("http", "https") or not rest:
        raise ConfigurationError(
            f"{name} must start with http:// or https:// (or be 'sandbox:'), "
            f"for example {HOSTS[MISTRAL]!r}."
        )
    if "@" in rest.partition("/")[0]:
        raise ConfigurationError(
            f"{name} must not contain a user name or key; pass a key as api_key=."
        )
    if not validators.is_host_url(url):
        raise ConfigurationError(
            f"{name} must be a host, a port from 1 to 65535 where one is given, and a path, without '?', "
            "'#' or blanks."
        )
    return url.rstrip("/")
