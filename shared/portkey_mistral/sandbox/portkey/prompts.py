"""Saved prompts: rendered with the variables of a request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from portkey_mistral.sandbox.portkey.definition import Prompt

__all__ = ["rendered"]

_VARIABLE = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


def rendered(prompt: Prompt, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a prompt: its parameters, model and rendered messages.

    A stored `stream` has no effect; a missing variable is rendered as empty text (Mustache).
    """
    stored = {name: value for name, value in prompt.parameters.items() if name != "stream"}
    messages = [
        {"role": message.role, "content": _render(message.content, variables)}
        for message in prompt.messages
    ]
    return {**stored, "model": prompt.model, "messages": messages}


def _render(text: str, variables: Mapping[str, Any]) -> str:
    def value(found: re.Match[str]) -> str:
        given = variables.get(found[1], "")
        return given if isinstance(given, str) else json.dumps(given)

    return _VARIABLE.sub(value, text)
