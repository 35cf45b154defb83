"""The HTTP request to a model service itself, with no gateway between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._wire.encode import Dialect, encode
from portkey_mistral._wire.http import HTTPRequest
from portkey_mistral._wire.json import dumps
from portkey_mistral.config import Target
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import Operation

__all__ = ["dialect_of", "direct_request", "path_of"]

_OPENAI_HOST = "https://api.openai.com/v1"

_NO_BODY: Mapping[str, str] = {}
_JSON_BODY: Mapping[str, str] = {"content-type": "application/json"}

_PATHS: Mapping[Operation, str] = {
    "chat": "/chat/completions",
    "fim": "/fim/completions",
    "embed": "/embeddings",
    "moderate": "/moderations",
    "models": "/models",
}


def direct_request(
    body: Mapping[str, Any],
    target: Target,
    operation: Operation,
    *,
    stream: bool,
    default_host: str,
    default_key: str | None,
    headers: Mapping[str, str],
) -> HTTPRequest:
    """Write a request for one target, from the canonical body before the target's overrides.

    A `mistral-ai` target without a `custom_host` goes to `default_host`, and one without a key uses
    `default_key`, which no other provider gets. `headers` are the user's own, in lower case; the target's key
    beats an Authorization among them.

    Raises:
        ConfigurationError: the target's provider cannot be reached directly.
    """
    encoded = encode(body, target.override_params, dialect_of(target.provider), operation)
    is_list = operation == "models"
    return HTTPRequest(
        url=_host(target, default_host) + _path(target, operation, encoded.body),
        body=None if is_list else dumps(encoded.body),
        headers={
            "accept": "text/event-stream" if stream else "application/json",
            **(_NO_BODY if is_list else _JSON_BODY),
            **headers,
            **_authorization(target, default_key),
        },
        method="GET" if is_list else "POST",
        lost=encoded.lost,
    )


def dialect_of(provider: str) -> Dialect:
    return "mistral" if provider == "mistral-ai" else "openai"


def path_of(operation: Operation, body: Mapping[str, Any]) -> str:
    """Return the path of an operation below the host; conversations are judged at a place of their own."""
    if operation == "moderate" and any(isinstance(item, Mapping) for item in body.get("input", ())):
        return "/chat/moderations"
    return _PATHS[operation]


def _path(target: Target, operation: Operation, body: Mapping[str, Any]) -> str:
    # Portkey sends everything for such a target to one endpoint.
    return path_of("fim" if target.mistral_fim_completion else operation, body)


def _host(target: Target, default_host: str) -> str:
    if target.custom_host:
        return target.custom_host.rstrip("/")
    if target.provider == "mistral-ai":
        return default_host.rstrip("/")
    if target.provider == "openai":
        return _OPENAI_HOST
    raise ConfigurationError(
        f"{target.path}: provider {target.provider!r} needs a `custom_host` (an "
        "OpenAI-compatible server), or a Portkey gateway (`gateway_url`)."
    )


def _authorization(target: Target, default_key: str | None) -> dict[str, str]:
    key = target.api_key.get_secret_value() if target.api_key else None
    if key is None and target.provider == "mistral-ai":
        key = default_key
    return {"authorization": f"Bearer {key}"} if key else {}
