"""Says what an object's answers depend on, for LangChain's cache and traces. No secret is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from langchain_portkey_mistral.metadata import known
from portkey_mistral.config import Config
from portkey_mistral.settings import ONLY_AT_CONSTRUCTION, ConnectionSettings

__all__ = ["identity", "of_the_answer", "traceable"]


def identity(settings: ConnectionSettings) -> dict[str, Any]:
    """Give the connection settings that lead to other answers: the route, not the speed."""
    config = settings.portkey_config
    return known(
        base_url=settings.base_url,
        gateway_url=settings.gateway_url,
        provider=settings.provider,
        # A slug, or no config at all, means another route in each Portkey account.
        portkey_account=_digest(settings.portkey_api_key),
        virtual_key=_digest(settings.virtual_key),
        portkey_config=config.fingerprint if config else None,
        portkey_metadata=settings.portkey_metadata,
        gateway_lane=settings.gateway_lane if settings.gateway_url else None,
        default_headers=_digest(settings.default_headers),
    )


def traceable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Put stand-ins for what may hold keys among a call's own arguments.

    No call takes a setting of the object, and its error comes after the trace has begun.
    """
    if not arguments:
        return {}
    shown = _without_settings(arguments)
    if isinstance(shown.get("model_kwargs"), Mapping):
        shown["model_kwargs"] = _without_settings(shown["model_kwargs"])
    if shown.get("portkey_config") is not None:
        shown["portkey_config"] = Config.parse(shown["portkey_config"]).fingerprint
    if shown.get("headers") is not None:
        shown["headers"] = _digest(shown["headers"])
    return shown


def _without_settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: "***" if name in ONLY_AT_CONSTRUCTION else value for name, value in arguments.items()
    }


def of_the_answer(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is said for a call and changes nothing in its answer."""
    return {name: value for name, value in arguments.items() if name not in _PASSING}


# A trace id is new for each call, and a cache that sees it would never answer.
_PASSING = frozenset({"trace_id", "timeout"})


def _digest(value: object) -> str | None:
    """Tell values apart without showing them; what is wrong with one is for the call to say."""
    if not value:
        return None
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    text = repr(sorted(value.items())) if isinstance(value, Mapping) else str(value)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
