"""Error responses in the shapes of Mistral's API."""

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
    "invalid_document",
    "invalid_field",
    "invalid_function_call",
    "invalid_message_order",
    "invalid_model",
    "invalid_prompt",
    "invalid_request_file",
    "method_not_allowed",
    "not_found",
    "too_many_pages",
    "too_many_sandboxes",
    "unauthorized",
    "unknown_file",
]


class RefusalError(Exception):
    """Raised for a request that Mistral would reject, with the status and body that it would send."""

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


def invalid_request_file(message: str) -> RefusalError:
    return _bad_request(message, "invalid_request_file", "3310")


def too_many_pages(pages: int, most: int) -> RefusalError:
    message = f"Document has {pages} pages, the maximum is {most}."
    return _bad_request(message, "document_parser_too_many_pages", "3730")


def invalid_document(message: str) -> RefusalError:
    return _bad_request(message, "document_parser_invalid_file", "3740")


def unknown_file() -> RefusalError:
    return RefusalError(422, envelope(422, "Could not get file.", "invalid_file", "1901"))


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


def too_many_sandboxes(most: int) -> RefusalError:
    cure = "portkey_mistral.sandbox.reset() and the pytest fixture mistral_sandbox make room for others"
    return _bad_request(
        f"Too many sandboxes: there are {most} since the last reset; {cure}", "sandbox_limit", ""
    )


def method_not_allowed(allowed: str) -> RefusalError:
    return RefusalError(405, {"detail": "Method Not Allowed"}, {"allow": allowed})


def invalid_body(error: ValidationError, *, inside: Sequence[str]) -> RefusalError:
    """Turn a validation error into a 422. `inside` is the prefix of the error locations."""
    detail = [
        {**item, "loc": [*inside, *item["loc"]], "input": _as_text(item["input"])}
        for item in error.errors(include_url=False)
    ]
    return RefusalError(422, envelope(422, {"detail": detail}, "invalid_request_error", None))


def _as_text(value: object) -> object:
    """Return bytes, which a body that is no JSON is, as text: they may be no UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def invalid_field(loc: Sequence[str], kind: str, message: str) -> RefusalError:
    """Return the 422 for one field of a form, which pydantic does not validate here."""
    detail = [{"type": kind, "loc": [*loc], "msg": message, "input": None}]
    return RefusalError(422, envelope(422, {"detail": detail}, "invalid_request_error", None))


def _bad_request(message: str, kind: str, code: str) -> RefusalError:
    return RefusalError(400, envelope(400, message, kind, code))
