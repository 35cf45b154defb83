"""Moderation of texts and of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portkey_mistral.sandbox import limits, tokens
from portkey_mistral.sandbox.endpoints.order import Order, parse, request_limits
from portkey_mistral.sandbox.errors import invalid_message_order
from portkey_mistral.sandbox.moderation import scores, violations
from portkey_mistral.sandbox.replies import Reply, json_reply
from portkey_mistral.sandbox.schema import ChatModerationRequest, Message, ModerationRequest

__all__ = ["chat_moderations", "moderations"]


def moderations(order: Order) -> Reply:
    """Answer `POST /v1/moderations`."""
    request = parse(ModerationRequest, order.body)
    limits.require_model(request.model, "moderation", today=order.today)
    texts = [request.input] if isinstance(request.input, str) else request.input
    return _judged(order, request.model, texts)


def chat_moderations(order: Order) -> Reply:
    """Answer `POST /v1/chat/moderations`: the last turn of each conversation is judged."""
    request = parse(ChatModerationRequest, order.body)
    limits.require_model(request.model, "moderation", today=order.today)
    return _judged(order, request.model, [_last(talk) for talk in _conversations(request.input)])


def _conversations(given: Sequence[Message] | Sequence[Sequence[Message]]) -> Sequence[Any]:
    return given if given and isinstance(given[0], list) else [given]


def _last(messages: Sequence[Message]) -> str:
    if not messages:
        raise invalid_message_order("Conversation must have at least one message")
    return messages[-1].model_dump_json(include={"content"})


def _judged(order: Order, model: str, texts: Sequence[str]) -> Reply:
    used = sum(map(tokens.count, texts))
    usage = {
        "prompt_tokens": used,
        "completion_tokens": 0,
        "total_tokens": used,
        "request_count": len(texts),
    }
    body = {"id": order.id, "model": model, "usage": usage, "results": [*map(_result, texts)]}
    return json_reply(body, headers=request_limits())


def _result(text: str) -> Mapping[str, Any]:
    found = scores(text)
    return {"categories": violations(found), "category_scores": found}
