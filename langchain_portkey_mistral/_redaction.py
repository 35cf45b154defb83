"""Keeps keys out of what LangChain records: traces, cache keys, and the repr of bindings.

A setting that can hold a key is replaced by a hash where values have to be distinguished, and by a placeholder
elsewhere. The fields of the models themselves are kept out of repr and dumps by the core.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.config import Config
from portkey_mistral.settings.connection import ONLY_AT_CONSTRUCTION, ConnectionSettings

__all__ = [
    "cache_key_arguments",
    "identifying_settings",
    "redact_arguments",
    "with_redacted_reprs",
]

_PLACEHOLDER = "***"
_HEADERS = frozenset({"headers", "extra_headers"})
_SETTINGS_WITH_HEADERS = _HEADERS | {"default_headers"}

# They do not affect the answer. A trace id differs in every call, so a cache key that contains one never matches.
_NOT_IN_CACHE_KEYS = frozenset({"trace_id", "timeout"})


def identifying_settings(settings: ConnectionSettings) -> dict[str, Any]:
    """Return the connection settings that can change the answer, for cache keys and traces."""
    config = settings.parsed_config
    return drop_none(
        base_url=settings.base_url,
        gateway_url=settings.gateway_url,
        provider=settings.provider,
        # The meaning of a slug, and the default config, depend on the Portkey account.
        portkey_account=_hashed(settings.portkey_api_key),
        virtual_key=_hashed(settings.virtual_key),
        portkey_config=config.fingerprint if config else None,
        portkey_metadata=settings.portkey_metadata,
        cache_namespace=settings.cache_namespace,
        gateway_lane=settings.gateway_lane if settings.gateway_url else None,
        default_headers=_hashed(settings.default_headers),
    )


def redact_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call as a trace may show them.

    Constructor settings are not valid in a call and will be refused, but only after the trace has started.
    """
    return {name: _redacted(name, value) for name, value in arguments.items()}


def _redacted(name: str, value: Any) -> Any:
    if name in ONLY_AT_CONSTRUCTION:
        return _PLACEHOLDER
    if name in _HEADERS:
        return _hashed(value)
    if name == "portkey_config" and value is not None:
        return _parsed(value).fingerprint
    if name == "model_kwargs" and isinstance(value, Mapping):
        return {
            member: _PLACEHOLDER if member in ONLY_AT_CONSTRUCTION else content
            for member, content in value.items()
        }
    return value


def cache_key_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call without those that do not change the answer."""
    return {name: value for name, value in arguments.items() if name not in _NOT_IN_CACHE_KEYS}


def _parsed(config: Any) -> Config:
    with langchain_errors():
        return Config.parse(config)


def _hashed(value: object) -> str | None:
    if not value:
        return None
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    text = repr(sorted(value.items())) if isinstance(value, Mapping) else str(value)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- bindings


class _Headers(Mapping[str, str]):
    """Headers whose repr shows their names only."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"


def with_redacted_reprs(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments to bind whose reprs show no keys; a `portkey_config` is parsed, and thereby validated."""
    redacted = dict(arguments)
    if redacted.get("portkey_config") is not None:
        redacted["portkey_config"] = _parsed(redacted["portkey_config"])
    for name in redacted.keys() & _SETTINGS_WITH_HEADERS:
        if isinstance(redacted[name], Mapping):
            redacted[name] = _Headers(redacted[name])
    return redacted
