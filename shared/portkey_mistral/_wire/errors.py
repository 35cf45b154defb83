"""Converts an error response to an exception whose message says what to do.

Statuses, types and codes are those of Mistral's error glossary, of its API (some differ), and of OpenAI, vLLM,
llama.cpp and Ollama. Those of Portkey are in `portkey_errors`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from portkey_mistral import models
from portkey_mistral._redaction import safe_headers, scrub_json
from portkey_mistral._wire.error_bodies import (
    ErrorDetails,
    error_details,
    is_error,
    named_status,
    request_id_in,
)
from portkey_mistral._wire.guardrails import (
    describe_failures,
    guardrail_verdicts,
    hook_results,
)
from portkey_mistral._wire.malformed import InBandError
from portkey_mistral._wire.portkey_errors import GatewayRequest, gateway_hint, gateway_refusal
from portkey_mistral._wire.response_headers import request_id, retry_after, server_time
from portkey_mistral.exceptions import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    GuardrailDeniedError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)

__all__ = ["in_band_error", "status_error"]

_MAX_SHOWN = 600


def status_error(
    status: int,
    headers: Mapping[str, str],
    content: Any,
    *,
    gateway: GatewayRequest | None,
    secrets: Collection[str] = (),
) -> APIStatusError:
    """Return the exception for a response that is an error.

    `content` is the body as `parse_body` returns it. An error with a success status is treated as the status that its
    body names, else as 500. `gateway` describes the request if it went to a Portkey gateway. The exception contains no
    header with one of `secrets`.
    """
    safe = safe_headers(headers, secrets)
    if 200 <= status < 300:
        status = named_status(content)
    details = error_details(content)
    cls, hint = _verdict(status, content, details, safe, gateway)
    arguments: dict[str, Any] = {
        "status_code": status,
        "body": content,
        "headers": safe,
        "code": details.code,
        "request_id": request_id(safe) or request_id_in(content),
        "trace_id": safe.get("x-portkey-trace-id") or None,
    }
    if issubclass(cls, RateLimitError):
        arguments["retry_after"] = retry_after(headers, server_time(safe))
    elif issubclass(cls, GuardrailDeniedError):
        arguments["hook_results"] = hook_results(content)
        arguments["guardrails"] = guardrail_verdicts(content)
        if failed := describe_failures(arguments["guardrails"]):
            hint = f"Failed: {failed}. {hint or ''}"
    return cls(f"{status}: {_sentence(details)} {hint or ''}".rstrip(), **arguments)


def _verdict(
    status: int,
    content: Any,
    details: ErrorDetails,
    headers: Mapping[str, str],
    gateway: GatewayRequest | None,
) -> tuple[type[APIStatusError], str | None]:
    """Return the class of the exception, and advice for the caller."""
    if gateway is None:
        cls = _class(status, details)
        return cls, _hint(status, details, cls)
    refusal = gateway_refusal(status, content, details, headers, gateway)
    if refusal is not None:
        return refusal.cls, refusal.hint
    cls = _class(status, details)
    hint = _hint(status, details, cls)
    if details.code in _BY_CODE:
        return cls, hint
    return cls, gateway_hint(status, content, headers, gateway.lane) or hint


def in_band_error(content: object, *, secrets: Collection[str] = ()) -> InBandError | None:
    """Return the error in a body with a success status, or in an event of a stream; None if there is none."""
    if not is_error(content):
        return None
    safe = scrub_json(content, secrets)
    message = _truncate(error_details(safe).message) or "The server reported an error."
    return InBandError(message, status=named_status(safe), body=safe)


def _sentence(details: ErrorDetails) -> str:
    message = _truncate(details.message) or "no reason given"
    return message if message.endswith((".", "!", "?", "…")) else f"{message}."


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


# --- which exception --------------------------------------------------------------------------------

_CLASSES: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}

# Codes and messages of Mistral, OpenAI, vLLM, llama.cpp and Ollama.
_CONTEXT_EXCEEDED = re.compile(
    r"context_length_exceeded|exceed_context_size|too large for model with|maximum (context|model) length"
    r"|context length is only|exceeds? the (available )?context (size|length)",
    re.IGNORECASE,
)
# Mistral has one code for a prompt that is too long and for every other argument that does not suit the model. With
# that code a mention of length is enough, so a changed wording is still recognised.
_INVALID_ARGUMENT = "3051"
_ABOUT_LENGTH = re.compile(
    r"\btokens?\b|\bcontext\b|\blength\b|\btoo (long|large)\b", re.IGNORECASE
)


def _class(status: int, details: ErrorDetails) -> type[APIStatusError]:
    if status == 429:
        return RateLimitError
    if 400 <= status < 500 and _is_context_exceeded(details):
        return ContextWindowExceededError
    if status >= 500:
        return InternalServerError
    return _CLASSES.get(status, APIStatusError)


def _is_context_exceeded(details: ErrorDetails) -> bool:
    if details.code == _INVALID_ARGUMENT and _ABOUT_LENGTH.search(details.message):
        return True
    return _CONTEXT_EXCEEDED.search(f"{details.message} {details.code} {details.type}") is not None


# --- what to do -------------------------------------------------------------------------------------

_UNKNOWN_MODEL = "1500"
_UNKNOWN_MODEL_PREFIX = "Invalid model: "

# By Mistral's error code.
_BY_CODE: Mapping[str, str] = {
    _UNKNOWN_MODEL: "Check the model's name: `portkey-mistral models` lists the current ones.",
    "1910": "The key's subscription does not include this model.",
    "1920": "Mistral's guardrails blocked the input; the body names the categories.",
    "3210": "Send fewer or shorter texts in one request.",
    "3505": "The model has no free capacity now: wait, or add a fallback target.",
    _INVALID_ARGUMENT: "This model does not accept an argument; the message names it.",
}
_MOVED = "Redirects are never followed: set the URL to where the server points."
# By status, where the code is unknown.
_BY_STATUS: Mapping[int, str] = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: "The API key was not accepted: check MISTRAL_API_KEY, or the `api_key` of the target.",
    403: "The API key may not do this.",
    404: "Check `base_url` (it ends in /v1) and the model's name.",
    408: "Raise `request_timeout` (milliseconds, in the config), or add a fallback target.",
    413: "The request is too large: send less at once.",
    422: "A field or its value was not accepted; the message names each with its location.",
    429: "Wait, lower `max_concurrency`, or add a fallback target.",
}


def _hint(status: int, details: ErrorDetails, cls: type[APIStatusError]) -> str | None:
    if issubclass(cls, ContextWindowExceededError):
        return "Shorten the conversation, or use a model with a larger window."
    if details.code == _UNKNOWN_MODEL and (successor := _successor(details.message)):
        return f"Mistral has replaced it: use {successor}."
    if details.code is not None and details.code in _BY_CODE:
        return _BY_CODE[details.code]
    return _BY_STATUS.get(status)


def _successor(message: str) -> str | None:
    """Return the replacement of a retired model."""
    model = models.find(message.removeprefix(_UNKNOWN_MODEL_PREFIX))
    return model.replacement if model else None
