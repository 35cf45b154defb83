"""Portkey's own errors, in the shapes of hosted and enterprise gateways.

| shape | who answers | marks |
|---|---|---|
| `gateway_error` | authentication, budgets and rate limits of a key or workspace | `status: failure` and `error.code` |
| `mapping_error` | a name that resolves to nothing | `status: failure`, no `error` |
| `target_error` | the policy of one target; a fallback goes on | `error.type`, no `status` |
| `control_plane_error` | permissions | `success: false`, `data.errorCode` |
| `inline_error` | saved-only mode | `status: failure`, `error.code` and `error.field` |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "PortkeyError",
    "bad_feedback",
    "config_override_forbidden",
    "control_plane_error",
    "gateway_error",
    "inline_error",
    "invalid_names",
    "key_expired",
    "mapping_error",
    "masked",
    "model_not_allowed",
    "over_budget",
    "over_rate",
    "target_error",
    "undocumented",
    "unknown_key",
    "unsupported",
]


class PortkeyError(Exception):
    """Raised if Portkey refuses a request, or a call of one target, with the status and body of the response."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


# --- the shapes -------------------------------------------------------------------------------------


def gateway_error(status: int, text: str, code: str) -> PortkeyError:
    message = f"Portkey Error: {text}. Error Code: {code}"
    error = {"message": message, "code": code}
    return PortkeyError(status, {"status": "failure", "message": message, "error": error})


def mapping_error(text: str, status: int = 400) -> PortkeyError:
    return PortkeyError(status, {"status": "failure", "message": text})


def target_error(status: int, kind: str, text: str, code: str | None = None) -> PortkeyError:
    error = {"message": text, "type": kind, "param": None, "code": code}
    return PortkeyError(status, {"error": error})


def control_plane_error(status: int, text: str, code: str) -> PortkeyError:
    return PortkeyError(status, {"success": False, "data": {"message": text, "errorCode": code}})


def inline_error(code: str, header: str, text: str) -> PortkeyError:
    error = {"code": code, "message": text, "field": header}
    return PortkeyError(400, {"status": "failure", "error": error, "message": text})


def undocumented(what: str) -> PortkeyError:
    """The error for behaviour that Portkey does not document."""
    text = (
        f"portkey-mistral sandbox: Portkey does not document {what}, so the stand-in does not guess"
    )
    return mapping_error(text, 501)


def unsupported(what: str) -> PortkeyError:
    return mapping_error(f"portkey-mistral sandbox: the stand-in does not support {what}", 501)


# --- the cases --------------------------------------------------------------------------------------


def unknown_key() -> PortkeyError:
    return gateway_error(401, "Invalid API Key", "03")


def key_expired(owner: str) -> PortkeyError:
    return gateway_error(401, f"Portkey {owner} Expired", "01")


def over_budget(owner: str) -> PortkeyError:
    return gateway_error(412, f"Portkey {owner} Usage Limit Exceeded", "04")


def over_rate(owner: str) -> PortkeyError:
    # No Retry-After: Portkey's own 429 has none.
    return gateway_error(429, f"{owner} rate limit exceeded", "05")


def config_override_forbidden() -> PortkeyError:
    return mapping_error("Cannot override default config set for this API key.")


def invalid_names(what: str, names: Iterable[str]) -> PortkeyError:
    return mapping_error(f"Following {what} are not valid: {', '.join(names)}")


def model_not_allowed(model: str) -> PortkeyError:
    text = f"Model {model} is not allowed for this integration"
    return target_error(412, "model_not_allowed_error", text)


def bad_feedback() -> PortkeyError:
    return gateway_error(400, "Invalid Request Body", "03")


def masked(name: str) -> str:
    """Return a name as Portkey shows it: its first two and last three characters."""
    return f"{name[:2]}********{name[-3:]}"
