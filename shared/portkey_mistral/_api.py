"""Names in Mistral's API: its operations and their paths, and the aliases of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

__all__ = ["PARAMETER_ALIASES", "Operation", "is_conversation", "path_of"]

Operation: TypeAlias = Literal[
    "chat", "fim", "embed", "moderate", "classify", "ocr", "models", "feedback", "files", "batch"
]
"""The operations of the API; feedback is Portkey's, all others are Mistral's."""

_PATHS: Mapping[Operation, str] = {
    "chat": "/chat/completions",
    "fim": "/fim/completions",
    "embed": "/embeddings",
    "moderate": "/moderations",
    "classify": "/classifications",
    "ocr": "/ocr",
    "models": "/models",
    "feedback": "/feedback",
    "files": "/files",
    "batch": "/batch/jobs",
}

PARAMETER_ALIASES: Mapping[str, str] = {
    "seed": "random_seed",
    "max_completion_tokens": "max_tokens",
    "safe_mode": "safe_prompt",
    "dimensions": "output_dimension",
}
"""Names of request parameters in other APIs, OpenAI's above all -> Mistral's."""


def path_of(operation: Operation, body: Mapping[str, Any]) -> str:
    """Return the path of an operation below the version, "/chat/completions" for example."""
    if operation in ("moderate", "classify") and is_conversation(body):
        return f"/chat{_PATHS[operation]}"
    return _PATHS[operation]


def is_conversation(body: Mapping[str, Any]) -> bool:
    """Whether the input to moderate or classify is a conversation, which has its own endpoint, and not a list of texts."""
    if isinstance(body.get("input"), Mapping):
        return True
    return any(isinstance(item, Mapping) for item in body.get("input", ()))
