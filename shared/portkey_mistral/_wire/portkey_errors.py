"""Recognises Portkey's own errors, and says what to do about each.

Portkey answers in five shapes, besides those of its guardrails and of the providers behind it:

| what refused | shape |
|---|---|
| a key or workspace: unknown, expired, over its budget or rate | `{"status": "failure", "message": ..., "error": {"message": ..., "code": "03"}}` |
| a name that resolves to nothing, or a request that names no provider | `{"status": "failure", "message": ...}` |
| the policy of one target; a fallback inside Portkey moves on from it | `{"error": {"message": ..., "type": ..., "param": null, "code": "04"}}` |
| the control plane: permissions | `{"success": false, "data": {"message": ..., "errorCode": "AB03"}}` |
| saved-only mode ("Block Inline Configs") | `{"status": "failure", "error": {"code": ..., "message": ..., "field": ...}}` |

Codes and texts are those of Portkey's documents and of the published source of its gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portkey_mistral._providers import is_config_slug, is_slug
from portkey_mistral._wire.error_bodies import ErrorDetails
from portkey_mistral.exceptions import (
    APIStatusError,
    AuthenticationError,
    GatewayError,
    GuardrailDeniedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from portkey_mistral.responses import Lane

__all__ = ["GatewayRequest", "Refusal", "gateway_hint", "gateway_refusal"]


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """The model, headers and lane of a request, for errors that do not repeat them."""

    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # contains keys
    lane: Lane | None = None

    def names(self) -> str:
        """Return the names that only Portkey resolves, for example "model '@mistral-prod/m'"."""
        config, provider = (
            self.headers.get(f"x-portkey-{name}", "") for name in ("config", "provider")
        )
        named = [
            ("config", config if is_config_slug(config) else None),
            ("provider", provider if is_slug(provider) else None),
            ("model", self.model if is_slug(self.model) else None),
            # A virtual key may be a secret, so its value is not shown.
            ("virtual_key", "..." if self.headers.get("x-portkey-virtual-key") else None),
        ]
        return ", ".join(f"{name}={value!r}" for name, value in named if value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of Portkey's own errors: the exception to raise, and advice for the caller."""

    cls: type[APIStatusError]
    hint: str | None = None


def gateway_refusal(
    status: int,
    content: object,
    details: ErrorDetails,
    headers: Mapping[str, str],
    request: GatewayRequest,
) -> Refusal | None:
    """Return Portkey's own error; None for the error of a provider, which Portkey passes on.

    `headers` are those of the response, under lower-case names.
    """
    if status == _GUARDRAIL_DENIED:
        return Refusal(GuardrailDeniedError, _GUARDRAIL_HINT)
    if (by_type := _BY_TYPE.get(details.type or "")) is not None:
        return by_type
    match content:
        case {"success": False, "data": {"errorCode": str(code)}}:
            return _CONTROL_PLANE.get(code) or Refusal(_class(status))
        case {"status": "failure", "error": {"code": str(code)}} if code.startswith("inline_"):
            return Refusal(GatewayError, _SAVED_ONLY.get(code, _SAVED_ONLY_HINT))
        case {"status": "failure", "error": {"code": str(code)}}:
            return _BY_CODE.get((status, code)) or Refusal(_class(status))
        case {"status": "failure"}:
            return Refusal(_class(status), _mapping_hint(details.message, request))
    if headers.get("x-portkey-gateway-exception") == "true":
        return Refusal(_class(status), _mapping_hint(details.message, request))
    return Refusal(PermissionDeniedError, _POLICY_HINT) if status == _POLICY_DENIED else None


def gateway_hint(
    status: int, content: object, headers: Mapping[str, str], lane: Lane | None
) -> str | None:
    """Return advice for an error that came through a gateway and is not Portkey's own."""
    # The gateway adds the option path to responses of a target, not to its own errors.
    from_target = "x-portkey-last-used-option-index" in headers
    if status == 404 and lane is not None and not from_target:
        return _LANE_MISSING.format(lane=lane)
    match content:
        case {"provider": str()}:
            from_target = True
        case _:
            pass
    if status == 401 and from_target:
        return _PROVIDER_KEY_HINT
    return _BY_STATUS.get(status)


# --- by status --------------------------------------------------------------------------------------

_GUARDRAIL_DENIED = 446
_POLICY_DENIED = 412

_GUARDRAIL_HINT = "A guardrail of Portkey denied it; `guardrails` has the verdicts and checks."
_POLICY_HINT = "A budget or policy at Portkey forbids the call; sending it again does not help."
_PROVIDER_KEY_HINT = (
    "The provider refused its own key, not the Portkey key: check MISTRAL_API_KEY or api_key=, the target's "
    "`api_key`, or the key that Portkey keeps for the slug or virtual key."
)
_LANE_MISSING = (
    "This gateway does not serve the {lane} lane: check `gateway_url` (it ends in /v1), choose another "
    "gateway_lane, or leave the gateway out (direct)."
)
_BY_STATUS: Mapping[int, str] = {
    401: "A key was not accepted: check the Portkey key and the Mistral key (or the targets' own).",
    404: "The gateway has no such route, or the model is unknown: check `gateway_url` (it ends in /v1).",
    431: "The headers are too large for the gateway (16 KB): make the config smaller.",
}

