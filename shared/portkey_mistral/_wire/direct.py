"""Builds the HTTP request to a target, without a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._api import Operation, path_of
from portkey_mistral._providers import MISTRAL, host_of_target
from portkey_mistral._wire.dialects import dialect_of, encode
from portkey_mistral._wire.http_request import HTTPRequest, encode_body
from portkey_mistral.config.values import Target
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["direct_request", "direct_resource"]

_NO_BODY: Mapping[str, str] = {}
_JSON_BODY: Mapping[str, str] = {"content-type": "application/json"}


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
    """Build a request from the canonical body, with the target's overrides merged in.

    A `mistral-ai` target without a `custom_host` goes to `default_host`, and one without a key uses `default_key`,
    which is never sent to another provider. `headers` are the user's own, in lower case; the target's key replaces an
    Authorization among them.

    Raises:
        ConfigurationError: the target's provider cannot be reached directly.
    """
    dialect = dialect_of(target.provider, target.custom_host)
    encoded = encode(body, target.override_params, dialect, operation)
    is_list = operation == "models"
    # Portkey sends all requests for a target of fill-in-the-middle to that endpoint.
    path = path_of("fim" if target.mistral_fim_completion else operation, encoded.body)
    return HTTPRequest(
        url=_host(target, default_host) + path,
        body=None if is_list else encode_body(encoded.body),
        headers={
            "accept": "text/event-stream" if stream else "application/json",
            **(_NO_BODY if is_list else _JSON_BODY),
            **headers,
            **_authorization(target, default_key),
        },
        method="GET" if is_list else "POST",
        lost=encoded.lost,
    )


def direct_resource(
    target: Target,
    path: str,
    *,
    method: str,
    body: bytes | None,
    content_type: str | None,
    default_host: str,
    default_key: str | None,
    headers: Mapping[str, str],
) -> HTTPRequest:
    """Build a request for a file or a batch job in Mistral's API.

    `path` is that below the version; the other arguments are as for `direct_request`.

    Raises:
        ConfigurationError: the target is not Mistral's.
    """
    if target.provider != MISTRAL:
        raise ConfigurationError(
            f"{target.path}: files and batch jobs are Mistral's, and this target's provider is {target.provider!r}."
        )
    return HTTPRequest(
        url=_host(target, default_host) + path,
        body=body,
        headers={
            "accept": "application/json",
            **({"content-type": content_type} if content_type else {}),
            **headers,
            **_authorization(target, default_key),
        },
        method=method,
    )


def _host(target: Target, default_host: str) -> str:
    host = host_of_target(target.provider, target.custom_host, default_host)
    if host is None:
        raise ConfigurationError(
            f"{target.path}: provider {target.provider!r} needs a `custom_host` (an "
            "OpenAI-compatible server), or a Portkey gateway (`gateway_url`)."
        )
    return host


def _authorization(target: Target, default_key: str | None) -> dict[str, str]:
    key = target.api_key.get_secret_value() if target.api_key else None
    if key is None and target.provider == MISTRAL:
        key = default_key
    return {"authorization": f"Bearer {key}"} if key else {}
