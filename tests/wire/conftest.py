"""Checks request bodies against Mistral's published schemas if they are available, and always against a short table."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[3] / "shared" / "mistral" / "schemas.json"

CHAT = {
    "model", "messages", "stream", "temperature", "top_p", "max_tokens", "min_tokens", "stop",
    "random_seed", "n", "presence_penalty", "frequency_penalty", "repetition_penalty", "top_k",
    "logprobs", "top_logprobs", "metadata", "response_format", "tools", "tool_choice",
    "parallel_tool_calls", "prediction", "reasoning_effort", "prompt_mode", "guardrails",
    "prompt_cache_key", "service_tier", "safe_prompt",
}  # fmt: skip
FIM = {
    "model", "prompt", "suffix", "temperature", "top_p", "max_tokens", "min_tokens", "stream",
    "stop", "random_seed", "metadata", "prompt_cache_key",
}  # fmt: skip
BODIES = {
    "chat.request": CHAT,
    "fim.request": FIM,
    "embeddings.request": {
        "model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format",
    },
    "moderations.request": {"model", "input", "metadata"},
    "chat.moderations.request": {"model", "input"},
}  # fmt: skip
MESSAGES = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}

Accept = Callable[[str, Mapping[str, Any]], None]


@pytest.fixture(scope="session")
def accept() -> Accept:
    """Fail unless Mistral would accept the body of the given entry point."""
    bundle = json.loads(SCHEMAS.read_text()) if SCHEMAS.exists() else None

    def check(entry: str, body: Mapping[str, Any]) -> None:
        assert set(body) <= BODIES[entry]
        assert None not in body.values()
        for message in body.get("messages", ()):
            assert set(message) <= MESSAGES[message["role"]]
        if bundle is not None:
            schema = {**bundle, "$ref": bundle["x-entry-points"][entry]}
            faults = Draft202012Validator(schema).iter_errors(json.loads(json.dumps(body)))
            assert [(list(fault.absolute_path), fault.message) for fault in faults] == []

    return check
