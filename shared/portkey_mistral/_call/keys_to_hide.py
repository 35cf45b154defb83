"""Collects the keys of one call, so that no error message can repeat one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portkey_mistral._redaction import possible_keys, secret_value

if TYPE_CHECKING:
    from portkey_mistral.requests import CallOptions
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["secrets_of_call"]


def secrets_of_call(
    settings: ConnectionSettings, options: CallOptions, config_keys: Sequence[str]
) -> frozenset[str]:
    """Return every key of a call; `config_keys` are those of the config's targets."""
    keys = map(secret_value, (settings.api_key, settings.portkey_api_key, settings.virtual_key))
    secrets = frozenset(filter(None, keys)).union(config_keys)
    if settings.default_headers or options.headers:
        return secrets.union(
            possible_keys(settings.default_headers), possible_keys(options.headers)
        )
    return secrets
