"""Encodes requests as lines of a batch job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from portkey_mistral import models
from portkey_mistral._api import Operation, path_of
from portkey_mistral._batch.custom_ids import CustomID
from portkey_mistral._batch.parts import Line
from portkey_mistral._call.account_calls import account_target
from portkey_mistral._call.options import ResolvedOptions
from portkey_mistral._call.validate import check_request, required_capabilities
from portkey_mistral._embedding.batching import MAX_INPUTS
from portkey_mistral._json import dumps
from portkey_mistral._wire.dialects import encode
from portkey_mistral._wire.http_request import encode_body
from portkey_mistral._wire.mistral import encode_request
from portkey_mistral._wire.repeated_prefix import assumed_prefix
from portkey_mistral.config.parameter_rules import resolve_parameters
from portkey_mistral.config.values import leaves
from portkey_mistral.exceptions import InvalidRequestError, PortkeyMistralError
from portkey_mistral.requests import (
    ChatRequest,
    ClassificationRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    OCRRequest,
    Request,
)

__all__ = ["encode_lines"]

_OPERATIONS: dict[type, Operation] = {
    ChatRequest: "chat",
    FIMRequest: "fim",
    EmbeddingRequest: "embed",
    ModerationRequest: "moderate",
    ClassificationRequest: "classify",
    OCRRequest: "ocr",
}

EstimateCost: TypeAlias = Callable[[str, Mapping[str, Any]], Decimal | None]
"""Returns the most that a request may cost in USD, by its model and body; None if that is not known."""

_NAMES = ", ".join(request.__name__ for request in _OPERATIONS)


def encode_lines(
    resolved: ResolvedOptions, requests: Iterable[Request], estimate: EstimateCost
) -> Iterator[Line]:
    """Yield one line per request as the requests are read.

    Raises:
        InvalidRequestError: a request cannot succeed; its position is in the message and in `index`.
    """
    for index, request in enumerate(requests):
        try:
            yield _encode_line(resolved, index, request, estimate)
        except PortkeyMistralError as error:
            error.args = (f"requests[{index}]: {error.message}",)
            error.message, error.index = error.args[0], index
            raise


def _encode_line(
    resolved: ResolvedOptions, index: int, request: Request, estimate: EstimateCost
) -> Line:
    operation = _OPERATIONS.get(type(request))
    if operation is None:
        raise InvalidRequestError(f"a batch takes {_NAMES} objects, got {type(request).__name__}.")
    check_request(request, operation)
    body = _body(resolved, request, operation)
    model = body.pop("model")
    models.warn_if_retired(model)
    models.check_capabilities(model, required_capabilities(request))
    inputs = len(body["input"]) if isinstance(request, EmbeddingRequest) else None
    if inputs is not None and inputs > MAX_INPUTS:
        raise InvalidRequestError(
            f"{inputs} texts are too many for one request of a batch, which takes {MAX_INPUTS}: `embed_job` splits them."
        )
    custom_id = CustomID.of(
        index,
        inputs=inputs,
        dtype=getattr(request, "output_dtype", None),
        prefix=assumed_prefix(request, body),
    )
    endpoint = f"/v1{path_of(operation, body)}"
    data = b'{"custom_id":%b,"body":%b}\n' % (dumps(str(custom_id)), encode_body(body))
    return Line(endpoint, model, data, estimate(model, body))


def _body(resolved: ResolvedOptions, request: Request, operation: Operation) -> dict[str, Any]:
    """Return the body with the parameters of the one target merged in."""
    body = encode_request(request, stream=False)
    (target,) = leaves(resolve_parameters(account_target(resolved), body))
    return encode(body, target.override_params, "mistral", operation).body
