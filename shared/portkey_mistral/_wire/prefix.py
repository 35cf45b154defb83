"""The body that asks Mistral to go on with an answer that was cut, and when no body can ask for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portkey_mistral._wire.mistral import renamed
from portkey_mistral.tokens import estimate_tokens

__all__ = ["Continued", "continued", "obstacle", "shortened"]

# A call, a thought or a JSON value cannot be taken up half-way, and several answers not at all.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "tools": (None, [], ()),
    "response_format": (None, {"type": "text"}),
    "n": (None, 1),
    "prompt_mode": (None,),
    "reasoning_effort": (None, "none"),
}
_LIMITS: Mapping[str, int] = {"max_tokens": 1, "max_completion_tokens": 1, "min_tokens": 0}


@dataclass(frozen=True, slots=True)
class Continued:
    """`prefix` is all that the body puts into the model's mouth, which Mistral repeats in its answer."""

    body: dict[str, Any]
    prefix: str


def obstacle(body: Mapping[str, Any], overrides: Mapping[str, Any]) -> str | None:
    """Say why an answer to a canonical body cannot be taken up half-way; None where it can."""
    if "messages" not in body:
        return "only a chat can be continued"
    told = {**body, **renamed(overrides)}
    found = next((name for name, plain in _PLAIN.items() if told.get(name) not in plain), None)
    return None if found is None else f"an answer with {found} cannot be taken up half-way"


def continued(body: Mapping[str, Any], so_far: str) -> Continued:
    """Return a chat body whose last message is the text so far, as a prefix, with shorter limits."""
    *earlier, last = body["messages"]
    if last.get("prefix"):
        # Mistral repeats a prefix in its answer; other servers go on right behind it.
        asked = last["content"] if isinstance(last["content"], str) else ""
        said = so_far if so_far.startswith(asked) else asked + so_far
    else:
        earlier, said = [*earlier, last], so_far
    message = {"role": "assistant", "content": said, "prefix": True}
    return Continued({**shortened(body, so_far), "messages": [*earlier, message]}, said)


def shortened(fields: Mapping[str, Any], so_far: str) -> dict[str, Any]:
    """Reduce the limits of length, in a body or in overrides, by about what was received.

    Tokens are estimated on the high side: a continued answer is rather cut short than longer than allowed.
    """
    received = estimate_tokens(so_far)
    lowered = {
        name: max(least, fields[name] - received)
        for name, least in _LIMITS.items()
        if isinstance(fields.get(name), int)
    }
    return {**fields, **lowered}
