"""The body that asks Mistral to go on with an answer that was cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["continued"]

# On the low side, so that a continued answer is rather cut short than longer than was allowed.
_BYTES_PER_TOKEN = 3


def continued(body: Mapping[str, Any], so_far: str) -> dict[str, Any]:
    """Return a chat body whose last message is the text so far, as a prefix.

    `max_tokens` is reduced by about what was received, and stays at least 1.
    """
    *earlier, last = body["messages"]
    if last.get("prefix"):
        # Mistral repeats a prefix in its answer; other servers go on right behind it.
        asked = last["content"] if isinstance(last["content"], str) else ""
        said = so_far if so_far.startswith(asked) else asked + so_far
    else:
        earlier, said = [*earlier, last], so_far
    longer: dict[str, Any] = {
        **body,
        "messages": [*earlier, {"role": "assistant", "content": said, "prefix": True}],
    }
    if "max_tokens" in longer:
        received = len(so_far.encode("utf-8", "replace")) // _BYTES_PER_TOKEN
        longer["max_tokens"] = max(1, longer["max_tokens"] - received)
    return longer
