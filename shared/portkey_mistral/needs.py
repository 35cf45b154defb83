"""What a request asks of a model, in the words of the catalog. Pure.

Only what a model without the ability is sure to refuse is named, so that nothing is turned away here that
would have been answered. The finer points (which reasoning efforts, whether a prediction is used) are
left to the service, whose refusal names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from portkey_mistral.messages import AudioPart, ImagePart, Part, UnknownPart
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    Request,
    Tool,
)

__all__ = ["needs_of"]

# Members of Mistral's training jobs, which somebody may try to pass through `model_kwargs`.
_TRAINING = frozenset({"fine_tuning", "training_files", "validation_files", "hyperparameters"})


def needs_of(request: Request) -> frozenset[str]:
    """Return the capabilities that the model of a request must have.

    They are values of `portkey_mistral.models.Capability`, besides "image_generation" and "fine_tuning".
    """
    match request:
        case ChatRequest():
            return frozenset(_of_chat(request))
        case FIMRequest():
            return frozenset({"fim"})
        case EmbeddingRequest():
            return frozenset({"embeddings"})
        case ModerationRequest():
            return frozenset({"moderation"})
    assert_never(request)


def _of_chat(request: ChatRequest) -> Iterator[str]:
    yield "chat"
    for message in request.messages:
        if not isinstance(message.content, str):
            yield from filter(None, map(_of_part, message.content))
    for tool in request.tools:
        yield "tools" if isinstance(tool, Tool) else _of_tool(tool)
    if not _TRAINING.isdisjoint(request.extra):
        yield "fine_tuning"
    if "image" in (request.extra.get("modalities") or ()):
        yield "image_generation"


def _of_part(part: Part) -> str | None:
    match part:
        case ImagePart():
            return "vision"
        case AudioPart():
            return "audio"
        case UnknownPart(raw) if raw.get("type") == "image_url":
            return "vision"
        case _:
            return None


def _of_tool(tool: Mapping[str, object]) -> str:
    kind = tool.get("type")
    return str(kind) if kind in ("image_generation", "fine_tuning") else "tools"
