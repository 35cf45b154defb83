"""Joins the deltas of a stream into the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from portkey_mistral.messages import Content, Message, Part, TextPart, ThinkingPart, ToolCall
from portkey_mistral.responses import (
    TRUNCATED,
    CallInfo,
    ChatResponse,
    Choice,
    Delta,
    FinishReason,
    ToolCallDelta,
    Usage,
)

__all__ = ["Assembler"]


class _Call:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id: str | None = None
        self.name = ""
        self.arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        self.id = self.id or delta.id
        self.name = self.name or delta.name or ""
        self.arguments.append(delta.arguments)

    def done(self, *, truncated: bool) -> ToolCall:
        """Return the call so far. Without arguments they are an empty object, unless the answer was cut off before them."""
        self.arguments = ["".join(self.arguments)]
        return ToolCall(self.id, self.name, self.arguments[0] or ("" if truncated else "{}"))


class _Choice:
    __slots__ = ("calls", "finish_reason", "logprobs", "parts")

    def __init__(self) -> None:
        self.parts: list[Part | str] = []
        self.calls: dict[int, _Call] = {}
        self.finish_reason: FinishReason | None = None
        self.logprobs: list[Any] = []

    def add(self, delta: Delta) -> None:
        if delta.parts:
            self.parts += delta.parts
        elif delta.text:
            self.parts.append(delta.text)
        if delta.tool_calls:
            for piece in delta.tool_calls:
                self.calls.setdefault(piece.index, _Call()).add(piece)
        if delta.finish_reason is not None:
            self.finish_reason = delta.finish_reason
        if delta.logprobs is not None:
            self.logprobs += delta.logprobs.get("content") or ()

    def content(self) -> Content:
        pieces: list[Any] = self.parts
        try:
            content: Content = "".join(pieces)
        except TypeError:  # not all of them are strings
            content = _content_of_parts(pieces)
        # Keeps the joined parts, because joining all of them after every delta would take quadratic time.
        self.parts = [content] if isinstance(content, str) else list(content)
        return content

    def message(self) -> Message:
        return Message("assistant", self.content(), self._tool_calls() if self.calls else ())

    def _tool_calls(self) -> tuple[ToolCall, ...]:
        truncated = self.finish_reason in TRUNCATED
        return tuple(self.calls[index].done(truncated=truncated) for index in sorted(self.calls))


class Assembler:
    """Adds up the deltas of one stream to the answer received so far.

    Consecutive texts are joined into one, and so are consecutive thinking parts.
    """

    def __init__(self) -> None:
        self._choices: defaultdict[int, _Choice] = defaultdict(_Choice)
        self._id: str | None = None
        self._model = ""
        self._created: int | None = None
        self.usage: Usage | None = None

    def add(self, delta: Delta) -> None:
        if delta.usage is not None:
            self.usage = delta.usage
        if self._id is None or not self._model:
            self._identify(delta)
        if delta.choice >= 0:
            self._choices[delta.choice].add(delta)

    @property
    def model(self) -> str:
        """The model that the response names; empty so far."""
        return self._model

    @property
    def text(self) -> str | None:
        """The text of the first choice so far; None if it contains anything else."""
        choice = self._choices.get(0)
        content = None if choice is None or choice.calls else choice.content()
        return content if isinstance(content, str) else None

    def message(self, choice: int) -> Message:
        """Return the message of a choice of which something was received."""
        return self._choices[choice].message()

    def messages(self) -> tuple[Message, ...]:
        """Return one message per choice, in the order of the choices."""
        return tuple(self._choices[index].message() for index in sorted(self._choices))

    def response(self, info: CallInfo | None = None) -> ChatResponse:
        """Return the answer received so far. `raw` is empty, because there is no complete body."""
        return ChatResponse(
            id=self._id,
            model=self._model,
            choices=tuple(
                Choice(index, choice.message(), choice.finish_reason, _logprobs(choice.logprobs))
                for index, choice in sorted(self._choices.items())
            ),
            usage=self.usage,
            created=self._created,
            info=info or CallInfo(),
        )

    def _identify(self, delta: Delta) -> None:
        self._id = self._id or delta.id
        self._model = self._model or delta.model or ""
        created = delta.raw.get("created")
        if self._created is None and isinstance(created, int):
            self._created = created


def _logprobs(tokens: list[Any]) -> Mapping[str, Any] | None:
    return {"content": tokens} if tokens else None


def _content_of_parts(pieces: list[Part | str]) -> Content:
    """Join consecutive parts of the same type; content that is only text is returned as text."""
    runs: list[list[Part]] = []
    for piece in pieces:
        part = TextPart(piece) if isinstance(piece, str) else piece
        if isinstance(part, TextPart) and not part.text:
            continue
        if runs and isinstance(part, TextPart | ThinkingPart) and type(runs[-1][0]) is type(part):
            runs[-1].append(part)
        else:
            runs.append([part])
    parts = tuple(_joined(run) for run in runs)
    match parts:
        case ():
            return ""
        case (TextPart(text),):
            return text
        case _:
            return parts


def _joined(run: list[Part]) -> Part:
    match run[0]:
        case TextPart():
            return TextPart("".join(part.text for part in run if isinstance(part, TextPart)))
        case ThinkingPart():
            return _joined_thinking([part for part in run if isinstance(part, ThinkingPart)])
        case part:
            return part


def _joined_thinking(run: list[ThinkingPart]) -> ThinkingPart:
    return ThinkingPart(
        text="".join(part.text for part in run),
        closed=run[-1].closed,
        signature=next((part.signature for part in reversed(run) if part.signature), None),
        references=tuple(reference for part in run for reference in part.references),
    )
