"""The core's errors as LangChain's own.

LangChain's retry, fallback and summarisation middleware handle the `ModelError` classes. Each class here is both
the core's error, so that `except portkey_mistral.exceptions.RateLimitError` works, and one of those. Where one of
the core's classes corresponds to several of LangChain's, the HTTP status decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from portkey_mistral import exceptions as core

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BatchError",
    "BudgetExceededError",
    "CapabilityError",
    "ConfigurationError",
    "ContextWindowExceededError",
    "ErrorResponse",
    "GatewayError",
    "GatewayFailedError",
    "GatewayTimedOutError",
    "GuardrailDeniedError",
    "InternalServerError",
    "InvalidRequestError",
    "ModerationError",
    "NotFoundError",
    "ParameterLossError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimedOutError",
    "ResidencyError",
    "ResponseFormatError",
    "StreamInterruptedError",
    "UnprocessableEntityError",
    "for_langchain",
    "langchain_errors",
]


class ConfigurationError(core.ConfigurationError, ModelInvalidRequestError):
    __doc__ = core.ConfigurationError.__doc__


class InvalidRequestError(core.InvalidRequestError, ModelInvalidRequestError):
    __doc__ = core.InvalidRequestError.__doc__


class CapabilityError(core.CapabilityError, ModelInvalidRequestError):
    __doc__ = core.CapabilityError.__doc__


class ParameterLossError(core.ParameterLossError, ModelInvalidRequestError):
    __doc__ = core.ParameterLossError.__doc__


class ModerationError(core.ModerationError, ModelInvalidRequestError):
    __doc__ = core.ModerationError.__doc__


class ResidencyError(core.ResidencyError, ModelInvalidRequestError):
    __doc__ = core.ResidencyError.__doc__


class APIError(core.APIError, ModelAPIError):
    __doc__ = core.APIError.__doc__


class BatchError(core.BatchError, ModelAPIError):
    __doc__ = core.BatchError.__doc__


class BudgetExceededError(core.BudgetExceededError, ModelPermissionDeniedError):
    __doc__ = core.BudgetExceededError.__doc__


class APIConnectionError(core.APIConnectionError, ModelConnectionError):
    __doc__ = core.APIConnectionError.__doc__


class APITimeoutError(core.APITimeoutError, ModelTimeoutError):
    __doc__ = core.APITimeoutError.__doc__


class APIStatusError(core.APIStatusError, ModelInvalidRequestError):
    """The request was refused with another 4xx status, and would be refused again."""


class RequestTimedOutError(core.APIStatusError, ModelTimeoutError):
    """The server timed out (408); a retry may succeed."""


class BadRequestError(core.BadRequestError, ModelInvalidRequestError):
    __doc__ = core.BadRequestError.__doc__


class ContextWindowExceededError(
    core.ContextWindowExceededError, ContextOverflowError, ModelInvalidRequestError
):
    __doc__ = core.ContextWindowExceededError.__doc__


class AuthenticationError(core.AuthenticationError, ModelAuthenticationError):
    __doc__ = core.AuthenticationError.__doc__


class PermissionDeniedError(core.PermissionDeniedError, ModelPermissionDeniedError):
    __doc__ = core.PermissionDeniedError.__doc__


class NotFoundError(core.NotFoundError, ModelNotFoundError):
    __doc__ = core.NotFoundError.__doc__


class UnprocessableEntityError(core.UnprocessableEntityError, ModelInvalidRequestError):
    __doc__ = core.UnprocessableEntityError.__doc__


class RateLimitError(core.RateLimitError, ModelRateLimitError):
    __doc__ = core.RateLimitError.__doc__


class InternalServerError(core.InternalServerError, ModelAPIError):
    __doc__ = core.InternalServerError.__doc__


class GatewayError(core.GatewayError, ModelInvalidRequestError):
    """Portkey's gateway refused the request (4xx), and would refuse it again."""


class GatewayFailedError(core.GatewayError, ModelAPIError):
    """Portkey's gateway itself failed (5xx)."""


class GatewayTimedOutError(core.GatewayError, ModelTimeoutError):
    """Portkey's gateway timed out waiting for the target (408, the config's `request_timeout`)."""


class GuardrailDeniedError(core.GuardrailDeniedError, ModelPermissionDeniedError):
    __doc__ = core.GuardrailDeniedError.__doc__


class ResponseFormatError(core.ResponseFormatError, ModelAPIError):
    __doc__ = core.ResponseFormatError.__doc__


class StreamInterruptedError(core.StreamInterruptedError, ModelConnectionError):
    __doc__ = core.StreamInterruptedError.__doc__


_CLASSES: Mapping[type[core.PortkeyMistralError], type[core.PortkeyMistralError]] = {
    core.ConfigurationError: ConfigurationError,
    core.InvalidRequestError: InvalidRequestError,
    core.CapabilityError: CapabilityError,
    core.ParameterLossError: ParameterLossError,
    core.ModerationError: ModerationError,
    core.ResidencyError: ResidencyError,
    core.APIError: APIError,
    core.BatchError: BatchError,
    core.BudgetExceededError: BudgetExceededError,
    core.APIConnectionError: APIConnectionError,
    core.APITimeoutError: APITimeoutError,
    core.APIStatusError: APIStatusError,
    core.BadRequestError: BadRequestError,
    core.ContextWindowExceededError: ContextWindowExceededError,
    core.AuthenticationError: AuthenticationError,
    core.PermissionDeniedError: PermissionDeniedError,
    core.NotFoundError: NotFoundError,
    core.UnprocessableEntityError: UnprocessableEntityError,
    core.RateLimitError: RateLimitError,
    core.InternalServerError: InternalServerError,
    core.GatewayError: GatewayError,
    core.GuardrailDeniedError: GuardrailDeniedError,
    core.ResponseFormatError: ResponseFormatError,
    core.StreamInterruptedError: StreamInterruptedError,
}

_FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The response of an error, as LangChain's tracers read it. Its headers hold no cookies and no keys."""

    status_code: int
    headers: Mapping[str, str]
    body: Any

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body, default=str)

    def json(self) -> Any:
        """Return the body, parsed if it was JSON."""
        return self.body


class langchain_errors:  # noqa: N801 - named like contextlib's context managers
    """Context manager that raises the core's errors as LangChain's."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _cls: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, core.PortkeyMistralError):
            converted = for_langchain(error)
            if converted is not error:
                raise converted from error.__cause__


def for_langchain(error: core.PortkeyMistralError) -> core.PortkeyMistralError:
    """Return the error with LangChain's class, and everything it carries: attempts, notes, traceback."""
    cls = _langchain_class(error)
    if cls is None or isinstance(error, ModelError):
        return error
    converted = cls.__new__(cls, *error.args)
    converted.args = error.args
    converted.__dict__.update(error.__dict__)
    if isinstance(error, core.APIStatusError):
        converted.__dict__["response"] = ErrorResponse(error.status_code, error.headers, error.body)
    return converted.with_traceback(error.__traceback__)


def _langchain_class(error: core.PortkeyMistralError) -> type[core.PortkeyMistralError] | None:
    match error:
        case core.GuardrailDeniedError():
            pass
        case core.GatewayError(status_code=status) if status >= _FIRST_SERVER_ERROR:
            return GatewayFailedError
        case core.GatewayError(status_code=408):
            return GatewayTimedOutError
        case core.APIStatusError(status_code=408):
            return RequestTimedOutError
    return next((_CLASSES[cls] for cls in type(error).__mro__ if cls in _CLASSES), None)
