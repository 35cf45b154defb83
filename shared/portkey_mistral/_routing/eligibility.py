"""Which targets are eligible for a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral.config.values import Node, Skip, Target, reachable
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.models import ModelInfo
from portkey_mistral.models import find as find_in_catalog

__all__ = ["FindModel", "check_embedding", "ineligible_reason", "model_of"]

FindModel: TypeAlias = Callable[[str], ModelInfo | None]


def ineligible_reason(
    target: Target, facts: RequestFacts, skip: Collection[Skip], find: FindModel
) -> str | None:
    """Return why a target is not eligible for a request, or None where it is.

    A target with `mistral_fim_completion` is for fill-in-the-middle only: Portkey sends every request for it to that
    endpoint. The other reasons apply where `strategy.skip` names them, to models in the catalog.
    """
    if target.mistral_fim_completion and facts.operation not in ("fim", "models"):
        return f"{target.path} is for fill-in-the-middle only"
    model = find(model_of(target, facts.params)) if skip else None
    if model is None:
        return None
    missing = (
        facts.required_capabilities - model.capabilities if model.capabilities else frozenset()
    )
    if "capability" in skip and missing:
        return f"{target.path}: {model.id} has no {', '.join(sorted(missing))}"
    if "context" not in skip or model.context_window is None:
        return None
    needed = facts.prompt_tokens() + _max_tokens(target, facts)
    if needed > model.context_window:
        return f"{target.path}: {model.id} has room for {model.context_window} tokens, not {needed}"
    return None


def model_of(target: Target, params: Mapping[str, Any]) -> str:
    """Return the model of a target: the one in its overrides, else the request's."""
    return str(target.override_params.get("model") or params.get("model") or "")


def _max_tokens(target: Target, facts: RequestFacts) -> int:
    max_tokens = {**facts.params, **target.override_params}.get("max_tokens")
    return max_tokens if isinstance(max_tokens, int) else 0


def check_embedding(
    root: Node, params: Mapping[str, Any], *, find: FindModel = find_in_catalog
) -> None:
    """Refuse a config that could answer one embedding request from two vector spaces.

    Raises:
        ConfigurationError: two targets differ in model, dimension or dtype; it names both.
    """
    targets = [target for target in reachable(root) if not target.mistral_fim_completion]
    for other in targets[1:]:
        if _space(other, params, find) != _space(targets[0], params, find):
            raise ConfigurationError(
                f"{other.path} would embed with {_description(other, params)}, but {targets[0].path} with "
                f"{_description(targets[0], params)}: their vectors cannot be compared. Give every target "
                "the same model and dimension, or use a config of its own for embeddings."
            )


def _space(target: Target, params: Mapping[str, Any], find: FindModel) -> tuple[object, ...]:
    model = model_of(target, params)
    known = find(model)
    dimension, dtype = _shape(target, params)
    # An alias counts as the same model, and an unset dimension as the default one.
    return (
        known.id if known else model,
        dimension or (known.dimensions if known else None),
        dtype or "float",
    )


def _shape(target: Target, params: Mapping[str, Any]) -> tuple[object, object]:
    merged = {**params, **target.override_params}
    return merged.get("output_dimension") or merged.get("dimensions"), merged.get("output_dtype")


def _description(target: Target, params: Mapping[str, Any]) -> str:
    dimension, dtype = _shape(target, params)
    parts = (dimension and f"{dimension} dimensions", dtype)
    return ", ".join([repr(model_of(target, params)), *(str(part) for part in parts if part)])
