"""Reads the `x-portkey-*` headers of one call as the equivalent arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from portkey_mistral._providers import is_hosted_gateway
from portkey_mistral._redaction import secret_value
from portkey_mistral.config import validators
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import CALL_OPTIONS, CallOptions
from portkey_mistral.settings.headers_as_arguments import (
    PortkeyHeaders,
    add_header_arguments,
    read_portkey_headers,
    take_bearer_key,
)
from portkey_mistral.settings.mode import endpoint

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["apply_headers"]

_PREFIX = "x-portkey-"
_KEYS = frozenset({"api_key", "portkey_api_key", "virtual_key"})
_STORED_KEYS = ("virtual_key", "provider", "portkey_config")


def apply_headers(
    settings: ConnectionSettings, options: CallOptions
) -> tuple[ConnectionSettings, CallOptions]:
    """Return settings and options that include the call's headers for Portkey.

    The constructor reads those in `default_headers`; here they appear only if the field was assigned later.

    Raises:
        ConfigurationError: a header contradicts an option of the call, or is for a gateway that the object does not use.
    """
    given = {**(settings.default_headers or {}), **(options.headers or {})}
    headers = {name.lower(): value for name, value in given.items()}
    if not any(name.startswith(_PREFIX) for name in headers):
        return settings, options
    read = read_portkey_headers(headers, "headers")
    if settings.mode != "gateway":
        _refuse_for_gateway(read)
    else:
        read = take_bearer_key(
            read,
            read.arguments.get("portkey_api_key") or secret_value(settings.portkey_api_key),
            hosted=is_hosted_gateway(settings.gateway_url or ""),
            fields={name: getattr(settings, name) for name in _STORED_KEYS},
        )
    own = {name: getattr(options, name) for name in CALL_OPTIONS}
    merged = add_header_arguments(own, _only(read, CALL_OPTIONS), "headers")
    connection = {name: value for name, value in read.arguments.items() if name not in CALL_OPTIONS}
    return (
        settings.model_copy(update={**_fields(connection), "default_headers": None}),
        replace(options, **{**merged, "headers": dict(read.others)}),
    )


def _refuse_for_gateway(read: PortkeyHeaders) -> None:
    """Raise for headers that have no meaning without a gateway."""
    names = [header for name, header in read.sources.items() if name not in CALL_OPTIONS]
    names += [name for name in read.others if name.startswith(_PREFIX)]
    if names:
        raise ConfigurationError(
            f"{', '.join(names)} in headers: only a Portkey gateway reads it, and this object calls the model "
            "directly. Pass portkey_api_key= or gateway_url= to the constructor, or leave the header out."
        )


def _only(read: PortkeyHeaders, names: frozenset[str]) -> PortkeyHeaders:
    kept = {name: value for name, value in read.arguments.items() if name in names}
    return replace(read, arguments=kept)


def _fields(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Convert arguments to field values. A provider replaces both the object's provider and its virtual key."""
    fields = dict(arguments)
    for name in _KEYS & fields.keys():
        fields[name] = validators.secret(fields[name], name)
    if "base_url" in fields:
        fields["base_url"] = endpoint(fields["base_url"], "x-portkey-custom-host")
    if "provider" in fields:
        fields["provider"] = validators.provider(fields["provider"], "x-portkey-provider")
    if "provider" in fields or "virtual_key" in fields:
        fields = {"provider": None, "virtual_key": None, **fields}
    return fields
