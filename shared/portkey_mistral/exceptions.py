"""The errors of this package, by whose fault they are and what the caller can do.

    PortkeyMistralError
    ├── ConfigurationError            a setting or a Portkey config is wrong (also ValueError)
    ├── InvalidRequestError           found before sending: nothing left this machine (also ValueError)
    │   ├── CapabilityError           the model cannot do what was asked
    │   └── ParameterLossError        the chosen lane would drop a parameter in silence
    ├── ResidencyError                a route would leave the region that was asked for
    └── APIError                      a call was made and failed
        ├── APIConnectionError        nothing usable came back
        │   └── APITimeoutError
        ├── APIStatusError            the server answered with an error
        │   ├── BadRequestError                 400
        │   │   └── ContextWindowExceededError  the prompt is too long for the model
        │   ├── AuthenticationError             401
        │   ├── PermissionDeniedError           403
        │   ├── NotFoundError                   404
        │   ├── UnprocessableEntityError        422
        │   ├── RateLimitError                  429
        │   ├── InternalServerError             5xx
        │   └── GatewayError                    Portkey's gateway itself refused or failed
        │       └── GuardrailDeniedError        446
        ├── ResponseFormatError       an answer came that is not what was agreed
        └── StreamInterruptedError    a stream broke off after its first content

When every target of a config failed, the last one's error is raised; `attempts` lists them all and a note
(PEP 678) tells of each earlier one. No text, repr or pickle of an error holds a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from portkey_mistral.messages import Message
    from portkey_mistral.responses import AttemptRecord, Usage

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
    "GatewayError",
    "GuardrailDeniedError",
    "InternalServerError",
    "InvalidRequestError",
    "NotFoundError",
    "ParameterLossError",
    "PermissionDeniedError",
    "PortkeyMistralError",
    "RateLimitError",
    "ResidencyError",
    "ResponseFormatError",
    "StreamInterruptedError",
    "UnprocessableEntityError",
]

_E = TypeVar("_E", bound="PortkeyMistralError")


def _restore(cls: type[_E], args: tuple[Any, ...], state: dict[str, Any]) -> _E:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class PortkeyMistralError(Exception):
    """Base of every error that this package raises on purpose.

    Where texts were embedded, `index` is the position of the text at fault, if one can be blamed, and
    `completed` holds the vectors that were finished, by position.
    """

    index: int | None = None
    completed: Mapping[int, Sequence[float]] | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call __init__ without the keyword arguments that some classes require.
        return _restore, (type(self), self.args, self.__dict__.copy())


class ConfigurationError(PortkeyMistralError, ValueError):
    """A setting or a Portkey config is wrong. The message names its path and what would be right."""


class InvalidRequestError(PortkeyMistralError, ValueError):
    """A request that cannot succeed, found before anything was sent."""


class CapabilityError(InvalidRequestError):
    """The model cannot do what was asked (image input without vision, fine-tuning, ...)."""


class ParameterLossError(InvalidRequestError):
    """The lane through the gateway would drop these parameters in silence.

    `parameters` names them; the message names the ways out.
    """

    def __init__(self, message: str, *, parameters: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.parameters = parameters


class ResidencyError(PortkeyMistralError):
    """A target lies outside the region asked for by `data_residency`. `path` is the target's."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class APIError(PortkeyMistralError):
    """Base of everything that came from a call.

    `request_id` is the server's own id of the request, `trace_id` Portkey's. `attempts` holds every send
    of the call in order, the failed last one included.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        trace_id: str | None = None,
        attempts: tuple[AttemptRecord, ...] = (),
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.trace_id = trace_id
        self.attempts = attempts


class APIConnectionError(APIError):
    """The server could not be reached, or the connection broke before a usable answer."""


class APITimeoutError(APIConnectionError):
    """No answer in time: `timeout`, `request_timeout`, `first_token_timeout` or `deadline`."""


class APIStatusError(APIError):
    """The server answered with an error.

    `body` is the answer as parsed JSON, or text; `headers` are the answer's, without cookies and keys;
    `code` is Mistral's own error code ("3230") where there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
        request_id: str | None = None,
        trace_id: str | None = None,
        attempts: tuple[AttemptRecord, ...] = (),
    ) -> None:
        super().__init__(message, request_id=request_id, trace_id=trace_id, attempts=attempts)
        self.status_code = status_code
        self.body = body
        self.headers: dict[str, str] = dict(headers or {})
        self.code = code


class BadRequestError(APIStatusError):
    """400: the request breaks a rule of the API."""


class ContextWindowExceededError(BadRequestError):
    """The prompt is longer than the model's context window."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong, or for another service."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this (tier, guardrail policy of Mistral)."""


class NotFoundError(APIStatusError):
    """404: no such route, model or lane."""


class UnprocessableEntityError(APIStatusError):
    """422: the body does not fit the schema. `body` lists every fault with its place."""


class RateLimitError(APIStatusError):
    """429. `retry_after` is what the server asked to wait, in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class InternalServerError(APIStatusError):
    """5xx: the server failed."""


class GatewayError(APIStatusError):
    """Portkey's gateway refused the request or failed by itself."""


class GuardrailDeniedError(GatewayError):
    """446: a guardrail of the Portkey config denied the request or the answer.

    `hook_results` holds the verdicts of the checks as the gateway gave them.
    """

    def __init__(
        self, message: str, *, hook_results: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(message, **kwargs)
        self.hook_results = dict(hook_results or {})


class ResponseFormatError(APIError):
    """An answer came that is not what was agreed: no JSON, no choices, wrong number of vectors.

    `body` is what came, shortened.
    """

    def __init__(self, message: str, *, body: Any = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.body = body


class StreamInterruptedError(APIError):
    """A stream broke off after its first content event.

    `partial` is the message as far as it came, `usage` what the server reported, or an estimate marked as
    such.
    """

    def __init__(
        self,
        message: str,
        *,
        partial: Message | None = None,
        usage: Usage | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.partial = partial
        self.usage = usage
