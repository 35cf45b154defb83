"""Whole answers, from JSON to domain values. What is not as the API promises raises MalformedAnswer."""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from operator import countOf
from typing import Any

from portkey_mistral._wire.faults import MalformedAnswer
from portkey_mistral._wire.fragments import arguments_text
from portkey_mistral._wire.ids import known_id, short_id
from portkey_mistral._wire.parts import decode_content, refusal, refusal_in
from portkey_mistral._wire.usage import decode_usage
from portkey_mistral.messages import Content, Message, TextPart, ThinkingPart, ToolCall
from portkey_mistral.requests import EmbeddingDtype
from portkey_mistral.responses import (
    ChatResponse,
    Choice,
    ModelCard,
    ModerationResponse,
    Usage,
)

__all__ = [
    "MalformedAnswer",
    "decode_chat",
    "decode_embeddings",
    "decode_models",
    "decode_moderation",
]

_MESSAGE_MEMBERS = frozenset(
    {"role", "content", "tool_calls", "prefix", "reasoning_content", "reasoning", "refusal"}
)
# How the elements of a base64 vector are packed, by the dtype that was asked for.
_PACKED: Mapping[EmbeddingDtype, str] = {
    "float": "f",
    "int8": "b",
    "uint8": "B",
    "binary": "b",
    "ubinary": "B",
}


def decode_chat(body: object) -> ChatResponse:
    """Read an answer of the chat or the fill-in-the-middle endpoint."""
    answer = _object(body, "the answer")
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise MalformedAnswer("the answer holds no choices")
    id_ = answer.get("id")
    return ChatResponse(
        id=id_,
        model=answer.get("model") or "",
        choices=tuple(_choice(raw, at, str(id_)) for at, raw in enumerate(choices)),
        usage=decode_usage(answer.get("usage"), service_tier=answer.get("service_tier")),
        created=answer.get("created"),
        raw=answer,
    )


def _choice(raw: object, at: int, seed: str) -> Choice:
    choice = _object(raw, f"choices[{at}]")
    index = choice.get("index", at)
    return Choice(
        index=index,
        message=_message(choice, at, f"{seed}:{index}"),
        finish_reason=choice.get("finish_reason"),
        logprobs=choice.get("logprobs"),
    )


def _message(choice: Mapping[str, Any], at: int, seed: str) -> Message:
    # Where Mistral ran tools of its own, a choice carries what was said as several messages.
    several = choice.get("messages")
    if isinstance(several, list) and choice.get("message") is None:
        said = [_one_message(raw, at, seed) for raw in several if _is_assistants(raw)]
        return Message(
            "assistant",
            _joined([message.content for message in said]),
            tuple(call for message in said for call in message.tool_calls),
            extra={"messages": several},
        )
    return _one_message(choice.get("message"), at, seed)


def _is_assistants(raw: object) -> bool:
    return isinstance(raw, Mapping) and raw.get("role") in (None, "assistant")


def _one_message(raw: object, at: int, seed: str) -> Message:
    message = _object(raw, f"choices[{at}].message")
    content = decode_content(message.get("content"))
    # Other OpenAI-compatible servers keep the thinking beside the content.
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str) and thought:
        content = _joined([(ThinkingPart(thought),), content])
    if (refused := refusal_in(message)) is not None:
        content = _joined([content, (refusal(refused),)])
    return Message(
        "assistant",
        content,
        _tool_calls(message.get("tool_calls"), seed),
        extra={name: value for name, value in message.items() if name not in _MESSAGE_MEMBERS},
    )


def _joined(contents: Sequence[Content]) -> Content:
    """Join contents; text next to text becomes one text."""
    if all(isinstance(content, str) for content in contents):
        return "".join(content for content in contents if isinstance(content, str))
    return tuple(
        part
        for content in contents
        for part in ((TextPart(content),) if isinstance(content, str) and content else content)
        if not isinstance(part, str)
    )


def _tool_calls(raw: object, seed: str) -> tuple[ToolCall, ...]:
    if not raw:
        return ()
    if not isinstance(raw, list):
        raise MalformedAnswer("tool_calls is not a list")
    return tuple(_tool_call(call, f"{seed}:{at}") for at, call in enumerate(raw))


def _tool_call(raw: object, seed: str) -> ToolCall:
    call = _object(raw, "a tool call")
    function = _object(call.get("function"), "the function of a tool call")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise MalformedAnswer("a tool call names no function")
    id_ = known_id(call.get("id")) or short_id(seed)
    return ToolCall(id_, name, arguments_text(function.get("arguments")) or "{}")


# --- embeddings -------------------------------------------------------------------------------------


