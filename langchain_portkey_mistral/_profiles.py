"""Converts the core's model catalog to LangChain's model profiles.

Profiles decide behaviour: `create_agent` uses native structured output only if the profile says that the model
supports it, and the summarisation middleware reads its limits from the profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast, get_type_hints

from langchain_core.language_models import ModelProfile

from portkey_mistral.models import ModelInfo, Status, common_info

__all__ = ["CatalogProfile", "catalog_profile"]


class CatalogProfile(dict[str, Any]):
    """A profile from the catalog, as opposed to one that the user set."""


def catalog_profile(
    models: Sequence[str], *, keeps_response_format: bool = True
) -> ModelProfile | None:
    """Return what holds for all of these models; None if the catalog knows none of them.

    `keeps_response_format` is False if the gateway drops `response_format` on the way to the model.
    """
    info = common_info(models)
    if info is None:
        return None
    profile = _description(info) | _capabilities(info)
    profile["structured_output"] &= keeps_response_format
    # LangChain warns about keys that its installed version does not know.
    known = {
        key: value for key, value in profile.items() if key in _known_keys() and value is not None
    }
    return cast("ModelProfile", CatalogProfile(known))


@cache
def _known_keys() -> frozenset[str]:
    return frozenset(get_type_hints(ModelProfile))


_STATUS: Mapping[Status, str] = {
    "preview": "beta",
    "ga": "active",
    "deprecated": "deprecated",
    "retired": "retired",
}

# Families that are missing here have no entry in the profile: the catalog does not say.
_OPEN_WEIGHTS: Mapping[str, bool] = {"open": True, "premier": False}


def _description(info: ModelInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "status": _STATUS[info.status],
        "release_date": info.released.isoformat() if info.released else None,
        "open_weights": _OPEN_WEIGHTS.get(info.family),
        "max_input_tokens": info.context_window,
        "max_output_tokens": info.max_output_tokens,
        "reasoning_effort_levels": list(info.reasoning_efforts) or None,
    }


def _capabilities(info: ModelInfo) -> dict[str, bool]:
    capabilities = info.capabilities
    images = "vision" in capabilities
    documents = "documents" in capabilities
    tools = "tools" in capabilities
    return {
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": images,
        "image_url_inputs": images,
        "image_tool_message": images and tools,
        "pdf_inputs": documents,
        "pdf_tool_message": documents and tools,
        "audio_inputs": "audio" in capabilities,
        "video_inputs": False,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "attachment": images or documents,
        "tool_calling": tools,
        "tool_choice": tools,
        "tool_call_streaming": tools,
        "structured_output": "json" in capabilities,
        "reasoning_output": "reasoning" in capabilities,
        "temperature": True,
    }
