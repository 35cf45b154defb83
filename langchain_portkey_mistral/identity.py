"""Says what an object's answers depend on, for LangChain's cache and traces. No secret is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from langchain_portkey_mistral.metadata import known
from portkey_mistral.config import Config
from portkey_mistral.settings import ConnectionSettings

__all__ = ["identity", "traceable"]


def identity(settings: ConnectionSettings) -> dict[str, Any]:
    """Give the connection settings that lead to other answers: the route, not the speed."""
    config = settings.portkey_config
    return known(
        base_url=settings.base_url,
        gateway_url=settings.gateway_url,
        provider=settings.provider,
        virtual_key=_digest(_secret(settings.virtual_key)),
        portkey_config=config.fingerprint if config else None,
        portkey_metadata=settings.portkey_metadata,
        gateway_lane=settings.gateway_lane if settings.way == "gateway" else None,
        default_headers=_digest(settings.default_headers),
    )


def traceable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Put stand-ins for what may hold keys among a call's own arguments."""
    shown = dict(arguments)
    if shown.get("portkey_config") is not None:
        shown["portkey_config"] = Config.parse(shown["portkey_config"]).fingerprint
    if shown.get("headers") is not None:
        shown["headers"] = _digest(shown["headers"])
    return shown


def _secret(key: SecretStr | None) -> str | None:
    return None if key is None else key.get_secret_value()


def _digest(value: str | Mapping[str, str] | None) -> str | None:
    """Tell values apart without showing them."""
    if not value:
        return None
    text = value if isinstance(value, str) else repr(sorted(value.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