def decode_embeddings(
    body: object, *, expected: int, dtype: EmbeddingDtype = "float", packed: bool = False
) -> tuple[Sequence[Sequence[float]], str, Usage]:
    """Return the vectors in the order of the inputs, the model that made them, and the usage.

    Vectors that came as base64 although numbers were asked for are read all the same. `packed` leaves them
    as the arrays that they came as: no Python number is made of any of them.

    Raises:
        MalformedAnswer: a vector is missing, twice there, empty, of another length than the others, or
            holds something that is not a finite number.
    """
    answer = _object(body, "the answer")
    data = answer.get("data")
    if not isinstance(data, list):
        raise MalformedAnswer("the answer holds no embeddings")
    if len(data) != expected:
        raise MalformedAnswer(f"asked for {expected} embeddings, got {len(data)}")
    arrays = _in_order(data, dtype)
    for index, vector in enumerate(arrays):
        _check_vector(vector, index, len(arrays[0]))
    vectors = arrays if packed else [v.tolist() if isinstance(v, array) else v for v in arrays]
    usage = decode_usage(answer.get("usage")) or Usage()
    return vectors, answer.get("model") or "", usage


def _in_order(data: list[Any], dtype: EmbeddingDtype) -> list[Sequence[float]]:
    found: dict[int, Sequence[float]] = {}
    for at, item in enumerate(data):
        row = _object(item, f"data[{at}]")
        index = row.get("index", at)
        if index in found or not isinstance(index, int) or not 0 <= index < len(data):
            raise MalformedAnswer(f"data[{at}] has the index {index!r}, twice or out of range")
        found[index] = _vector(row.get("embedding"), index, dtype)
    return [found[index] for index in range(len(data))]


def _vector(raw: object, index: int, dtype: EmbeddingDtype) -> list[float] | array[float]:
    if isinstance(raw, list):
        return _floats(raw, index) if dtype == "float" else raw
    if not isinstance(raw, str):
        raise MalformedAnswer(f"embedding {index} is {type(raw).__name__}", index=index)
    try:
        packed: array[float] = array(_PACKED[dtype], b64decode(raw, validate=True))
    except (Base64Error, ValueError):
        raise MalformedAnswer(f"embedding {index} is no base64 of {dtype}", index=index) from None
    if sys.byteorder == "big":
        packed.byteswap()
    return packed


def _floats(raw: list[Any], index: int) -> list[float]:
    """A server may write 0 for 0.0. Converting all would take text and truth values for numbers too."""
    if countOf(map(type, raw), float) == len(raw):
        return raw
    if set(map(type, raw)) <= {float, int}:
        return list(map(float, raw))
    raise MalformedAnswer(f"embedding {index} holds what is not a finite number", index=index)


def _check_vector(vector: Sequence[float], index: int, length: int) -> None:
    if not vector or len(vector) != length:
        raise MalformedAnswer(
            f"embedding {index} has {len(vector)} numbers, the first has {length}", index=index
        )
    if isinstance(vector, array) and not _may_overflow(vector):
        return
    try:
        # One sum over all finds every NaN and infinity; only then is it worth looking closer.
        sound = math.isfinite(sum(vector)) or all(map(math.isfinite, vector))
    except TypeError:
        sound = False
    if not sound:
        raise MalformedAnswer(f"embedding {index} holds what is not a finite number", index=index)


def _may_overflow(packed: array[float]) -> bool:
    """Whether a float32 has the highest exponent, as no number of an embedding has and infinity does."""
    if packed.typecode != "f":
        return False
    highest = packed.tobytes()[3 if sys.byteorder == "little" else 0 :: 4]
    return b"\x7f" in highest or b"\xff" in highest


# --- the rest ---------------------------------------------------------------------------------------


def decode_moderation(body: object) -> ModerationResponse:
    answer = _object(body, "the answer")
    results = answer.get("results")
    if not isinstance(results, list):
        raise MalformedAnswer("the answer holds no moderation results")
    return ModerationResponse(
        id=answer.get("id"),
        model=answer.get("model") or "",
        results=tuple(_object(result, f"results[{at}]") for at, result in enumerate(results)),
    )


def decode_models(body: object) -> tuple[ModelCard, ...]:
    """Read a list of models; some servers leave out the object around it."""
    cards = body if isinstance(body, list) else _object(body, "the answer").get("data")
    if not isinstance(cards, list):
        raise MalformedAnswer("the answer holds no list of models")
    rows = [_object(card, f"data[{at}]") for at, card in enumerate(cards)]
    return tuple(ModelCard(str(row["id"]), row) for row in rows if row.get("id"))


def _object(value: object, what: str) -> dict[str, Any]:
    if isinstance(value, dict):  # JSON makes no other mapping
        return value
    raise MalformedAnswer(f"{what} is {type(value).__name__}, not an object")
