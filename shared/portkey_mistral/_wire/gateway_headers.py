"""The headers of a request to the gateway: options, config, and keys if the lane accepts them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from portkey_mistral._providers import HOSTS, MISTRAL, is_slug, slug_of
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral.config import validators
from portkey_mistral.config.gateway_keys import names_provider
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.responses import Lane

__all__ = ["gateway_headers"]

# Node, which the gateway runs on, accepts 16 KB of headers in all and answers 431 beyond.
_MAX_CONFIG = 14 * 1024
_MAX_HEADERS = 15 * 1024


def gateway_headers(
    options: GatewayOptions,
    lane: Lane,
    config: Mapping[str, Any] | None,
    *,
    model: object,
    stream: bool,
) -> dict[str, str]:
    """Return all headers. `config` is an inline config to send, None for a slug or no config.

    Raises:
        ConfigurationError: a value is not printable ASCII, the headers are too large, or they do not fit the lane, or
            each other.
    """
    portkeys = {
        "x-portkey-api-key": options.portkey_api_key,
        "x-portkey-trace-id": options.trace_id,
        "x-portkey-metadata": _ascii_json(options.metadata) if options.metadata else None,
        "x-portkey-cache-namespace": options.cache_namespace,
        # The open-source gateway only tests for presence, so "false" would refresh too.
        "x-portkey-cache-force-refresh": "true" if options.cache_force_refresh else None,
        "x-portkey-forward-headers": ",".join(options.forward_headers) or None,
        "x-portkey-request-timeout": _milliseconds(options.request_timeout),
        **_routing(options, lane, config, model),
    }
    _check_slugs(options, model)
    own = {name.lower(): value for name, value in options.headers.items()}
    if lane == "proxy" and "authorization" in own:
        raise ConfigurationError(
            "An Authorization header would replace the key of every target on the gateway's proxy lane: "
            "take it out of the headers, and give api_key= or the targets' own keys."
        )
    headers = {
        "accept": "text/event-stream" if stream else "application/json",
        "content-type": "application/json",
        # By default the unified route turns the finish reason "error" into "stop".
        **({"x-portkey-strict-open-ai-compliance": "false"} if lane == "unified" else {}),
        **own,
        **{name: _checked(name, value) for name, value in portkeys.items() if value},
    }
    _check_size(headers)
    return headers


def _check_slugs(options: GatewayOptions, model: object) -> None:
    """Raise if two different providers are named: Portkey would silently ignore one of them.

    Its order is provider, virtual key, model (read in the gateway's branch 2.0.0).
    """
    named = {
        f"provider={options.provider!r}": slug_of(options.provider),
        "virtual_key=": options.virtual_key,
        f"model={model!r}": slug_of(model),
    }
    used, *others = [argument for argument, name in named.items() if name] or [""]
    for other in others:
        if named[other] != named[used]:
            raise ConfigurationError(
                f"{used} and {other} name two providers, and Portkey would ignore the latter: leave one of them out. "
                "(Either may come from the environment: PORTKEY_PROVIDER, PORTKEY_VIRTUAL_KEY.)"
            )


def _routing(
    options: GatewayOptions, lane: Lane, config: Mapping[str, Any] | None, model: object
) -> dict[str, str | None]:
    """Return the headers that determine where the gateway sends the request, and with which key.

    Everything that the caller named is sent; Portkey's order of precedence applies.
    """
    if lane == "passthrough":
        return _passthrough(options)
    named = {"x-portkey-provider": options.provider, "x-portkey-virtual-key": options.virtual_key}
    if config is not None and ("targets" in config or names_provider(config)):
        return {**named, "x-portkey-config": _config_text(config)}
    raw_provider = options.raw_provider(model)
    is_stored = options.virtual_key is not None or is_slug(model)
    slug = None if options.config is None else options.config.slug
    host = options.custom_host if is_stored or slug else options.host_of(raw_provider)
    key = None if is_stored or raw_provider is None else options.api_key
    if key is not None and lane == "proxy" and slug is None:
        # On the open-source proxy route an Authorization header would reach the target and replace its key.
        inline = {"provider": raw_provider, "api_key": key}
        inline |= {"custom_host": host} if host else {}
        return {"x-portkey-config": _config_text(inline)}
    return {
        **named,
        "x-portkey-provider": options.provider or raw_provider,
        "x-portkey-config": slug if config is None else _config_text(config),
        "x-portkey-custom-host": host,
        "authorization": f"Bearer {key}" if key else None,
    }


def _passthrough(options: GatewayOptions) -> dict[str, str | None]:
    if options.config is not None:
        raise ConfigurationError(
            "gateway_lane='passthrough' sends to one host and takes no config: remove portkey_config, or "
            "choose another lane."
        )
    return {
        "x-portkey-provider": "passthrough",
        "x-portkey-custom-host": options.host_of(MISTRAL) or HOSTS[MISTRAL],
        "authorization": f"Bearer {options.api_key}" if options.api_key else None,
    }


def _config_text(config: Mapping[str, Any]) -> str:
    text = _ascii_json(config)
    if len(text) > _MAX_CONFIG:
        raise ConfigurationError(
            f"The config is {len(text)} bytes as a header, and the gateway accepts about {_MAX_CONFIG}. "
            "Make it smaller, store it at Portkey and pass its slug, or call without a gateway."
        )
    return text


def _check_size(headers: Mapping[str, str]) -> None:
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())
    if size > _MAX_HEADERS:
        raise ConfigurationError(
            f"The headers are {size} bytes, and the gateway accepts about {_MAX_HEADERS}: the config, "
            "portkey_metadata and your own headers together. Make them smaller, or store the config at "
            "Portkey and pass its slug."
        )


def _ascii_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=dict)


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else str(max(1, round(seconds * 1000)))


def _checked(name: str, value: str) -> str:
    if not validators.is_header_text(value):
        raise ConfigurationError(f"The header {name} must contain only printable ASCII characters.")
    return value
