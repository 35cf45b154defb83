"""Attributes of spans, metrics and events, named as in OpenTelemetry's semantic conventions for generative AI.

The conventions are in development and not stable, so their names are written here, not imported. What they have no
name for begins with `portkey_mistral.`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from portkey_mistral._providers import MISTRAL
from portkey_mistral._telemetry.errors import error_type
from portkey_mistral._telemetry.servers import Server, first_server, server_of, visible_url
from portkey_mistral.config.values import leaves
from portkey_mistral.exceptions import APIError, APIStatusError, StreamInterruptedError
from portkey_mistral.ocr import OCRResponse
from portkey_mistral.responses import (
    CallInfo,
    ChatResponse,
    ClassificationResponse,
    EmbeddingResponse,
    ModerationResponse,
    Usage,
)

if TYPE_CHECKING:
    from portkey_mistral._api import Operation
    from portkey_mistral._routing.outcomes import Attempt
    from portkey_mistral._transport.call import Call, WireRequest
    from portkey_mistral.prices import Cost
    from portkey_mistral.responses import AttemptRecord

__all__ = [
    "METRIC_ATTRIBUTES",
    "SCHEMA_URL",
    "Attributes",
    "attempt_attributes",
    "error_attributes",
    "operation_name",
    "provider_name",
    "record_attributes",
    "request_attributes",
    "response_attributes",
    "usage_of",
]

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

Attributes: TypeAlias = dict[str, Any]

_OPERATIONS: Mapping[Operation, str] = {
    "chat": "chat",
    "fim": "text_completion",
    "embed": "embeddings",
    "moderate": "moderate",  # the conventions have no name for this and the next two
    "classify": "classify",
    "ocr": "ocr",
}
# Portkey's names -> the conventions' (well-known values of gen_ai.provider.name); any other is used as it is.
_PROVIDERS: Mapping[str, str] = {
    MISTRAL: "mistral_ai",
    "gateway": "mistral_ai",  # until the gateway names the provider that answered
    "anthropic": "anthropic",
    "azure-ai": "azure.ai.inference",
    "azure-openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "perplexity-ai": "perplexity",
    "vertex-ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "x-ai": "x_ai",
}

METRIC_ATTRIBUTES = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "server.address",
    "server.port",
    "error.type",
)
"""The attributes of spans that are attributes of metrics too: few values each."""

_PARAMETERS: Mapping[str, str] = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "top_k": "gen_ai.request.top_k",
    "random_seed": "gen_ai.request.seed",
    "output_dimension": "gen_ai.embeddings.dimension.count",
}
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def operation_name(operation: Operation) -> str | None:
    """Return the `gen_ai.operation.name`; None for a call that runs no model."""
    return _OPERATIONS.get(operation)


def provider_name(provider: str | None) -> str:
    """Return the `gen_ai.provider.name`. It names whose API is spoken; a slug says nothing about that."""
    if not provider or provider.startswith("@"):
        return _PROVIDERS[MISTRAL]
    return _PROVIDERS.get(provider, provider)


# --- request ----------------------------------------------------------------------------------------


def request_attributes(call: Call[Any]) -> Attributes:
    """Return what is known when a call starts: samplers decide by it."""
    params = call.facts.params
    return (
        {
            "gen_ai.operation.name": operation_name(call.facts.operation),
            "gen_ai.provider.name": provider_name(next(leaves(call.root)).provider),
            "portkey_mistral.mode": call.mode,
        }
        | _model(params)
        | _server(first_server(call))
        | _parameters(params)
        | ({"gen_ai.request.stream": True} if call.streams else {})
    )


def _model(params: Mapping[str, Any]) -> Attributes:
    model = params.get("model")
    return {"gen_ai.request.model": model} if isinstance(model, str) else {}


def _server(server: Server | None) -> Attributes:
    if server is None or not server.address:
        return {}
    port = {} if server.port is None else {"server.port": server.port}
    return {"server.address": server.address, **port}


def _parameters(params: Mapping[str, Any]) -> Attributes:
    attributes: Attributes = {
        name: params[key]
        for key, name in _PARAMETERS.items()
        if isinstance(params.get(key), int | float)
    }
    if isinstance(params.get("n"), int) and params["n"] != 1:
        attributes["gen_ai.request.choice.count"] = params["n"]
    stop = params.get("stop")
    texts = [stop] if isinstance(stop, str) else stop
    if isinstance(texts, list | tuple) and texts:
        attributes["gen_ai.request.stop_sequences"] = list(map(str, texts))
    match params:
        case {"response_format": {"type": str(kind)}} if kind in _OUTPUT_TYPES:
            attributes["gen_ai.output.type"] = _OUTPUT_TYPES[kind]
        case {"encoding_format": str(encoding)}:
            attributes["gen_ai.request.encoding_formats"] = [encoding]
        case _:
            pass
    return attributes


# --- response ---------------------------------------------------------------------------------------


def response_attributes(response: object) -> Attributes:
    """Return what a response adds, and how the call went."""
    match response:
        case ChatResponse():
            reasons = [choice.finish_reason or "" for choice in response.choices]
            return (
                _texts(id=response.id, model=response.model)
                | ({"gen_ai.response.finish_reasons": reasons} if any(reasons) else {})
                | _usage(response.usage)
                | _info(response.info)
            )
        case EmbeddingResponse():
            return (
                _texts(id=None, model=response.model)
                | {"gen_ai.usage.input_tokens": response.usage.prompt_tokens}
                | _infos(response.infos)
            )
        case ModerationResponse() | ClassificationResponse():
            return _texts(id=response.id, model=response.model) | _info(response.info)
        case OCRResponse():
            return _texts(id=None, model=response.model) | _info(response.info)
        case _:
            return {}


def usage_of(response: object) -> Usage | None:
    """Return the tokens that a server has counted for a response, or for an error."""
    match response:
        case ChatResponse(usage=Usage() as usage):
            return usage
        case EmbeddingResponse(usage=usage):
            return usage
        case StreamInterruptedError(usage=Usage() as usage):
            return usage
        case _:
            return None


def _texts(*, id: str | None, model: str | None) -> Attributes:
    found = {"gen_ai.response.id": id, "gen_ai.response.model": model}
    return {name: value for name, value in found.items() if value}


def _usage(usage: Usage | None) -> Attributes:
    if usage is None:
        return {}
    counts = {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "gen_ai.usage.audio.input_tokens": usage.prompt_audio_tokens,
        "gen_ai.usage.audio.output_tokens": usage.completion_audio_tokens,
        # A part of them was not reported, because a stream was interrupted.
        "portkey_mistral.usage.estimated": usage.estimated or None,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _infos(infos: Iterable[CallInfo]) -> Attributes:
    """Describe the requests of an embedding job by the last of them."""
    attributes: Attributes = {}
    for info in infos:
        attributes = _info(info)
    return attributes


def _info(info: CallInfo) -> Attributes:
    found = {
        "portkey_mistral.lane": info.lane,
        "portkey_mistral.option_path": info.option_path,
        "portkey_mistral.cache_status": info.cache_status,
        "portkey_mistral.trace_id": info.trace_id,
        "portkey_mistral.request_id": info.request_id,
        "portkey_mistral.lost_parameters": list(info.lost) or None,
    }
    attributes: Attributes = {name: value for name, value in found.items() if value is not None}
    attributes |= _cost(info.cost)
    if info.provider:
        attributes["gen_ai.provider.name"] = provider_name(info.provider)
    return attributes


def _cost(cost: Cost | None) -> Attributes:
    if cost is None:
        return {}
    return {
        "portkey_mistral.cost.amount": float(cost.amount),
        "portkey_mistral.cost.currency": cost.currency,
    }


def error_attributes(error: BaseException) -> Attributes:
    """Return what an error adds."""
    attributes: Attributes = {"error.type": error_type(error)}
    if isinstance(error, APIError):
        found = {
            "portkey_mistral.trace_id": error.trace_id,
            "portkey_mistral.request_id": error.request_id,
        }
        attributes |= {name: value for name, value in found.items() if value}
        attributes |= _cost(error.cost)
    return attributes


# --- attempts ---------------------------------------------------------------------------------------


def attempt_attributes(
    attempt: Attempt, wire_request: WireRequest, *, sent_before: int, transport: str
) -> Attributes:
    """Return what is known when an attempt is sent. They are those of an HTTP request (stable conventions).

    None begins with `gen_ai`, or tools would count an attempt as a call of a model.
    """
    request = wire_request.request
    attributes: Attributes = {
        "http.request.method": request.method,
        "url.full": visible_url(request.url),
        **_server(server_of(request.url)),
        "portkey_mistral.attempt.path": attempt.path,
        "portkey_mistral.attempt.number": attempt.number,
        "portkey_mistral.attempt.provider": wire_request.provider,
        "portkey_mistral.transport": transport,
    }
    if sent_before:
        attributes["http.request.resend_count"] = sent_before
    if wire_request.model is not None:
        attributes["portkey_mistral.attempt.model"] = wire_request.model
    return attributes


def record_attributes(record: AttemptRecord, error: BaseException | None) -> Attributes:
    """Return what an attempt adds that has ended."""
    attributes: Attributes = {}
    status = error.status_code if isinstance(error, APIStatusError) else record.status
    if status is not None and (error is None or isinstance(error, APIStatusError)):
        attributes["http.response.status_code"] = status
    if error is not None:
        attributes["error.type"] = error_type(error)
    return attributes
