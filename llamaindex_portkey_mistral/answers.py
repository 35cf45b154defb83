"""Makes the objects of a whole answer quickly: LlamaIndex's constructors cost 3 us a call, and this 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ContentBlock,
    LogProb,
    MessageRole,
    TextBlock,
)

from portkey_mistral.moulding import fields_of, fits, mould

__all__ = ["answer", "spoken"]


def constructed_message(blocks: list[ContentBlock], extra: dict[str, Any]) -> ChatMessage:
    """Make what the assistant said as LlamaIndex does."""
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=extra)


def constructed_answer(
    message: ChatMessage,
    raw: dict[str, Any],
    logprobs: list[list[LogProb]] | None,
    facts: dict[str, Any],
) -> ChatResponse:
    """Make an answer as LlamaIndex does."""
    return ChatResponse(message=message, raw=raw, logprobs=logprobs, additional_kwargs=facts)


_SAMPLE = constructed_answer(constructed_message([], {}), {}, None, {})
_MESSAGE, _ANSWER = fields_of(_SAMPLE.message), fields_of(_SAMPLE)


def moulded_message(blocks: list[ContentBlock], extra: dict[str, Any]) -> ChatMessage:
    """Make the same message of the same containers, which must be nobody else's."""
    given = {"role": MessageRole.ASSISTANT, "blocks": blocks, "additional_kwargs": extra}
    return mould(ChatMessage, {**_MESSAGE, **given}, set(given))


def moulded_answer(
    message: ChatMessage,
    raw: dict[str, Any],
    logprobs: list[list[LogProb]] | None,
    facts: dict[str, Any],
) -> ChatResponse:
    """Make the same answer, of the same containers too."""
    given = {"message": message, "raw": raw, "logprobs": logprobs, "additional_kwargs": facts}
    return mould(ChatResponse, {**_ANSWER, **given}, set(given))


def sample(
    make_message: Callable[..., ChatMessage], make_answer: Callable[..., ChatResponse], text: str
) -> ChatResponse:
    """Make an answer with everything in it."""
    message = make_message([TextBlock(text=text)], {"tool_calls": [{"id": "1"}]})
    logprobs = [[LogProb(token=text, logprob=-0.5, bytes=[])]]
    return make_answer(message, {"id": "1"}, logprobs, {"finish_reason": "stop"})


_fit = fits(
    partial(sample, moulded_message, moulded_answer),
    partial(sample, constructed_message, constructed_answer),
)

spoken = moulded_message if _fit else constructed_message
"""Make a message of the assistant's."""

answer = moulded_answer if _fit else constructed_answer
"""Make a whole answer."""
