"""Continues a chat response that was cut off: whether its request allows that, and with which body.

`_transport/streaming.py` decides whether an interrupted stream is continued, `_call/builders.py` by which targets;
`repeated_prefix.py` removes the text that the model repeats.
Mistral continues an assistant message sent last with `prefix: true`, and repeats that text at the start of its
response (its API reference; in streams too: vercel/ai#3256, SillyTavern#2557).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portkey_mistral._wire.parameters import resolve_aliases
from portkey_mistral.tokens import estimate_tokens

__all__ = [
    "Continuation",
    "continuation_body",
    "not_continuable",
    "reduce_token_limits",
]

# Values with which a response is plain text. A prefix cannot contain half a tool call, thought or JSON value, or
# several choices.
_PLAIN_TEXT: Mapping[str, tuple[Any, ...]] = {
    "tools": (None, [], ()),
    "response_format": (None, {"type": "text"}),
    "n": (None, 1),
    "prompt_mode": (None,),
    "reasoning_effort": (None, "none"),
}
_LOWEST_LIMITS: Mapping[str, int] = {"max_tokens": 1, "max_completion_tokens": 1, "min_tokens": 0}


@dataclass(frozen=True, slots=True)
class Continuation:
    """A body that continues a response. `prefix` is the text of its last message, which Mistral repeats."""

    body: dict[str, Any]
    prefix: str


def not_continuable(body: Mapping[str, Any], overrides: Mapping[str, Any]) -> str | None:
    """Return why a response to this canonical body cannot be continued, or None where it can."""
    if "messages" not in body:
        return "only a chat response can be continued"
    if "messages" in overrides:
        return "the config replaces the messages"
    merged = {**body, **resolve_aliases(overrides)}
    for name, plain in _PLAIN_TEXT.items():
        if merged.get(name) not in plain:
            return f"only plain text can be continued, and the request sets {name}"
    return None


def continuation_body(body: Mapping[str, Any], so_far: str) -> Continuation:
    """Return a body whose last message is the text so far, as a prefix, with the token limits reduced."""
    *messages, last = body["messages"]
    prefix = so_far
    if not last.get("prefix"):
        messages.append(last)
    elif isinstance(last["content"], str) and not so_far.startswith(last["content"]):
        # The caller's own prefix. Mistral repeats it at the start of the text so far; other servers do not.
        prefix = last["content"] + so_far
    messages.append({"role": "assistant", "content": prefix, "prefix": True})
    return Continuation({**reduce_token_limits(body, so_far), "messages": messages}, prefix)


def reduce_token_limits(fields: Mapping[str, Any], so_far: str) -> dict[str, Any]:
    """Reduce the token limits in a body, or in overrides, by what was received.

    The estimate is high: a continued response should rather end early than exceed the limit.
    """
    received = estimate_tokens(so_far)
    reduced = {
        name: max(lowest, fields[name] - received)
        for name, lowest in _LOWEST_LIMITS.items()
        if isinstance(fields.get(name), int)
    }
    return {**fields, **reduced}
