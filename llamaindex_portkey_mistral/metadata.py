"""What LlamaIndex wants to know of a model, from the catalog. Unknown models are never refused."""

from __future__ import annotations

from functools import lru_cache

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS

from portkey_mistral import models

__all__ = ["can", "metadata_of"]


def metadata_of(
    model: str,
    *,
    max_tokens: int | None,
    context_window: int | None,
    is_function_calling_model: bool | None,
) -> LLMMetadata:
    """Look a model up; what the caller says beats the catalog."""
    window, calls_tools = _on_record(model)
    return LLMMetadata(
        context_window=context_window or window,
        num_output=max_tokens or DEFAULT_NUM_OUTPUTS,
        is_chat_model=True,
        is_function_calling_model=(
            calls_tools if is_function_calling_model is None else is_function_calling_model
        ),
        model_name=model,
    )


@lru_cache
def _on_record(model: str) -> tuple[int, bool]:
    """Look up a model's window, and whether it calls tools; every event asks for them."""
    return models.context_window(model), can(model, "tools")


def can(model: str, capability: models.Capability) -> bool:
    """Tell whether a model has an ability; one of which nothing is on record is taken to have it."""
    info = models.find(model)
    return info is None or not info.capabilities or capability in info.capabilities
