"""The exceptions of this package.

    PortkeyMistralError
    ├── ConfigurationError            a setting or a Portkey config is invalid (also ValueError)
    ├── InvalidRequestError           the request cannot succeed; nothing was sent (also ValueError)
    │   ├── CapabilityError           the model lacks a required capability
    │   └── ParameterLossError        the chosen lane would drop a parameter
    ├── ResidencyError                a route would leave the requested region
    └── APIError                      a call failed
        ├── BudgetExceededError       a request would exceed a budget; it was not sent
        ├── APIConnectionError        no usable answer was received
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
        │   └── GatewayError                    Portkey's gateway refused the request or failed
        │       └── GuardrailDeniedError        446
        ├── ResponseFormatError       an answer does not have the form of the API
        ├── BatchError                a batch job ended without an answer to a request
        └── StreamInterruptedError    a stream broke off after its first content

When every target of a config failed, the error of the last one is raised; `attempts` lists all of them, and a note
(PEP 678) describes each earlier one. The first note leads to the explanation of the error. No message, repr or pickle
of an error contains a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from portkey_mistral.guardrails import GuardrailVerdict
    from portkey_mistral.messages import Message
    from portkey_mistral.prices import Cost
    from portkey_mistral.responses import AttemptRecord, Usage

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
    "GatewayError",
    "GuardrailDeniedError",
    "InternalServerError",
    "InvalidRequestError",
    "ModerationError",
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

# Address of the documentation with a final slash; None until the site is published.
DOCUMENTATION: str | None = None


def cause_and_cure(name: str) -> str:
    """Return the line that leads from an error to its entry in errors.md, by the name of its class."""
    if DOCUMENTATION is None:
        return f"Cause and cure: portkey-mistral explain {name}"
    return f"Cause and cure: {DOCUMENTATION}errors/#{name.lower()}"


def _restore(cls: type[_E], args: tuple[Any, ...], state: dict[str, Any]) -> _E:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class PortkeyMistralError(Exception):
    """Base of all errors that this package raises.

    Attributes:
        message: The message, without notes.
        index: For embeddings, the position of the text that caused the error, if it is known.
        completed: For embeddings, the vectors that were finished, by position.
    """

    index: int | None = None
    completed: Mapping[int, Sequence[float]] | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        # A note is shown by tracebacks and logs, and leaves the text of the error to programs and models.
        self.add_note(cause_and_cure(type(self).__name__))

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call __init__ without the keyword arguments that some classes require.
        return _restore, (type(self), self.args, self.__dict__.copy())


class ConfigurationError(PortkeyMistralError, ValueError):
    """A setting or a Portkey config is invalid. The message has its path and what would be right."""


class InvalidRequestError(PortkeyMistralError, ValueError):
    """The request cannot succeed; nothing was sent."""


class CapabilityError(InvalidRequestError):
    """The model lacks a capability that the request requires, vision for an image for example."""


class ParameterLossError(InvalidRequestError):
    """The lane through the gateway would drop parameters.

    `parameters` are their names; the message has the alternatives.
    """

    def __init__(self, message: str, *, parameters: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.parameters = parameters


class ResidencyError(PortkeyMistralError):
    """A target is outside the region that `data_residency` requests. `path` is the target's option path."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class APIError(PortkeyMistralError):
    """Base of the errors of a call.

    Attributes:
        request_id: The server's id of the request.
        trace_id: Portkey's trace id.
        attempts: Every attempt of the call in order, the last failed one included.
        cost: What the call cost all the same; None if that is not known.
    """

    cost: Cost | None = None

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


class BudgetExceededError(APIError):
    """A request would exceed a `Budget`, and was not sent. `attempts` has those that were sent before it.

    Attributes:
        key: Key of the budget, "metadata.user_id=ada" for example; "" if it has none.
        per: Its period: "day", "month" or None.
        limit: The budget in USD.
        spent: What is spent of it, and reserved for requests in flight, in USD.
        estimate: What was to be reserved for the request, in USD.
        resets_at: When the budget starts anew (UTC); None if it never does.
    """

    def __init__(
        self,
        message: str,
        *,
        key: str,
        per: str | None,
        limit: Decimal,
        spent: Decimal,
        estimate: Decimal,
        resets_at: datetime | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.key = key
        self.per = per
        self.limit = limit
        self.spent = spent
        self.estimate = estimate
        self.resets_at = resets_at


class APIConnectionError(APIError):
    """The server could not be reached, or the connection broke before a usable answer was received."""


class APITimeoutError(APIConnectionError):
    """No answer within `timeout`, `request_timeout`, `first_token_timeout` or `deadline`."""


class APIStatusError(APIError):
    """The server answered with an error.

    Attributes:
        status_code: HTTP status.
        body: Body of the answer, as parsed JSON or text, without keys.
        headers: Headers of the answer by lower-case name, without cookies and keys.
        code: Mistral's error code, "3230" for example, or None.
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
    """400: the request violates a rule of the API."""


class ContextWindowExceededError(BadRequestError):
    """The prompt is longer than the model's context window."""


class AuthenticationError(APIStatusError):
    """401: the key is missing or wrong, or belongs to another service."""


class PermissionDeniedError(APIStatusError):
    """403: the key does not permit this (subscription, Mistral's guardrails). 402, 412: a budget or policy of Portkey."""


class NotFoundError(APIStatusError):
    """404: there is no such route, model or lane."""


class UnprocessableEntityError(APIStatusError):
    """422: the request does not match the schema of the API. `body` lists each error with its path."""


class RateLimitError(APIStatusError):
    """429: a rate limit was exceeded. `retry_after` is the number of seconds that the server asks to wait, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class InternalServerError(APIStatusError):
    """5xx: the server failed."""


class GatewayError(APIStatusError):
    """Portkey's gateway itself refused the request or failed."""


class GuardrailDeniedError(GatewayError):
    """446: a guardrail denied the request or the answer.

    `guardrails` are the verdicts of all guardrails that ran, `hook_results` the same in the form of the gateway.
    """

    def __init__(
        self,
        message: str,
        *,
        hook_results: Mapping[str, Any] | None = None,
        guardrails: tuple[GuardrailVerdict, ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.hook_results = dict(hook_results or {})
        self.guardrails = guardrails


class ResponseFormatError(APIError):
    """An answer does not have the form of the API: not JSON, no choices, a wrong number of vectors.

    `body` is the answer, shortened.
    """

    def __init__(self, message: str, *, body: Any = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.body = body


class ModerationError(PortkeyMistralError):
    """A text has content that its `ModerationSettings` do not allow.

    `violations` has the categories of each text that is not allowed, with their scores, by its position.
    """

    def __init__(self, message: str, *, violations: Mapping[int, Mapping[str, float]]) -> None:
        super().__init__(message)
        self.violations = dict(violations)


class BatchError(APIError):
    """A batch job ended without an answer to a request: it failed, was cancelled, or took longer than it may.

    `status` is that of the job.
    """

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class StreamInterruptedError(APIError):
    """A stream broke off after its first content event.

    `partial` is the message as far as it was received. `usage` is what the server reported, or an estimate with
    `estimated` set.
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
