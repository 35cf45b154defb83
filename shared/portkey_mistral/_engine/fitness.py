"""Which targets may have a request at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from portkey_mistral._engine.outcomes import RequestFacts
from portkey_mistral.config import Skip, Target
from portkey_mistral.models import ModelInfo

__all__ = ["FindModel", "model_of", "unfit"]

FindModel: TypeAlias = Callable[[str], ModelInfo | None]


def unfit(
    target: Target, facts: RequestFacts, skip: Collection[Skip], find: FindModel
) -> str | None:
    """Say why a target may not have a request; None when it may.

    A target flagged for fill-in-the-middle never gets anything else: its host would take a chat for a
    prompt. The rest is asked for by `strategy.skip`, and holds for models of the catalog only.
    """
    if target.mistral_fim_completion and facts.operation not in ("fim", "models"):
        return f"{target.path} is for fill-in-the-middle only"
    model = find(model_of(target, facts.params)) if skip else None
    if model is None:
        return None
    missing = facts.needs - model.capabilities if model.capabilities else frozenset()
    if "capability" in skip and missing:
        return f"{target.path}: {model.id} has no {', '.join(sorted(missing))}"
    if "context" not in skip or model.context_window is None:
        return None
    needed = facts.prompt_tokens() + _max_tokens(target, facts)
    if needed > model.context_window:
        return f"{target.path}: {model.id} has room for {model.context_window} tokens, not {needed}"
    return None


def model_of(target: Target, params: Mapping[str, Any]) -> str:
    """Return the model that a target is asked for: its own where it overrides the caller's."""
    return str(target.override_params.get("model") or params.get("model") or "")


def _max_tokens(target: Target, facts: RequestFacts) -> int:
    asked = {**facts.params, **target.override_params}.get("max_tokens")
    return asked if isinstance(asked, int) else 0
