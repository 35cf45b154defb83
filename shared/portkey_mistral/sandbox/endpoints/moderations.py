"""Moderation of texts and of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portkey_mistral.sandbox import limits, tokens
from portkey_mistral.sandbox.endpoints.request import SandboxRequest, parse, request_limits
from portkey_mistral.sandbox.errors import invalid_message_order
from portkey_mistral.sandbox.moderation import scores, violations
from portkey_mistral.sandbox.request_models import ChatModerationRequest, Message, ModerationRequest
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["chat_moderations", "moderations"]


def moderations(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/moderations`."""
    params = parse(ModerationRequest, request.body)
    limits.require_model(params.model, "moderation", today=request.today)
    texts = [params.input] if isinstance(params.input, str) else params.input
    return _moderated(request, params.model, texts)


def chat_moderations(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/chat/moderations`: classifies the last message of each conversation."""
    params = parse(ChatModerationRequest, request.body)
    limits.require_model(params.model, "moderation", today=request.today)
    return _moderated(
        request,
        params.model,
        [_last(conversation) for conversation in _conversations(params.input)],
    )


def _conversations(given: Sequence[Message] | Sequence[Sequence[Message]]) -> Sequence[Any]:
    return given if given and isinstance(given[0], list) else [given]


def _last(messages: Sequence[Message]) -> str:
    if not messages:
        raise invalid_message_order("Conversation must have at least one message")
    return messages[-1].model_dump_json(include={"content"})


def _moderated(request: SandboxRequest, model: str, texts: Sequence[str]) -> SandboxResponse:
    used = sum(map(tokens.count, texts))
    usage = {
        "prompt_tokens": used,
        "completion_tokens": 0,
        "total_tokens": used,
        "request_count": len(texts),
    }
    body = {"id": request.id, "model": model, "usage": usage, "results": [*map(_result, texts)]}
    return json_response(body, headers=request_limits())


def _result(text: str) -> Mapping[str, Any]:
    found = scores(text)
    return {"categories": violations(found), "category_scores": found}
