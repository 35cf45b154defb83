"""Requests in OpenAI's dialect, answered by a sandbox of Mistral's API.

Enough for a fallback or a load balance between both: common parameters are translated, all others are left
out, and OpenAI's own rules are not checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portkey_mistral import models
from portkey_mistral.sandbox.request_models import ChatRequest, EmbeddingRequest
from portkey_mistral.sandbox.responses import Step

__all__ = ["PREFIX", "TranslatedRequest", "translate"]

PREFIX = "/openai"

_RENAMED = {
    "max_completion_tokens": "max_tokens",
    "seed": "random_seed",
    "dimensions": "output_dimension",
}
_MAX_TEMPERATURE = 1.5  # OpenAI's is 2
_ENDPOINTS: Mapping[str, tuple[frozenset[str], str]] = {
    "/v1/chat/completions": (frozenset(ChatRequest.model_fields), "mistral-small-latest"),
    "/v1/embeddings": (frozenset(EmbeddingRequest.model_fields), "mistral-embed"),
}


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    """A path and body for the sandbox. `model` is the requested one, `stand_in` a model of Mistral's."""

    path: str
    body: bytes
    model: str = ""
    stand_in: str = ""

    def renamed(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Replace the stand-in's name in a response by that of the requested model."""
        if self.model == self.stand_in:
            return steps
        ours, theirs = (
            f'"model":{json.dumps(name)}'.encode() for name in (self.stand_in, self.model)
        )
        return (step.replace(ours, theirs) if isinstance(step, bytes) else step for step in steps)


def translate(path: str, body: bytes) -> TranslatedRequest:
    """Translate a request below `/openai`; any other, and a body that is not a JSON object, is left unchanged."""
    if not path.startswith(f"{PREFIX}/"):
        return TranslatedRequest(path, body)
    path = path.removeprefix(PREFIX)
    if path not in _ENDPOINTS or not isinstance(sent := _parsed(body), dict):
        return TranslatedRequest(path, body)
    known, stand_in = _ENDPOINTS[path]
    renamed = {_RENAMED.get(str(name), str(name)): value for name, value in sent.items()}
    kept = {name: value for name, value in renamed.items() if name in known}
    temperature = kept.get("temperature")
    if isinstance(temperature, int | float):
        kept["temperature"] = min(temperature, _MAX_TEMPERATURE)
    model = str(renamed.get("model"))
    if models.find(model) is None:
        kept["model"] = stand_in
    return TranslatedRequest(path, json.dumps(kept).encode(), model, str(kept["model"]))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
