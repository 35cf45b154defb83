"""One vector space a config: an embedding request never reaches another model than the first target's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._engine.fitness import FindModel, model_of
from portkey_mistral.config import Node, Target, reachable
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.models import find as find_in_catalog

__all__ = ["check_embedding"]


def check_embedding(
    root: Node, params: Mapping[str, Any], *, find: FindModel = find_in_catalog
) -> None:
    """Refuse a config of which two targets would answer an embedding request with other vectors.

    Raises:
        ConfigurationError: naming both targets and what they would embed with.
    """
    targets = [target for target in reachable(root) if not target.mistral_fim_completion]
    for other in targets[1:]:
        if _space(other, params, find) != _space(targets[0], params, find):
            raise ConfigurationError(
                f"{other.path} would embed with {_told(other, params)}, but {targets[0].path} with "
                f"{_told(targets[0], params)}: vectors of the two cannot be compared. Give every target "
                "the same model and dimension, or use a config of its own for embeddings."
            )


def _space(target: Target, params: Mapping[str, Any], find: FindModel) -> tuple[object, ...]:
    model = model_of(target, params)
    known = find(model)
    dimension, dtype = _shape(target, params)
    # An alias names the same model, and the default dimension is the same when it is spelled out.
    return (
        known.id if known else model,
        dimension or (known.dimensions if known else None),
        dtype or "float",
    )


def _shape(target: Target, params: Mapping[str, Any]) -> tuple[object, object]:
    asked = {**params, **target.override_params}
    return asked.get("output_dimension") or asked.get("dimensions"), asked.get("output_dtype")


def _told(target: Target, params: Mapping[str, Any]) -> str:
    dimension, dtype = _shape(target, params)
    parts = (dimension and f"{dimension} dimensions", dtype)
    return ", ".join([repr(model_of(target, params)), *(str(part) for part in parts if part)])
