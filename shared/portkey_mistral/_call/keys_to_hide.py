"""Collects the keys of one call, so that no error message can repeat one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from portkey_mistral._redaction import possible_keys, secret_value

if TYPE_CHECKING:
    from portkey_mistral.requests import CallOptions
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["secrets_of_call"]


def secrets_of_call(
    settings: ConnectionSettings, options: CallOptions, config_keys: Sequence[str]
) -> Iterator[str]:
    """Yield every key of a call; `config_keys` are those of the config's targets."""
    keys = map(secret_value, (settings.api_key, settings.portkey_api_key, settings.virtual_key))
    yield from filter(None, keys)
    yield from config_keys
    yield from possible_keys(settings.default_headers)
    yield from possible_keys(options.headers)
