"""Embeddings of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portkey_mistral.sandbox import limits
from portkey_mistral.sandbox.embeddings import embed, packed
from portkey_mistral.sandbox.endpoints.request import SandboxRequest, parse, request_limits
from portkey_mistral.sandbox.faults import Fault, damaged
from portkey_mistral.sandbox.request_models import EmbeddingRequest
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["embeddings"]

_USUAL_SIZE = 1024


def embeddings(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/embeddings`."""
    params = parse(EmbeddingRequest, request.body, inside=("body", "EmbeddingRequest"))
    model = limits.require_model(params.model, "embeddings", today=request.today)
    counts = limits.check_embeddings(params, model)
    texts = [params.input] if isinstance(params.input, str) else params.input
    size = params.output_dimension or model.dimensions or _USUAL_SIZE
    kind = params.output_dtype.value, params.encoding_format.value
    rows = [
        {"object": "embedding", "index": index, "embedding": packed(embed(text, size), *kind)}
        for index, text in enumerate(texts)
    ]
    body = {
        "id": request.id,
        "object": "list",
        "model": params.model,
        "data": _damaged_rows(rows, request.fault),
        "usage": {
            "prompt_tokens": sum(counts),
            "completion_tokens": 0,
            "total_tokens": sum(counts),
            "request_count": len(texts),
        },
    }
    response = json_response(body, headers=request_limits())
    response.steps = damaged(response.steps, request.fault)
    return response


def _damaged_rows(rows: Sequence[Mapping[str, Any]], fault: Fault) -> Sequence[Mapping[str, Any]]:
    match fault.vectors:
        case "shuffled":
            return [*rows[1::2], *rows[::2]]
        case "short":
            return rows[:-1]
        case _:
            return rows
