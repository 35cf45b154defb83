"""Authenticates and authorises requests: Portkey keys, their limits and scopes, and saved-only mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portkey_mistral.sandbox.portkey.definition import Account, Key
from portkey_mistral.sandbox.portkey.errors import (
    PortkeyError,
    control_plane_error,
    gateway_error,
    inline_error,
    unknown_key,
)
from portkey_mistral.sandbox.portkey.limits import Meter

__all__ = ["Caller", "authenticate", "check_scope", "inline_refusal", "required_scopes"]

API_KEY = "x-portkey-api-key"
BUDGET_FREE = ("/v1/batches", "/v1/files", "/v1/fine_tuning", "/v1/logs/")


@dataclass(frozen=True, slots=True)
class Caller:
    """The Portkey key of an accepted request, and the request's other headers.

    `authorization` is only included if it is not the Portkey key, but the provider's.
    """

    name: str = field(repr=False)
    key: Key
    headers: Mapping[str, str] = field(repr=False)


def authenticate(
    account: Account, meter: Meter, method: str, path: str, headers: Mapping[str, str]
) -> Caller:
    """Accept a Portkey key: `x-portkey-api-key`, else `Authorization`. `headers` have lower-case names.

    Raises:
        PortkeyError: the key is unknown, or the key or its workspace is expired, over budget or over its rate limit.
    """
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    name = headers.get(API_KEY) or bearer
    key = account.keys.get(name)
    if key is None:
        raise unknown_key()
    checked = [(f"key:{name}", key, "API Key"), ("workspace", account.workspace, "Workspace")]
    if not (method == "GET" and path.startswith(BUDGET_FREE)):
        for counter, limited, owner in checked:
            if refusal := meter.caller_refusal(counter, limited, owner):
                raise refusal
    for counter, limited, _ in checked:
        meter.add_request(counter, limited)
    taken = {API_KEY, "authorization"} if bearer == name else {API_KEY}
    return Caller(name, key, {name: v for name, v in headers.items() if name not in taken})


def required_scopes(path: str) -> frozenset[str]:
    """Return the scopes for a path, any one of which is sufficient."""
    match path.split("/"):
        case ["", "v1", "prompts", _, "render"]:
            return frozenset({"prompts.render"})
        case ["", "v1", "feedback", *_]:
            return frozenset({"logs.write"})
        case ["", "v1", "models", *_]:
            return frozenset({"models.list", "completions.write"})
        case _:
            return frozenset({"completions.write"})


def check_scope(account: Account, caller: Caller, path: str) -> None:
    """Raise for a key without a scope for the path."""
    if required_scopes(path).isdisjoint(caller.key.scopes):
        if account.organisation.permission_error == "033":
            raise gateway_error(403, "Forbidden!", "033")
        raise control_plane_error(403, "You do not have enough permissions", "AB03")


def inline_refusal(headers: Mapping[str, str]) -> PortkeyError | None:
    """Return the error of saved-only mode for the first inline setting of a request; None if there is none."""
    config = headers.get("x-portkey-config")
    provider = headers.get("x-portkey-provider")
    if config is not None and not config.startswith("pc-"):
        return _inline("config", "x-portkey-config", "a saved config (pc-...)")
    if provider is not None and not provider.startswith("@"):
        return _inline("provider", "x-portkey-provider", "a saved provider (@slug)")
    if "x-portkey-custom-host" in headers:
        return _inline("custom_host", "x-portkey-custom-host", "the host of a saved provider")
    if "x-portkey-forward-headers" in headers:
        stored = "the headers of a saved provider"
        return _inline("forward_headers", "x-portkey-forward-headers", stored)
    return None


def _inline(what: str, header: str, alternative: str) -> PortkeyError:
    text = f"{header} is blocked for this organisation. Use {alternative}."
    return inline_error(f"inline_{what}_blocked", header, text)
