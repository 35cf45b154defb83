"""Makes the core's errors LangChain's as well, at one boundary.

LangChain's retry, fallback and summarisation middleware look for its own `ModelError` family. Each class
here is both: the core's error, so that `except portkey_mistral.exceptions.RateLimitError` works, and
LangChain's. Where the core's tree has two answers for one class, the HTTP status decides.
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
    "CapabilityError",
    "ConfigurationError",
    "ContextWindowExceededError",
    "ErrorResponse",
    "GatewayAuthenticationError",
    "GatewayError",
    "GatewayFailedError",
    "GatewayNotFoundError",
    "GatewayPermissionDeniedError",
    "GatewayTimedOutError",
    "GuardrailDeniedError",
    "InternalServerError",
    "InvalidRequestError",
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


class ResidencyError(core.ResidencyError, ModelInvalidRequestError):
    __doc__ = core.ResidencyError.__doc__


class APIError(core.APIError, ModelAPIError):
    __doc__ = core.APIError.__doc__


class APIConnectionError(core.APIConnectionError, ModelConnectionError):
    __doc__ = core.APIConnectionError.__doc__


class APITimeoutError(core.APITimeoutError, ModelTimeoutError):
    __doc__ = core.APITimeoutError.__doc__


class APIStatusError(core.APIStatusError, ModelInvalidRequestError):
    """Another 4xx: the same request would be refused again."""


class RequestTimedOutError(core.APIStatusError, ModelTimeoutError):
    """408: the server gave up waiting, and may be asked again."""


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
    """Portkey's gateway refused the request (4xx)."""


class GatewayFailedError(core.GatewayError, ModelAPIError):
    """Portkey's gateway failed by itself (5xx)."""


class GatewayAuthenticationError(core.GatewayError, ModelAuthenticationError):
    """Portkey's gateway did not accept a key (401)."""


class GatewayPermissionDeniedError(core.GatewayError, ModelPermissionDeniedError):
    """Portkey's gateway does not allow this (403)."""


class GatewayNotFoundError(core.GatewayError, ModelNotFoundError):
    """Portkey's gateway has no such route (404)."""


class GatewayTimedOutError(core.GatewayError, ModelTimeoutError):
    """Portkey's gateway gave up waiting for the target (408, the config's `request_timeout`)."""


class GuardrailDeniedError(core.GuardrailDeniedError, ModelPermissionDeniedError):
    __doc__ = core.GuardrailDeniedError.__doc__


class ResponseFormatError(core.ResponseFormatError, ModelAPIError):
    __doc__ = core.ResponseFormatError.__doc__


class StreamInterruptedError(core.StreamInterruptedError, ModelConnectionError):
    __doc__ = core.StreamInterruptedError.__doc__


_BY_CLASS: Mapping[type[core.PortkeyMistralError], type[core.PortkeyMistralError]] = {
    core.ConfigurationError: ConfigurationError,
    core.InvalidRequestError: InvalidRequestError,
    core.CapabilityError: CapabilityError,
    core.ParameterLossError: ParameterLossError,
    core.ResidencyError: ResidencyError,
    core.APIError: APIError,
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

_SERVER_ERRORS = 500
_OF_A_GATEWAY: Mapping[int, type[core.GatewayError]] = {
    401: GatewayAuthenticationError,
    403: GatewayPermissionDeniedError,
    404: GatewayNotFoundError,
    408: GatewayTimedOutError,
}


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """What a server answered, as LangChain's tracers read it; headers without cookies and keys."""

    status_code: int
    headers: Mapping[str, str]
    body: Any

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body, default=str)

    def json(self) -> Any:
        """Return the body; text that is no JSON comes back as it is."""
        return self.body


class langchain_errors:  # noqa: N801 - a context manager, spelled as contextlib spells its own
    """Raises the core's errors as LangChain's."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _cls: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, core.PortkeyMistralError):
            converted = for_langchain(error)
            if converted is not error:
                raise converted from error.__cause__


def for_langchain(error: core.PortkeyMistralError) -> core.PortkeyMistralError:
    """Give the error LangChain's class too, with all that it carries: attempts, notes, traceback."""
    cls = _class_for(error)
    if cls is None or isinstance(error, ModelError):
        return error
    converted = cls.__new__(cls, *error.args)
    converted.args = error.args
    converted.__dict__.update(error.__dict__)
    if isinstance(error, core.APIStatusError):
        converted.__dict__["response"] = ErrorResponse(error.status_code, error.headers, error.body)
    return converted.with_traceback(error.__traceback__)


def _class_for(error: core.PortkeyMistralError) -> type[core.PortkeyMistralError] | None:
    """Look up the nearest class of the table; what timed out, or failed by itself, is worth another try."""
    match error:
        case core.GuardrailDeniedError():
            pass
        case core.GatewayError(status_code=status) if status >= _SERVER_ERRORS:
            return GatewayFailedError
        case core.GatewayError(status_code=status) if status in _OF_A_GATEWAY:
            return _OF_A_GATEWAY[status]
        case core.APIStatusError(status_code=408):
            return RequestTimedOutError
    return next((_BY_CLASS[cls] for cls in type(error).__mro__ if cls in _BY_CLASS), None)
