"""The `error.type` of telemetry, and which endings of a call are no errors."""

from __future__ import annotations

from portkey_mistral._transport.cancellation import JobCancelledError
from portkey_mistral.exceptions import APIStatusError

__all__ = ["error_message", "error_type", "is_cancellation"]


def error_type(error: BaseException) -> str:
    """Return the status of a server's refusal, "429" for example, else the full name of the exception's class."""
    if isinstance(error, APIStatusError):
        return str(error.status_code)
    cls = type(error)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def error_message(error: BaseException) -> str:
    """Return the message without notes. Those of this package contain no keys."""
    return str(getattr(error, "message", error))


def is_cancellation(error: BaseException) -> bool:
    """Whether a call ended because the caller wanted that: cancelled, interrupted, or a stream that was closed."""
    return not isinstance(error, Exception) or isinstance(error, JobCancelledError)