_CLASSES: Mapping[int, type[APIStatusError]] = {
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    _POLICY_DENIED: PermissionDeniedError,
    429: RateLimitError,
}


def _class(status: int) -> type[APIStatusError]:
    return _CLASSES.get(status, GatewayError)


# --- keys and workspaces ----------------------------------------------------------------------------

_WINDOW = "Portkey sends no Retry-After header: wait for the next window, or raise the limit in Portkey's app."
_BUDGET = (
    "Raise it in Portkey's app, or wait until it is reset; sending the request again does not help."
)

_SCOPES = "calls need completions.write, the list of models models.list"

_BY_CODE: Mapping[tuple[int, str], Refusal] = {
    (401, "03"): Refusal(
        AuthenticationError,
        "This is the Portkey key, not Mistral's: check PORTKEY_API_KEY or portkey_api_key=. A gateway of "
        "your own also answers so while it cannot reach its control plane.",
    ),
    (401, "033"): Refusal(
        AuthenticationError,
        "This is the Portkey key, not Mistral's: it belongs to no organisation that this gateway knows. "
        "Check portkey_api_key= and gateway_url=.",
    ),
    (401, "01"): Refusal(
        AuthenticationError,
        "Renew it in Portkey's app, or use another Portkey key. The Mistral key is not affected.",
    ),
    (403, "033"): Refusal(
        PermissionDeniedError,
        f"The Portkey key lacks the scope for this route: {_SCOPES}.",
    ),
    (412, "04"): Refusal(
        PermissionDeniedError, f"The budget of the Portkey key or workspace is used up. {_BUDGET}"
    ),
    (429, "05"): Refusal(
        RateLimitError,
        f"This is a limit of the Portkey key or workspace, not Mistral's. {_WINDOW}",
    ),
}


# --- the policy of a target -------------------------------------------------------------------------

_EXHAUSTED = (
    "The budget that Portkey keeps for this provider is used up. A fallback inside Portkey moves on from it. "
    + _BUDGET
)
_EXPIRED = Refusal(
    AuthenticationError,
    "What has expired is kept by Portkey, not Mistral's key: renew it in Portkey's app, or name another "
    "provider.",
)
_LIMITED = Refusal(
    RateLimitError,
    f"This is a limit that Portkey keeps, not Mistral's. A fallback inside Portkey moves on. {_WINDOW}",
)

_BY_TYPE: Mapping[str, Refusal] = {
    "virtual_key_expired_error": _EXPIRED,
    "workspace_expired_error": _EXPIRED,
    "integration_exhaust_error": Refusal(PermissionDeniedError, _EXHAUSTED),
    "virtual_key_exhaust_error": Refusal(PermissionDeniedError, _EXHAUSTED),
    "workspace_exhaust_error": Refusal(PermissionDeniedError, _EXHAUSTED),
    "usage_limits_policy_exhaust_error": Refusal(PermissionDeniedError, _EXHAUSTED),
    "model_not_allowed_error": Refusal(
        PermissionDeniedError,
        "Allow the model for this provider in Portkey's model catalog, or use one that is allowed: "
        "`portkey-mistral doctor` lists them.",
    ),
    "api_key_rate_limit_error": _LIMITED,
    "workspace_rate_limit_error": _LIMITED,
    "virtual_key_rate_limit_error": _LIMITED,
    "integration_rate_limit_error": _LIMITED,
    "rate_limits_policy_exhaust_error": _LIMITED,
    "timeout_error": Refusal(
        GatewayError,
        "Raise `request_timeout` (milliseconds, in the config), or add a fallback target.",
    ),
}


# --- the control plane ------------------------------------------------------------------------------

_CONTROL_PLANE: Mapping[str, Refusal] = {
    "AB01": Refusal(GatewayError, "Portkey could not read the request."),
    "AB02": Refusal(NotFoundError, "Portkey has no such resource in the workspace of this Portkey key."),
    "AB03": Refusal(
        PermissionDeniedError,
        f"The Portkey key lacks a scope ({_SCOPES}), or the resource belongs to another workspace.",
    ),
    "AB04": Refusal(GatewayError, "Portkey itself failed; the same request may succeed later."),
    "AB05": Refusal(
        AuthenticationError,
        "This is the Portkey key, not Mistral's: check PORTKEY_API_KEY or portkey_api_key=.",
    ),
    "AB06": Refusal(RateLimitError, f"This is a limit of Portkey's, not Mistral's. {_WINDOW}"),
    "AB07": Refusal(GatewayError, "It contradicts what Portkey has stored."),
    "AB08": Refusal(NotFoundError, "Portkey has no such resource in the workspace of this Portkey key."),
    "AB09": Refusal(
        PermissionDeniedError,
        "The subscription of the organisation at Portkey is exhausted; sending the request again does not help.",
    ),
}  # fmt: skip


