"""Refusals in the shapes of Mistral's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

__all__ = [
    "RefusalError",
    "blocked_by_guardrail",
    "invalid_args",
    "invalid_assistant_message",
    "invalid_body",
    "invalid_function_call",
    "invalid_message_order",
    "invalid_model",
    "invalid_prompt",
    "method_not_allowed",
    "not_found",
    "unauthorized",
]


class RefusalError(Exception):
    """A request that Mistral would refuse, with the status and body it would refuse it with."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def unauthorized() -> RefusalError:
    return RefusalError(401, {"detail": "Unauthorized"})


def not_found() -> RefusalError:
    return RefusalError(404, {"detail": "Not Found"})


def envelope(
    status: int, message: object, kind: str, code: str | None, **extra: object
) -> Mapping[str, Any]:
    return {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
        **extra,
    }


def invalid_model(name: str) -> RefusalError:
    return _bad_request(f"Invalid model: {name}", "invalid_model", "1500")


def invalid_args(message: str) -> RefusalError:
    return _bad_request(message, "invalid_request_invalid_args", "3051")


def invalid_prompt(message: str) -> RefusalError:
    return _bad_request(message, "invalid_request_prompt", "3210")


def invalid_message_order(message: str) -> RefusalError:
    return _bad_request(message, "invalid_request_message_order", "3230")


def invalid_assistant_message(message: str) -> RefusalError:
    return _bad_request(message, "invalid_request_assistant_message", "3240")


def invalid_function_call(message: str) -> RefusalError:
    return _bad_request(message, "invalid_function_call", "3280")


def blocked_by_guardrail(verdicts: Sequence[Mapping[str, Any]]) -> RefusalError:
    message = "Request blocked by guardrail policy"
    body = envelope(403, message, "guardrail_violation", "1920", guardrails=verdicts)
    return RefusalError(403, body)


def method_not_allowed(allowed: str) -> RefusalError:
    return RefusalError(405, {"detail": "Method Not Allowed"}, {"allow": allowed})


def invalid_body(error: ValidationError, *, inside: Sequence[str]) -> RefusalError:
    """Word a failed validation as a 422. `inside` is where the body stands in the locations."""
    detail = [{**item, "loc": [*inside, *item["loc"]]} for item in error.errors(include_url=False)]
    return RefusalError(422, envelope(422, {"detail": detail}, "invalid_request_error", None))


def _bad_request(message: str, kind: str, code: str) -> RefusalError:
    return RefusalError(400, envelope(400, message, kind, code))
