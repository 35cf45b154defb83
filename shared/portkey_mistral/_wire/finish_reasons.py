"""Finish reasons that mean that a completion failed, although the server answered with a success status."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from portkey_mistral._redaction import scrub, scrub_json
from portkey_mistral._wire.malformed import InBandError

__all__ = ["failed_completion", "failure_message"]

# Mistral's and OpenAI's; "end_turn" and the others are Anthropic's and TGI's, which have OpenAI-compatible APIs.
_ENDED_WELL = frozenset(
    {
        "stop",
        "length",
        "model_length",
        "tool_calls",
        "function_call",
        "content_filter",
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "eos_token",
    }
)
_CONTENT = ("content", "tool_calls", "refusal", "reasoning_content", "reasoning")


def failure_message(finish_reason: object, *, has_content: bool) -> str | None:
    """Return why a choice with this finish reason failed, or None if it did not.

    With "error" Mistral reports that the generation broke off. An unknown reason (DeepSeek's
    "insufficient_system_resource", vLLM's "abort") is a failure only if nothing was generated; with content the
    decision is the caller's.
    """
    if finish_reason == "error":
        return "The model stopped with finish_reason 'error'."
    if has_content or not finish_reason or str(finish_reason) in _ENDED_WELL:
        return None
    return f"The model generated nothing and stopped with finish_reason {finish_reason!r}."


def failed_completion(content: object, *, secrets: Collection[str] = ()) -> InBandError | None:
    """Return the error of a completion, or of an event of a streamed one, if one of its choices failed; else None."""
    choices = content.get("choices") if isinstance(content, dict) else None
    if not isinstance(choices, list):
        return None
    for choice in choices:
        if isinstance(choice, dict) and (message := _failure_of(choice)) is not None:
            return InBandError(
                scrub(message, secrets), body=scrub_json(content, secrets), is_completion=True
            )
    return None


def _failure_of(choice: Mapping[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    if str(reason) in _ENDED_WELL:
        return None
    message = choice.get("message") or choice.get("delta")
    has_content = bool(choice.get("messages")) or (
        isinstance(message, dict) and any(message.get(name) for name in _CONTENT)
    )
    return failure_message(reason, has_content=has_content)
