"""Encode an answer as a completion: one JSON body, or the events of a stream."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from portkey_mistral.sandbox import tokens
from portkey_mistral.sandbox.answers import Answer, Call

__all__ = ["Bounds", "Completion", "Head", "bounded", "tool_call_id"]

_PADDING = "abcdefghijklmnopqrstuvwxyz0123456789"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FRAGMENT = 8


@dataclass(frozen=True, slots=True)
class Head:
    """The fields that all events of one answer share."""

    id: str
    created: int
    model: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where an answer ends: at a stop sequence, or after `max_tokens` counted from the prefix on."""

    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer per choice, with the token count of the prompt."""

    head: Head
    answers: Sequence[Answer]
    prompt_tokens: int
    cached_tokens: int = 0
    prefix_tokens: int = 0
    logprobs: bool = False
    top_logprobs: int = 0
    service_tier: str | None = None

    @property
    def usage(self) -> Mapping[str, Any]:
        written = sum(map(_size, self.answers)) - self.prefix_tokens * len(self.answers)
        usage: dict[str, Any] = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }
        if self.service_tier is not None:
            usage["service_tier"] = self.service_tier
        return usage

    def body(self) -> Mapping[str, Any]:
        """Return the body of a response that is not streamed."""
        return {
            "id": self.head.id,
            "object": "chat.completion",
            "created": self.head.created,
            "model": self.head.model,
            "usage": self.usage,
            "choices": [self._choice(index, each) for index, each in enumerate(self.answers)],
        }

    def events(self, *, usage: str = "finish", split_calls: bool = False) -> Iterator[bytes]:
        """Yield the payloads of the events, without the closing `[DONE]`."""
        number = 0
        for index, answer in enumerate(self.answers):
            for delta in self._deltas(index, answer, split_calls=split_calls):
                yield self._event([_stream_choice(index, delta, None)], number)
                number += 1
        last = len(self.answers) - 1
        for index, answer in enumerate(self.answers):
            choice = _stream_choice(index, {"content": ""}, _finish_reason(answer))
            with_usage = index == last and usage == "finish"
            yield self._event([choice], number, self.usage if with_usage else None)
            number += 1
        if usage == "alone":
            yield self._event([], number, self.usage)

    def _choice(self, index: int, answer: Answer) -> Mapping[str, Any]:
        calls = [self._call(index, position, call) for position, call in enumerate(answer.calls)]
        message = {"role": "assistant", "content": _content(answer), "tool_calls": calls or None}
        choice: dict[str, Any] = {
            "index": index,
            "finish_reason": _finish_reason(answer),
            "message": message,
        }
        if self.logprobs and isinstance(answer.content, str):
            choice["logprobs"] = _logprobs(answer.content, self.top_logprobs)
        return choice

    def _call(self, choice: int, position: int, call: Call) -> Mapping[str, Any]:
        function = {"name": call.name, "arguments": call.arguments}
        return {
            "id": self._call_id(choice, position, call),
            "function": function,
            "index": position,
        }

    def _call_id(self, choice: int, position: int, call: Call) -> str:
        return call.id or tool_call_id(f"{self.head.id}/{choice}/{position}")

    def _deltas(
        self, index: int, answer: Answer, *, split_calls: bool
    ) -> Iterator[Mapping[str, Any]]:
        yield {"role": "assistant", "content": ""}
        yield from ({"content": piece} for piece in _content_pieces(answer))
        if split_calls:
            for position, call in enumerate(answer.calls):
                yield from self._fragments(index, position, call)
        elif answer.calls:
            calls = [
                self._call(index, position, call) for position, call in enumerate(answer.calls)
            ]
            yield {"content": "", "tool_calls": calls}

    def _fragments(self, choice: int, position: int, call: Call) -> Iterator[Mapping[str, Any]]:
        """Later fragments have an empty name and the literal id "null", as some models send them."""
        tool_id = self._call_id(choice, position, call)
        yield _fragment(tool_id, call.name, "", position)
        for start in range(0, len(call.arguments), _FRAGMENT):
            yield _fragment("null", "", call.arguments[start : start + _FRAGMENT], position)

    def _event(
        self,
        choices: Sequence[Mapping[str, Any]],
        number: int,
        usage: Mapping[str, Any] | None = None,
    ) -> bytes:
        event: dict[str, Any] = {
            "id": self.head.id,
            "object": "chat.completion.chunk",
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        }
        if usage is not None:
            event["usage"] = usage
        if number:
            event["p"] = _PADDING[: 1 + number * 7 % len(_PADDING)]
        return to_json(event)


def bounded(answer: Answer, bounds: Bounds) -> Answer:
    """Cut an answer at a stop sequence or at `max_tokens`. Tool calls are never cut."""
    if not isinstance(answer.content, str) or answer.calls:
        return answer
    written = answer.content.removeprefix(bounds.prefix)
    kept = _before_stop(written, bounds.stop)
    reason = answer.finish_reason
    if bounds.max_tokens is not None:
        parts = tokens.pieces(kept)
        if len(parts) > bounds.max_tokens:
            kept, reason = "".join(parts[: bounds.max_tokens]), "length"
    return Answer(bounds.prefix + kept, (), answer.thinking, reason)


def tool_call_id(seed: str) -> str:
    """Return nine letters or digits derived from the seed."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
    letters = []
    for _ in range(9):
        number, position = divmod(number, 62)
        letters.append(_BASE62[position])
    return "".join(letters)


