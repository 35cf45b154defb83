"""Token counts as servers spell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral.responses import Usage

__all__ = ["decode_usage"]


def decode_usage(raw: object, *, service_tier: str | None = None) -> Usage | None:
    """Read a `usage` member; None where there is none. Numbers that make no sense count as absent."""
    if not isinstance(raw, dict):
        return None
    of_prompt, of_completion = (
        _details(raw, "prompt_tokens_details"),
        _details(raw, "completion_tokens_details"),
    )
    prompt = _count(raw, "prompt_tokens") or 0
    completion = _count(raw, "completion_tokens") or 0
    total = _count(raw, "total_tokens")
    cached = _count(of_prompt, "cached_tokens")
    if cached is None:
        cached = _count(_details(raw, "prompt_token_details"), "cached_tokens")
    if cached is None:  # the spelling of early 2026
        cached = _count(raw, "num_cached_tokens")
    tier = raw.get("service_tier") or service_tier
    return Usage(
        prompt,
        completion,
        prompt + completion if total is None else total,
        cached,
        _count(of_completion, "reasoning_tokens"),
        _count(raw, "prompt_audio_seconds"),
        tier if isinstance(tier, str) else None,
        prompt_audio_tokens=_count(of_prompt, "audio_tokens"),
        completion_audio_tokens=_count(of_completion, "audio_tokens"),
    )


_NONE: Mapping[str, Any] = {}


def _details(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = raw.get(name)
    return details if isinstance(details, dict) else _NONE


def _count(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    return value if type(value) is int else None  # True and False are ints too
