"""Reads members of a server's JSON that may be of the wrong type.

What only describes a response (its id, the name of the model) is treated as absent then; what the response means must
not be guessed, and is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._wire.malformed import MalformedResponse

__all__ = ["choice_index", "counts", "finish_reason", "integer", "logprobs", "string"]

_MAX_COUNT = 10**12
_MAX_LOGPROB = 2.0**63


def string(raw: Mapping[str, Any], name: str) -> str | None:
    """Return a member that is a string; None for any other."""
    value = raw.get(name)
    return value if isinstance(value, str) else None


def integer(raw: Mapping[str, Any], name: str) -> int | None:
    """Return a member that is an integer; None for any other."""
    value = raw.get(name)
    return value if type(value) is int else None  # True and False are ints too


def counts(raw: object) -> dict[str, int]:
    """Return the members of an object that are numbers of tokens or seconds. Budgets add them up."""
    if not isinstance(raw, dict):
        return {}
    return {
        name: value
        for name, value in raw.items()
        if type(value) is int and 0 <= value <= _MAX_COUNT
    }


def choice_index(choice: Mapping[str, Any], default: int) -> int:
    """Return the index of a choice."""
    index = choice.get("index")
    return index if type(index) is int and index >= 0 else default


def finish_reason(choice: Mapping[str, Any]) -> str | None:
    """Return the finish reason of a choice: whether the choice is complete depends on it.

    Raises:
        MalformedResponse: it is neither null nor a string.
    """
    reason = choice.get("finish_reason")
    if reason is None or isinstance(reason, str):
        return reason
    raise MalformedResponse("a finish_reason is not a string")


def logprobs(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the log probabilities of a choice.

    Raises:
        MalformedResponse: they are not objects with a token and a number.
    """
    raw = choice.get("logprobs")
    if raw is None:
        return None
    tokens = raw.get("content") if isinstance(raw, dict) else False
    if tokens is None or _are_tokens(tokens, are_alternatives=False):
        return raw if isinstance(raw, dict) else None
    raise MalformedResponse("the logprobs are not a list of tokens")


def _are_tokens(raw: object, *, are_alternatives: bool) -> bool:
    return isinstance(raw, list) and all(_is_token(token, are_alternatives) for token in raw)


def _is_token(raw: object, is_alternative: bool) -> bool:
    if not isinstance(raw, dict) or not isinstance(raw.get("token"), str):
        return False
    value, data, top = raw.get("logprob"), raw.get("bytes"), raw.get("top_logprobs")
    return (
        (type(value) is float or (type(value) is int and abs(value) < _MAX_LOGPROB))
        and (data is None or (isinstance(data, list) and all(map(_is_byte, data))))
        and (is_alternative or top is None or _are_tokens(top, are_alternatives=True))
    )


def _is_byte(value: object) -> bool:
    return type(value) is int and 0 <= value < 256
