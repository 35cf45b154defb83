"""LlamaIndex's model metadata, from the model catalog. Unknown models get permissive defaults."""

from __future__ import annotations

from functools import lru_cache

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS

from portkey_mistral import models

__all__ = ["can", "metadata_of"]


def metadata_of(
    names: tuple[str, ...],
    *,
    max_tokens: int | None,
    context_window: int | None,
    is_function_calling_model: bool | None,
) -> LLMMetadata:
    """Return what holds for all models that a call can reach; arguments that are not None override it."""
    window, calls_tools = _catalog_entry(names)
    return LLMMetadata(
        context_window=context_window or window,
        num_output=max_tokens or DEFAULT_NUM_OUTPUTS,
        is_chat_model=True,
        is_function_calling_model=(
            calls_tools if is_function_calling_model is None else is_function_calling_model
        ),
        model_name=names[0],
    )


@lru_cache
def _catalog_entry(names: tuple[str, ...]) -> tuple[int, bool]:
    """Return the context window, and whether all call tools. Cached: every event includes them."""
    return min(map(models.context_window, names)), can(names, "tools")


def can(names: tuple[str, ...], capability: models.Capability) -> bool:
    """Return whether all models have a capability; one without a record is assumed to have it."""
    info = models.common_info(names)
    return info is None or capability in info.capabilities
