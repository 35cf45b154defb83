"""Embeddings of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portkey_mistral.sandbox import limits
from portkey_mistral.sandbox.embeddings import embed, packed
from portkey_mistral.sandbox.endpoints.order import Order, parse, request_limits
from portkey_mistral.sandbox.faults import Fault, damaged
from portkey_mistral.sandbox.replies import Reply, json_reply
from portkey_mistral.sandbox.schema import EmbeddingRequest

__all__ = ["embeddings"]

_USUAL_SIZE = 1024


def embeddings(order: Order) -> Reply:
    """Answer `POST /v1/embeddings`."""
    request = parse(EmbeddingRequest, order.body, inside=("body", "EmbeddingRequest"))
    model = limits.require_model(request.model, "embeddings", today=order.today)
    counts = limits.check_embeddings(request, model)
    texts = [request.input] if isinstance(request.input, str) else request.input
    size = request.output_dimension or model.dimensions or _USUAL_SIZE
    kind = request.output_dtype.value, request.encoding_format.value
    rows = [
        {"object": "embedding", "index": index, "embedding": packed(embed(text, size), *kind)}
        for index, text in enumerate(texts)
    ]
    body = {
        "id": order.id,
        "object": "list",
        "model": request.model,
        "data": _damaged_rows(rows, order.fault),
        "usage": {
            "prompt_tokens": sum(counts),
            "completion_tokens": 0,
            "total_tokens": sum(counts),
            "request_count": len(texts),
        },
    }
    reply = json_reply(body, headers=request_limits())
    reply.steps = damaged(reply.steps, order.fault)
    return reply


def _damaged_rows(rows: Sequence[Mapping[str, Any]], fault: Fault) -> Sequence[Mapping[str, Any]]:
    match fault.vectors:
        case "shuffled":
            return [*rows[1::2], *rows[::2]]
        case "short":
            return rows[:-1]
        case _:
            return rows