# --- saved-only mode --------------------------------------------------------------------------------

_SAVED_ONLY_HINT = (
    "This organisation takes only what is saved at Portkey: model='@slug/...', provider='@slug', virtual_key= "
    "or portkey_config='pc-...'."
)
_SAVED_ONLY: Mapping[str, str] = {
    "inline_config_blocked": "This organisation takes only saved configs: save the config in Portkey's app and "
    "pass its slug, portkey_config='pc-...'.",
    "inline_provider_blocked": "This organisation takes only saved providers: instead of a raw provider with a "
    "Mistral key, name one of the model catalog: model='@slug/...', provider='@slug' or virtual_key=. (A "
    "MISTRAL_API_KEY in the environment is such a key.)",
    "inline_custom_host_blocked": "This organisation takes no custom host from a request: store the host with the "
    "provider in Portkey's model catalog, and leave out base_url=.",
    "inline_provider_url_blocked": "This organisation takes no provider URL from a request: store it with the "
    "provider in Portkey's model catalog, and leave out the header.",
    "inline_forward_headers_blocked": "This organisation takes no forward_headers= from a request: store the "
    "headers with the provider in Portkey's model catalog.",
}


# --- names that resolve to nothing ------------------------------------------------------------------

_UNRESOLVED = "Portkey looks names up in the workspace of the Portkey key, those of every target before anything is sent"
_NAME_A_PROVIDER = (
    "name one: model='@slug/...', provider='@slug', virtual_key= or portkey_config='pc-...' (or give the "
    "Portkey key a default config)"
)
_NOT_PROMPTS = (
    "Targets with a prompt_id work on Portkey's prompt route only, which this package does not call: leave them "
    "out of the config."
)
# npm's gateway 1.15.2 does not pin its dependencies, and breaks with the current ones.
_BROKEN_GATEWAY = (
    "The gateway itself failed. If every stream and every proxied response fails like this, it is the "
    'npm build with unpinned dependencies: install it with "overrides": {"@hono/node-server": "1.13.5", '
    '"hono": "4.9.7"}, or use the Docker image. Otherwise the target sent a body that is empty or not JSON.'
)

# By the beginning of the message.
_MAPPING: Mapping[str, str] = {
    "Following keys are not valid": "No provider of the model catalog and no virtual key has this name. "
    f"{_UNRESOLVED}.",
    "Invalid config id passed": f"No saved config has this slug. {_UNRESOLVED}.",
    "Following guardrails are not valid": f"No guardrail has this slug. {_UNRESOLVED}.",
    "Following default guardrails are not valid": "The organisation or workspace names a guardrail that does "
    "not exist: mend it in Portkey's app.",
    "Following prompt_id are not valid": _NOT_PROMPTS,
    "You cannot pass config with prompt id": _NOT_PROMPTS,
    "Cannot override default config": "The default config of this Portkey key may not be replaced: leave out "
    "portkey_config=, or use another Portkey key.",
    "Either x-portkey-config or x-portkey-provider header is required": "Nothing names a provider, and the "
    f"Portkey key has no default config: {_NAME_A_PROVIDER}.",
    "Either x-portkey-provider needs to be passed": "The config names no provider, and neither does anything else: "
    "pass model='@slug/...', provider='@slug' or virtual_key= as well.",
    "Invalid config passed. You need to pass a valid json": "The open-source gateway knows no saved configs: "
    "pass the config itself as portkey_config=, or use hosted Portkey.",
    "Invalid provider passed": "This gateway does not know the provider. The open-source gateway knows no slugs "
    "('@...'): pass api_key= or a config with keys, or use hosted Portkey.",
    "Invalid custom host": "The gateway does not call this host: it has to be a public one, or one that the "
    "gateway's TRUSTED_CUSTOM_HOSTS names.",
    "Something went wrong": _BROKEN_GATEWAY,
}
# Some gateways print `null` instead of a name from a header or from the model.
_UNKNOWN_NAMES = ("Following keys are not valid", "Invalid config id passed")


def _mapping_hint(message: str, request: GatewayRequest) -> str | None:
    if message == "Invalid provider passed" and request.lane == "passthrough":
        # The open-source gateway has no provider named "passthrough".
        return _LANE_MISSING.format(lane=request.lane)
    hint = next((hint for start, hint in _MAPPING.items() if message.startswith(start)), None)
    names = request.names() if message.startswith(_UNKNOWN_NAMES) else ""
    return f"{hint} The request named {names}." if names else hint
