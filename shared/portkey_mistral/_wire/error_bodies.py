"""Parses error bodies, in all shapes that Mistral, Portkey and OpenAI-compatible servers send.

Mistral has six (an envelope, `detail` lists of its schema validator, wrapped or bare, and the shorter ones of its
own gateway), Portkey five (see `portkey_errors`), OpenAI one. Servers send errors with a success status too, also within streams.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from portkey_mistral._json import dumps, loads
from portkey_mistral._redaction import scrub, scrub_json
from portkey_mistral._wire.finish_reasons import failed_completion

__all__ = [
    "ErrorDetails",
    "error_details",
    "is_error",
    "named_status",
    "parse_body",
    "request_id_in",
]


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The contents of an error body, independent of its shape."""

    message: str
    type: str | None = None
    code: str | None = None


def parse_body(body: bytes, secrets: Collection[str]) -> Any:
    """Return a body as parsed JSON, else as text, with `secrets` replaced."""
    try:
        return scrub_json(loads(body), secrets)
    except ValueError:
        return scrub(body.decode("utf-8", "replace"), secrets)


def error_details(content: Any) -> ErrorDetails:
    match content:
        case str():
            return ErrorDetails(_visible_text(content))
        case {"error": Mapping() as inner}:
            return _without_portkeys_wrapping(_envelope(inner))
        case {"error": str(message)}:
            return ErrorDetails(message)
        case {"choices": list()}:
            return ErrorDetails(str(failed_completion(content) or ""))
        case {"success": False, "data": {"message": str(message), "errorCode": code}}:
            return ErrorDetails(message, code=str(code))
        case {"errors": list(errors), "message": str(message)}:
            return ErrorDetails(f"{message} ({'; '.join(map(str, errors))})")
        case Mapping():
            return _envelope(content)
        case _:
            return ErrorDetails("")


def _envelope(body: Mapping[str, Any]) -> ErrorDetails:
    message = body.get("message")
    if message is None:
        message = body.get("detail")
    code = body.get("code")
    return ErrorDetails(
        message=_message_text(message),
        type=body["type"] if isinstance(body.get("type"), str) else None,
        code=None if code is None else str(code),  # Mistral sends a string, on some routes a number
    )


def _message_text(message: object) -> str:
    match message:
        case str():
            return message
        case {"detail": detail}:
            return _message_text(detail)
        case list():
            return "; ".join(_validation_error(item) for item in message)
        case None:
            return ""
        case _:
            return _json_text(message)


def _validation_error(item: object) -> str:
    match item:
        case {"loc": list(loc), "msg": msg}:
            location = ".".join(str(step) for step in loc if step != "body")
            return f"{location}: {msg}"
        case str():
            return item
        case _:
            return _json_text(item)


def _json_text(value: object) -> str:
    try:
        return dumps(value).decode()
    except ValueError:  # NaN or Infinity, which are not JSON, but some servers send them
        return str(value)


# The open-source gateway prefixes the provider's message with "mistral-ai error: ", and puts a body of unknown shape
# into the message as JSON text.
_WRAPPED = re.compile(r"^Invalid response received from [\w-]+: (\{.*\})$", re.DOTALL)
_PREFIX = re.compile(r"^[\w-]+ error: ")


def _without_portkeys_wrapping(outer: ErrorDetails) -> ErrorDetails:
    wrapped = _WRAPPED.match(outer.message)
    if wrapped is None:
        return ErrorDetails(_PREFIX.sub("", outer.message), outer.type, outer.code)
    try:
        inner = loads(wrapped[1].encode())
    except ValueError:
        return outer
    if "html-message" in inner:
        return ErrorDetails(_visible_text(str(inner["html-message"])), outer.type, outer.code)
    details = error_details(inner)
    return details if details.message else outer


_INVISIBLE = re.compile(r"<(style|script)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def _visible_text(page: str) -> str:
    """Return the text of an error page without its markup.

    Linear in the length of the text; a single pattern for elements and tags would backtrack at every "<" (CWE-1333).
    """
    visible, at = [], 0
    while (opening := _INVISIBLE.search(page, at)) is not None:
        visible.append(page[at : opening.start()])
        end = page.find(f"</{opening[1]}", opening.end())
        at = len(page) if end < 0 else end
    visible.append(page[at:])
    return " ".join(_TAG.sub(" ", " ".join(visible)).split())


# --- errors with a success status -------------------------------------------------------------------


def is_error(content: object) -> bool:
    """Whether parsed JSON with a success status, or an event of a stream, is an error."""
    if not isinstance(content, dict):
        return False
    if content.get("error"):
        return True
    if "choices" in content or "data" in content or "results" in content:
        return False
    match content:
        case {"object": "error" | "Error"} | {"status": "failure"} | {"detail": _}:
            return True
        case {"message": _, "type": _} | {"message": _, "code": _}:
            return True
        case _:
            return False


# The status that Mistral and OpenAI usually send with a code, for errors sent with another status.
_STATUS_OF_CODE: Mapping[str, int] = {
    "1300": 429,
    "1500": 400,
    "1910": 403,
    "1920": 403,
    "3051": 400,
    "3210": 400,
    "3230": 400,
    "3240": 400,
    "3280": 400,
    "3310": 400,
    "3505": 429,
    "context_length_exceeded": 400,
    "rate_limit_exceeded": 429,
}
_ERROR_STATUS = re.compile(r"[45][0-9][0-9]")


def named_status(content: Any) -> int:
    """Return the status that an error names in its body, by number or by code, else 500."""
    inner = content.get("error") if isinstance(content, Mapping) else None
    bodies = [body for body in (content, inner) if isinstance(body, Mapping)]
    for body in bodies:
        for name in ("raw_status_code", "status", "code"):
            value = str(body.get(name))
            status = int(value) if _ERROR_STATUS.fullmatch(value) else _STATUS_OF_CODE.get(value)
            if status is not None:
                return status
    return 500


def request_id_in(content: object) -> str | None:
    """Return the request id in a body, where Mistral's own gateway puts it."""
    match content:
        case {"request_id": str(id_)}:
            return id_
        case _:
            return None
