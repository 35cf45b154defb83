"""Classification of texts and of conversations, by the classifiers of a sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from portkey_mistral.sandbox import tokens
from portkey_mistral.sandbox.endpoints.request import SandboxRequest, parse, request_limits
from portkey_mistral.sandbox.errors import invalid_message_order, invalid_model
from portkey_mistral.sandbox.request_models import (
    ChatClassificationRequest,
    InstructRequest,
    ModerationRequest,
)
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["chat_classifications", "classifications"]


def classifications(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/classifications`."""
    params = parse(ModerationRequest, request.body)
    texts = [params.input] if isinstance(params.input, str) else params.input
    return _classified(request, params.model, texts)


def chat_classifications(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/chat/classifications`."""
    params = parse(ChatClassificationRequest, request.body)
    given = [params.input] if isinstance(params.input, InstructRequest) else params.input
    if not all(each.messages for each in given):
        raise invalid_message_order("Conversation must have at least one message")
    return _classified(request, params.model, [each.model_dump_json() for each in given])


def _classified(request: SandboxRequest, model: str, texts: Sequence[str]) -> SandboxResponse:
    targets = request.classifiers.get(model)
    if targets is None:
        raise invalid_model(model)
    used = sum(map(tokens.count, texts))
    usage = {"prompt_tokens": used, "completion_tokens": 0, "total_tokens": used}
    results = [
        {target: {"scores": _scores(text, labels)} for target, labels in targets.items()}
        for text in texts
    ]
    body: Mapping[str, Any] = {
        "id": request.id,
        "model": model,
        "usage": {**usage, "request_count": len(texts)},
        "results": results,
    }
    return json_response(body, headers=request_limits())


def _scores(text: str, labels: Mapping[str, Sequence[str]]) -> Mapping[str, float]:
    """Score labels by their words in the text; the scores of all labels add up to 1."""
    words = re.findall(r"\w+", text.lower())
    hits = {label: 1 + 9 * sum(map(words.count, own)) for label, own in labels.items()}
    total = sum(hits.values())
    return {label: round(count / total, 6) for label, count in hits.items()}
