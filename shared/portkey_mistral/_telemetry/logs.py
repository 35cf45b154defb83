"""Log records of calls, for the standard library's `logging`.

One record an attempt at DEBUG; a retry, a fallback or an interruption at INFO; what a user should mend at WARNING. The
fields of `extra` are attributes of the record, where structlog and JSON formatters find them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from portkey_mistral._redaction import scrub
from portkey_mistral._routing.outcomes import Interrupted, Skipped
from portkey_mistral._telemetry.errors import error_type
from portkey_mistral._telemetry.servers import host_of
from portkey_mistral._wire.response_headers import request_id

if TYPE_CHECKING:
    from portkey_mistral._routing.outcomes import Attempt
    from portkey_mistral._transport.results import FinishedAttempt
    from portkey_mistral.responses import AttemptRecord

__all__ = ["attempt_finished", "attempt_follows", "call_cancelled", "is_enabled", "job_waits"]

_logger = logging.getLogger("portkey_mistral")

# A fallback hides these failures and does not mend them.
_TO_MEND = {
    401: "check its API key",
    403: "check what its API key may do",
    404: "check its model and its URL",
}


def is_enabled() -> bool:
    """Whether any record but a warning would be made."""
    return _logger.isEnabledFor(logging.INFO)


def attempt_finished(
    finished: FinishedAttempt[Any],
    record: AttemptRecord,
    secrets: Collection[str],
    *,
    operation: str,
    transport: str | None,
    wait: float,
) -> None:
    """Log how an attempt ended."""
    outcome = finished.result.outcome
    level = logging.INFO if isinstance(outcome, Interrupted) else logging.DEBUG
    if not _logger.isEnabledFor(level):
        return
    fields = _fields(finished, record, secrets) | {
        "operation": operation,
        "transport": transport,
        "wait": round(wait, 3),
    }
    _log(level, _attempt_text(fields, outcome, sent=finished.sent), fields)


def _attempt_text(fields: Mapping[str, Any], outcome: object, *, sent: bool) -> str:
    attempt = f"{fields['operation']} {fields['model'] or ''}".strip()
    attempt = f"{attempt}: attempt {fields['attempt_number']} on {fields['attempt_path']}"
    match outcome:
        case Skipped():
            return f"{attempt} was {fields['error']}"
        case _ if fields["cached"]:
            return f"{attempt} was answered by the cache"
        case _ if not sent:
            return f"{attempt} was not sent: {fields['error']}"
        case Interrupted():
            ending = "was interrupted after its first content"
        case _ if fields["error"]:
            ending = f"failed with status {fields['status']}"
        case _:
            ending = f"answered with status {fields['status']}"
    error = f": {fields['error']}" if fields["error"] else ""
    return f"{attempt} {ending} after {fields['seconds']:.3f} s ({_origin(fields)}){error}"


def _origin(fields: Mapping[str, Any]) -> str:
    known = (fields["transport"], fields["request_id"] and f"request id {fields['request_id']}")
    return ", ".join(filter(None, (fields["host"], *known)))


def attempt_follows(
    finished: FinishedAttempt[Any],
    record: AttemptRecord,
    following: Attempt,
    secrets: Collection[str],
    *,
    operation: str,
    wait: float,
) -> None:
    """Log that an attempt is followed by another: a retry on the same target, or a fallback to the next."""
    is_retry = following.path == record.path
    host = host_of(finished)
    if record.status in _TO_MEND and not is_retry:
        _warn_once(record.path, host, record.status)
    # A target that a plan passes over in every call is no event.
    was_skipped = isinstance(finished.result.outcome, Skipped)
    level = logging.DEBUG if was_skipped else logging.INFO
    if not _logger.isEnabledFor(level):
        return
    fields = _fields(finished, record, secrets) | {
        "operation": operation,
        "next_path": following.path,
        "wait": round(wait, 3),
    }
    reason = record.error if record.status is None else f"status {record.status}"
    pause = f" in {wait:.3f} s" if wait > 0 else ""
    if following.forced and was_skipped:
        change = f"trying {following.path} all the same"
    elif is_retry:
        change = f"retrying {record.path}"
    else:
        change = f"falling back from {record.path} to {following.path}"
    _log(level, f"{operation}: {change}{pause} after {reason}", fields)


@lru_cache(maxsize=1024)
def _warn_once(path: str, host: str, status: int) -> None:
    _log(
        logging.WARNING,
        f"{path} ({host}) answered with status {status}, and calls fall back: {_TO_MEND[status]}. This is logged once.",
        {"attempt_path": path, "host": host, "status": status},
    )


def job_waits(model: str, retry_after: float | None) -> None:
    """Log that an embedding job sends a request again whose retries were all refused by a rate limit."""
    if is_enabled():
        fields = {"operation": "embeddings", "model": model, "status": 429, "wait": retry_after}
        text = f"embeddings {model}: the rate limit outlasted all retries; the job waits and sends the request again"
        _log(logging.INFO, text, fields)


def call_cancelled(operation: str, path: str | None) -> None:
    """Log that the caller ended a call: cancelled it, or closed its stream."""
    if _logger.isEnabledFor(logging.DEBUG):
        where = f" during the attempt on {path}" if path else ""
        _log(
            logging.DEBUG,
            f"{operation}: ended by the caller{where}",
            {"operation": operation, "attempt_path": path},
        )


def _fields(
    finished: FinishedAttempt[Any], record: AttemptRecord, secrets: Collection[str]
) -> dict[str, Any]:
    error = finished.result.error
    id_ = request_id(finished.headers) or getattr(error, "request_id", None)
    return {
        "attempt_path": record.path,
        "attempt_number": record.number,
        "provider": record.provider,
        "model": record.model,
        "host": host_of(finished),
        "status": record.status,
        "cached": record.cached,
        "seconds": round(record.seconds, 3),
        "request_id": scrub(id_, secrets) if id_ else None,
        "error_type": None if error is None else error_type(error),
        "error": record.error,
    }


def _log(level: int, text: str, fields: Mapping[str, Any]) -> None:
    try:
        _logger.log(level, "%s", text, extra=fields)
    except KeyError:
        # logging refuses fields that the application's own record factory has set, a request_id for example.
        _logger.log(
            level, "%s", text, extra={f"portkey_mistral_{name}": fields[name] for name in fields}
        )
