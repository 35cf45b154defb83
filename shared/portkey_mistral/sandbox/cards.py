"""The model cards of `/v1/models`, made from the package's model table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from portkey_mistral import models
from portkey_mistral.models import ModelInfo

__all__ = ["card", "cards"]

_CAPABILITIES = {
    "completion_chat": "chat",
    "function_calling": "tools",
    "reasoning": "reasoning",
    "completion_fim": "fim",
    "vision": "vision",
    "ocr": "ocr",
    "moderation": "moderation",
    "audio": "audio",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
}
_NOT_OFFERED = (
    "fine_tuning",
    "classification",
    "audio_transcription_realtime",
    "unified_resources",
)
_TEMPERATURE = 0.3
_WINDOW = 32_768


def cards(today: date) -> list[Mapping[str, Any]]:
    """Return one card for each id and alias of the models that are not retired."""
    live = [model for model in models.all_models() if model.status_on(today) != "retired"]
    return [
        _card(name, model)
        for model in live
        for name in (model.id, *model.aliases)
        if models.find(name) is model
    ]


def card(name: str, today: date) -> Mapping[str, Any] | None:
    """Return the card of one name, None if there is no such model or it is retired."""
    return next((each for each in cards(today) if each["id"] == name), None)


def _card(name: str, model: ModelInfo) -> Mapping[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": _seconds(model.released),
        "owned_by": "mistralai",
        "capabilities": {
            **{key: ours in model.capabilities for key, ours in _CAPABILITIES.items()},
            **dict.fromkeys(_NOT_OFFERED, False),
        },
        "name": model.id,
        "description": model.name,
        "max_context_length": model.context_window or _WINDOW,
        "aliases": [each for each in (model.id, *model.aliases) if each != name],
        "deprecation": _instant(model.retires),
        "deprecation_replacement_model": model.replacement,
        "default_model_temperature": _TEMPERATURE if "chat" in model.capabilities else None,
        "internal": False,
        "billing_model_name": model.id,
        "type": "base",
    }


def _seconds(day: date | None) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) if day else 0


def _instant(day: date | None) -> str | None:
    return datetime.combine(day, time(), UTC).isoformat() if day else None
