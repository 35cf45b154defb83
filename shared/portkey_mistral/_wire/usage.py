"""Token counts as servers spell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral.responses import Usage

__all__ = ["decode_usage"]


def decode_usage(raw: object, *, service_tier: str | None = None) -> Usage | None:
    """Read a `usage` member; None where there is none. Numbers that make no sense count as absent."""
    if not isinstance(raw, Mapping):
        return None
    prompt = _count(raw.get("prompt_tokens")) or 0
    completion = _count(raw.get("completion_tokens")) or 0
    total = _count(raw.get("total_tokens"))
    cached = _first(
        _detail(raw, "prompt_tokens_details", "cached_tokens"),
        _detail(raw, "prompt_token_details", "cached_tokens"),
        # The spelling of early 2026.
        _count(raw.get("num_cached_tokens")),
    )
    tier = raw.get("service_tier") or service_tier
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion if total is None else total,
        cached_tokens=cached,
        reasoning_tokens=_detail(raw, "completion_tokens_details", "reasoning_tokens"),
        prompt_audio_seconds=_count(raw.get("prompt_audio_seconds")),
        prompt_audio_tokens=_detail(raw, "prompt_tokens_details", "audio_tokens"),
        completion_audio_tokens=_detail(raw, "completion_tokens_details", "audio_tokens"),
        service_tier=tier if isinstance(tier, str) else None,
    )


def _detail(raw: Mapping[str, Any], group: str, name: str) -> int | None:
    details = raw.get(group)
    return _count(details.get(name)) if isinstance(details, Mapping) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