def _before_stop(text: str, stops: Sequence[str]) -> str:
    positions = [position for stop in stops if stop and (position := text.find(stop)) >= 0]
    return text[: min(positions)] if positions else text


def _finish_reason(answer: Answer) -> str:
    return answer.finish_reason or ("tool_calls" if answer.calls else "stop")


def _content(answer: Answer) -> object:
    text = answer.content
    if not answer.thinking or text is None:
        return text
    chunks = [{"type": "text", "text": text}] if isinstance(text, str) else text
    return [*_closed_thoughts(answer), *chunks]


def _content_pieces(answer: Answer) -> Iterator[object]:
    """A reasoning model streams lists until its first text, which shares a list with the closed thought."""
    if not isinstance(answer.content, str):
        if answer.content is not None:
            yield [*_closed_thoughts(answer), *answer.content]
        return
    words = iter(tokens.words(answer.content))
    if answer.thinking:
        yield ""
        yield from ([_thought(word, closed=False)] for word in tokens.words(answer.thinking))
        first = next(words, "")
        yield [_thought("", closed=True), {"type": "text", "text": first}]
    yield from words


def _closed_thoughts(answer: Answer) -> Sequence[object]:
    return [_thought(answer.thinking, closed=True)] if answer.thinking else []


def _thought(text: str, *, closed: bool) -> Mapping[str, Any]:
    return {
        "type": "thinking",
        "thinking": [{"type": "text", "text": text}] if text else [],
        "closed": closed,
    }


def _fragment(tool_id: str, name: str, arguments: str, position: int) -> Mapping[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"id": tool_id, "function": function, "index": position}]}


def _stream_choice(index: int, delta: Mapping[str, Any], reason: str | None) -> Mapping[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": reason}


def _size(answer: Answer) -> int:
    text = answer.content if isinstance(answer.content, str) else str(answer.content or "")
    calls = sum(tokens.count(call.name) + tokens.count(call.arguments) for call in answer.calls)
    return tokens.count(text) + tokens.count(answer.thinking) + calls


def _logprobs(text: str, top: int) -> Mapping[str, Any]:
    return {"content": [_logprob(piece, top) for piece in tokens.pieces(text)]}


def _logprob(piece: str, top: int) -> Mapping[str, Any]:
    """The sandbox has no probabilities, so the number is derived from the token."""
    token_id = int.from_bytes(hashlib.sha256(piece.encode()).digest()[:2])
    entry = {
        "token": piece,
        "logprob": math.log(1 - token_id / 2**17),
        "bytes": list(piece.encode()),
        "token_id": token_id,
    }
    return {**entry, "top_logprobs": [entry] if top else []}
