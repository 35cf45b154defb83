"""One line on how a call went: model, route, tokens and cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from portkey_mistral.cli.console import usd

if TYPE_CHECKING:
    from portkey_mistral.responses import AttemptRecord, CallInfo, ChatResponse, Usage

__all__ = ["summary"]


def summary(response: ChatResponse) -> str:
    """Describe a call, for example "mistral-small-2603 · direct · 14+36 tokens · $0.000024"."""
    return " · ".join(_parts(response))


def _parts(response: ChatResponse) -> Iterator[str]:
    info = response.info
    yield response.model or "model not reported"
    yield _mode(info)
    yield from _route(info)
    if response.usage is not None:
        yield _tokens(response.usage)
    yield usd(info.cost)
    if info.lost:
        yield f"not sent: {', '.join(info.lost)}"


def _mode(info: CallInfo) -> str:
    lane = f" ({info.lane})" if info.lane else ""
    provider = f" {info.provider}" if info.provider not in (None, "mistral-ai") else ""
    return f"{info.mode}{lane}{provider}"


def _route(info: CallInfo) -> Iterator[str]:
    failed = [attempt for attempt in info.attempts if attempt.error is not None]
    if failed:
        yield f"after {', '.join(map(_failure, failed))}"
    if info.option_path and info.option_path != "config":
        yield info.option_path
    if info.retry_count and not failed:  # the gateway's own retries
        yield f"{info.retry_count} retries"
    if info.cache_status == "HIT":
        yield "from the cache"
    denied = [
        verdict.id or "a guardrail" for verdict in info.guardrails if verdict.verdict is False
    ]
    if denied:
        yield f"failed guardrails: {', '.join(denied)}"


def _failure(attempt: AttemptRecord) -> str:
    return f"{attempt.path} {attempt.status or 'skipped'}"


def _tokens(usage: Usage) -> str:
    about = "about " if usage.estimated else ""
    cached = f", {usage.cached_tokens:,} cached" if usage.cached_tokens else ""
    return f"{about}{usage.prompt_tokens:,}+{usage.completion_tokens:,} tokens{cached}"
