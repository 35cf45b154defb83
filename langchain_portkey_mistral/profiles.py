"""Tells LangChain what a model can do, from the core's catalog.

The profile is read, not shown: `create_agent` uses native structured output only where it says so, and
the summarisation middleware takes its limits from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast, get_type_hints

from langchain_core.language_models import ModelProfile

from portkey_mistral.models import ModelInfo, Status, find

__all__ = ["LookedUpProfile", "profile_of"]


class LookedUpProfile(dict[str, Any]):
    """A profile from the catalog, to be told from one that a user gave."""


def profile_of(model: str, *, native_json: bool = True) -> ModelProfile | None:
    """Return the profile of a model by any of its names; None for one that the catalog does not know.

    `native_json` is False where `response_format` would be lost on the way to the model.
    """
    info = find(model)
    if info is None or not info.capabilities:
        return None
    profile = _facts(info) | _abilities(info)
    profile["structured_output"] &= native_json
    # LangChain warns of keys that are newer than the installed version.
    known = {key: value for key, value in profile.items() if key in _known_keys()}
    given = LookedUpProfile({key: value for key, value in known.items() if value is not None})
    return cast("ModelProfile", given)


@cache
def _known_keys() -> frozenset[str]:
    return frozenset(get_type_hints(ModelProfile))


# LangChain's word for each of ours.
_STATUS: Mapping[Status, str] = {
    "preview": "beta",
    "ga": "active",
    "deprecated": "deprecated",
    "retired": "retired",
}


# Of the others the catalog does not say it.
_OPEN: Mapping[str, bool] = {"open": True, "premier": False}


def _facts(info: ModelInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "status": _STATUS[info.status],
        "release_date": info.released.isoformat() if info.released else None,
        "open_weights": _OPEN.get(info.family),
        "max_input_tokens": info.context_window,
        "max_output_tokens": info.max_output_tokens,
        "reasoning_effort_levels": list(info.reasoning_efforts) or None,
    }


def _abilities(info: ModelInfo) -> dict[str, bool]:
    can = info.capabilities
    vision, tools, reads = "vision" in can, "tools" in can, "documents" in can
    return {
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": vision,
        "image_url_inputs": vision,
        "image_tool_message": vision and tools,
        "pdf_inputs": reads,
        "pdf_tool_message": reads and tools,
        "audio_inputs": "audio" in can,
        "video_inputs": False,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "attachment": vision or reads,
        "tool_calling": tools,
        "tool_choice": tools,
        "tool_call_streaming": tools,
        "structured_output": "json" in can,
        "reasoning_output": "reasoning" in can,
        "temperature": True,
    }
