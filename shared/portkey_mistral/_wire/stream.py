"""Decodes a streamed answer. Bytes in, deltas out; every way in which a stream can break is noticed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from portkey_mistral._wire.decode import decode_chat
from portkey_mistral._wire.failures import in_band_error
from portkey_mistral._wire.faults import (
    InBandError,
    MalformedAnswer,
    MalformedEvent,
    StreamCut,
    StreamFault,
)
from portkey_mistral._wire.forms import Form, Seen, form_of
from portkey_mistral._wire.fragments import Fragments
from portkey_mistral._wire.json import loads
from portkey_mistral._wire.parts import decode_content, refusal, refusal_in
from portkey_mistral._wire.sse import SSEDecoder, data_of
from portkey_mistral._wire.usage import decode_usage
from portkey_mistral.messages import Content, Part, TextPart, ThinkingPart, text_of
from portkey_mistral.responses import ChatResponse, Choice, Delta, ToolCallDelta, Usage

__all__ = [
    "InBandError",
    "MalformedEvent",
    "StreamCut",
    "StreamDecoder",
    "StreamFault",
    "deltas_of_answer",
]

_DONE = b"[DONE]"
# Events with text that are looked at before a stream is held to have no form.
_PATIENCE = 16


class StreamDecoder:
    """Reads the body of one streamed answer as it arrives.

    A fault never takes the deltas of the same bytes with it: they are returned first, and the fault is
    raised by the next `feed` or by `finish`. A driver that does not want to wait for more bytes looks at
    `fault` after each `feed`.
    """

    __slots__ = (
        "_before",
        "_finished",
        "_form",
        "_fragments",
        "_patience",
        "_refusals",
        "_reported",
        "_secrets",
        "_sse",
        "_started",
        "_usage",
        "committed",
        "fault",
    )

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._sse = SSEDecoder()
        self._secrets = secrets
        self._form: Form | None = None
        self._before: Seen | None = None
        self._patience = _PATIENCE
        self._started: set[int] = set()
        self._finished: set[int] = set()
        self._fragments: dict[int, Fragments] = {}
        self._refusals: dict[int, str] = {}
        self._usage: Usage | None = None
        self._reported = False
        self.committed = False
        """A content event was seen: text, thinking, a tool call or a finish. Nothing may be replayed now."""
        self.fault: StreamFault | None = None
        """What went wrong, once something has."""

    @property
    def whole(self) -> bool:
        """Whether every choice that was begun has come to its finish."""
        return bool(self._started) and self._started <= self._finished

    def feed(self, data: bytes) -> list[Delta]:
        """Return the deltas of the events that these bytes complete.

        Raises:
            InBandError: the server reported an error.
            MalformedEvent: an event is no chunk of an answer.
        """
        if self.fault is not None:
            raise self.fault
        events = iter(self._sse.feed(data))
        deltas: list[Delta] = []
        try:
            while True:
                event = self._form.read(events, deltas) if self._form else next(events, None)
                if event is None:
                    return deltas
                self._read_with_care(event, deltas)
        except StreamFault as fault:
            self.fault = fault
            if not deltas:
                raise
            return deltas

    def finish(self) -> None:
        """Say that the body has ended.

        Raises:
            StreamFault: what `feed` would have raised next, or StreamCut where the answer is not whole.
        """
        if self.fault is not None:
            raise self.fault
        if not self._started:
            self._explain_nothing()
        if self._started - self._finished:
            raise StreamCut("The stream ended before the answer did: no finish_reason came.")

    def _explain_nothing(self) -> None:
        rest = self._sse.rest.strip()
        if not rest.startswith(b"{"):
            raise StreamCut("The stream ended without a single event of an answer.")
        error = in_band_error(_json(rest), secrets=self._secrets)
        raise error or StreamCut("The server answered a streamed request with a plain JSON body.")

    def _read_with_care(self, event: bytes, deltas: list[Delta]) -> None:
        if (payload := data_of(event)) and payload != _DONE:
            count = len(deltas)
            self._decode(payload, deltas)
            if len(deltas) == count + 1 and deltas[-1].text and self._patience:
                self._learn((event, deltas[-1]))

    def _learn(self, seen: Seen) -> None:
        """Take the form of two events that come one after the other."""
        self._patience -= 1
        if self._before and (form := form_of(seen, self._before)):
            self._form, self._patience = form, _PATIENCE
        self._before = seen

    def _decode(self, payload: bytes, deltas: list[Delta]) -> None:
        event = _json(payload)
        if not isinstance(event, dict):
            raise MalformedEvent(
                f"An event of the stream is {type(event).__name__}, not an object."
            )
        if (error := in_band_error(event, secrets=self._secrets)) is not None:
            raise error
        usage = None
        if event.get("usage") is not None:
            usage = decode_usage(event["usage"], service_tier=event.get("service_tier"))
            self._usage = usage or self._usage
        choices = event.get("choices") or []
        if not isinstance(choices, list):
            raise MalformedEvent("The choices of a streamed event are not a list.")
        for choice in choices:
            self._choice(choice, event, deltas)
        if self._usage is not None and not self._reported:
            self._report_usage(event, deltas, alone=usage is not None and not choices)

    def _choice(self, choice: Any, event: Mapping[str, Any], deltas: list[Delta]) -> None:
        if not isinstance(choice, dict):
            raise MalformedEvent("A choice of a streamed event is not an object.")
        raw = choice.get("delta") or choice.get("message")
        raw = raw if isinstance(raw, dict) else {}
        index = choice.get("index")
        delta = self._delta(index if isinstance(index, int) else 0, raw, choice, event)
        finish = choice.get("finish_reason")
        if finish == "error":
            if delta.text or delta.parts or delta.tool_calls:
                deltas.append(delta)
            raise InBandError("The model stopped with finish_reason 'error'.", body=event)
        if finish is not None:
            self._finish(delta, finish)
        deltas.append(delta)

    def _delta(
        self,
        index: int,
        raw: Mapping[str, Any],
        choice: Mapping[str, Any],
        event: Mapping[str, Any],
    ) -> Delta:
        self._started.add(index)
        text, parts = _content(raw)
        calls: tuple[ToolCallDelta, ...] = ()
        if raw.get("tool_calls"):
            calls = self._fragments.setdefault(index, Fragments()).add(raw["tool_calls"])
        if (refused := refusal_in(raw)) is not None:
            # Given whole, with the finish: what was refused is no text to be shown as it comes.
            self._refusals[index] = self._refusals.get(index, "") + refused
        if text or parts or calls or refused:
            self.committed = True
        logprobs, id_, model = choice.get("logprobs"), event.get("id"), event.get("model")
        return Delta(index, text, parts, calls, None, None, logprobs, id_, model, event)

    def _finish(self, delta: Delta, reason: str) -> None:
        self._finished.add(delta.choice)
        self.committed = True
        delta.finish_reason = reason
        if delta.choice in self._refusals:
            said = delta.parts or _parts(delta.text)
            delta.parts = (*said, refusal(self._refusals[delta.choice]))
        if delta.choice in self._fragments:
            seed = f"{delta.id}:{delta.choice}"
            delta.tool_calls += self._fragments[delta.choice].finish(seed)

    def _report_usage(self, event: Mapping[str, Any], deltas: list[Delta], *, alone: bool) -> None:
        """Give the usage once: with a finish, or on a delta of its own."""
        if deltas and deltas[-1].raw is event and deltas[-1].finish_reason is not None:
            deltas[-1].usage = self._usage
        elif alone:
            deltas.append(
                Delta(
                    choice=-1,
                    usage=self._usage,
                    id=event.get("id"),
                    model=event.get("model"),
                    raw=event,
                )
            )
        else:
            return
        self._reported = True


def deltas_of_answer(body: bytes, *, secrets: Collection[str] = ()) -> list[Delta]:
    """Cut the whole answer of a server that was asked for a stream and sent plain JSON.

    Raises:
        InBandError: the body is an error.
        MalformedAnswer: it is no answer either.
    """
    try:
        raw = loads(body)
    except ValueError:
        raise MalformedAnswer(
            "a streamed request was answered with a body that is no JSON"
        ) from None
    if (error := in_band_error(raw, secrets=secrets)) is not None:
        raise error
    answer = decode_chat(raw)
    deltas = [_whole(choice, answer) for choice in answer.choices]
    deltas[-1].usage = answer.usage
    return deltas


def _whole(choice: Choice, answer: ChatResponse) -> Delta:
    message = choice.message
    return Delta(
        choice=choice.index,
        text=message.text,
        parts=() if isinstance(message.content, str) else message.content,
        tool_calls=tuple(
            ToolCallDelta(at, call.id, call.name, call.arguments)
            for at, call in enumerate(message.tool_calls)
        ),
        finish_reason=choice.finish_reason,
        logprobs=choice.logprobs,
        id=answer.id,
        model=answer.model,
        raw=answer.raw,
    )


def _json(data: bytes) -> Any:
    try:
        return loads(data)
    except ValueError:
        raise MalformedEvent("An event of the stream is no JSON.") from None


def _content(raw: Mapping[str, Any]) -> tuple[str, tuple[Part, ...]]:
    said = raw.get("content")
    # Other OpenAI-compatible servers keep the thinking beside the content.
    thought = raw.get("reasoning_content") or raw.get("reasoning")
    if type(said) is str and not thought:
        return said, ()
    try:
        content = decode_content(said)
    except MalformedAnswer as fault:
        raise MalformedEvent(str(fault)) from None
    if isinstance(thought, str) and thought:
        return text_of(content), (ThinkingPart(thought), *_parts(content))
    return text_of(content), () if isinstance(content, str) else content


def _parts(content: Content) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),) if content else ()
    return content
