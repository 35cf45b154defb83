"""Decodes a streamed chat response: takes bytes, returns deltas. Detects every way in which a stream can break."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from portkey_mistral._json import loads
from portkey_mistral._redaction import scrub_json
from portkey_mistral._wire.content import decode_content, refusal, refusal_in
from portkey_mistral._wire.errors import in_band_error
from portkey_mistral._wire.finish_reasons import failure_message
from portkey_mistral._wire.guardrails import guardrail_verdicts
from portkey_mistral._wire.json_members import choice_index, finish_reason, logprobs, string
from portkey_mistral._wire.malformed import (
    InBandError,
    MalformedEvent,
    MalformedResponse,
    StreamCut,
    StreamFault,
)
from portkey_mistral._wire.responses import decode_usage
from portkey_mistral._wire.sse import SSEDecoder
from portkey_mistral._wire.tool_call_decoder import ToolCallDecoder
from portkey_mistral.guardrails import GuardrailVerdict
from portkey_mistral.messages import Content, Part, TextPart, ThinkingPart, text_of
from portkey_mistral.responses import (
    ChatResponse,
    Choice,
    Delta,
    FinishReason,
    ToolCallDelta,
    Usage,
)
from portkey_mistral.settings.limits import MAX_RESPONSE_BYTES

__all__ = ["StreamDecoder", "deltas_of_response"]

_DONE = b"[DONE]"
_PLAIN = frozenset({"role", "content"})
"""The members of a delta that is text and nothing else, as most are."""


class StreamDecoder:
    """Decodes the body of one streamed response as it arrives.

    A fault does not discard the deltas of the same bytes: `feed` returns them, keeps the fault in `fault`, and
    the next `feed` or `finish` raises it.
    """

    __slots__ = (
        "_choices",
        "_reported_usage",
        "_secrets",
        "_sse",
        "done",
        "fault",
        "guardrails",
        "is_over",
        "usage",
    )

    def __init__(
        self, secrets: Collection[str] = (), *, max_event_bytes: int = MAX_RESPONSE_BYTES
    ) -> None:
        self._sse = SSEDecoder(max_event_bytes)
        self._secrets = secrets
        self._choices: dict[int, _ChoiceDecoder] = {}
        self.usage: Usage | None = None
        """The last usage that an event reported."""
        self._reported_usage = False
        self.done = False
        """`[DONE]` was received: the response is over. Only verdicts of guardrails may follow; see `feed_trailer`."""
        self.fault: StreamFault | None = None
        """The first fault, once there is one."""
        self.is_over = False
        """`done`, or a fault: the next bytes are not part of the response."""
        self.guardrails: tuple[GuardrailVerdict, ...] = ()
        """The verdicts of a gateway's guardrails, which have events of their own."""

    @property
    def is_complete(self) -> bool:
        """Whether every choice received has its finish reason."""
        choices = self._choices.values()
        return bool(choices) and all(choice.is_finished for choice in choices)

    def feed(self, data: bytes) -> list[Delta]:
        """Return the deltas of the events that these bytes complete.

        Raises:
            InBandError: the server reported an error.
            MalformedEvent: an event is not a chunk of a chat completion.
        """
        if self.fault is not None:
            raise self.fault
        deltas: list[Delta] = []
        try:
            for payload in self._sse.feed(data):
                if self.done or payload == _DONE:
                    self._decode_trailer(payload)
                elif payload:
                    self._decode(payload, deltas)
        except StreamFault as fault:
            self.fault, self.is_over = fault, True
        except Exception as fault:  # noqa: BLE001  whatever a server sends, a caller gets one of our errors
            self.fault = MalformedEvent(f"An event of the stream cannot be decoded: {fault}")
            self.fault.__cause__, self.is_over = fault, True
        if self.fault is not None and not deltas:
            raise self.fault
        return deltas

    def feed_trailer(self, data: bytes) -> None:
        """Take bytes after `[DONE]`. Hosted Portkey sends the verdicts on the whole answer there; all else is ignored."""
        with suppress(StreamFault):
            for payload in self._sse.feed(data):
                self._decode_trailer(payload)

    def _decode_trailer(self, payload: bytes) -> None:
        self.done = self.is_over = True
        with suppress(ValueError):  # `[DONE]` itself is no JSON
            self.guardrails += guardrail_verdicts(loads(payload), self._secrets)

    def finish(self) -> None:
        """Check that the response is complete, after the body has ended.

        Raises:
            StreamFault: the error that `feed` would have raised next, or StreamCut for an incomplete response.
        """
        if self.fault is not None:
            raise self.fault
        if not self._choices:
            raise self._error_of_empty_stream()
        if not self.is_complete:
            raise StreamCut(
                "The stream ended before the response was complete: there was no finish_reason."
            )

    def _error_of_empty_stream(self) -> StreamFault:
        rest = self._sse.pending.strip()
        if not rest.startswith(b"{"):
            return StreamCut("The stream ended without a single event of a response.")
        error = in_band_error(_parse(rest), secrets=self._secrets)
        return error or StreamCut("The server answered a streaming request with a plain JSON body.")

    def _decode(self, payload: bytes, deltas: list[Delta]) -> None:
        event = _parse(payload)
        if not isinstance(event, dict):
            raise MalformedEvent(
                f"An event of the stream is {type(event).__name__}, not an object."
            )
        reported = event.get("usage")
        if reported is not None:
            reported = decode_usage(reported, service_tier=event.get("service_tier"))
            self.usage = reported or self.usage
        choices = event.get("choices") or []
        if "error" in event or not choices:
            self._raise_if_error(event)
        if "hook_results" in event:
            self.guardrails += guardrail_verdicts(event, self._secrets)
        if not isinstance(choices, list):
            raise MalformedEvent("The choices of a streamed event are not a list.")
        for choice in choices:
            self._decode_choice(choice, event, deltas)
        if self.usage is not None and not self._reported_usage:
            self._report_usage(
                self.usage, event, deltas, alone=not choices and reported is not None
            )

    def _raise_if_error(self, event: Mapping[str, Any]) -> None:
        error = in_band_error(event, secrets=self._secrets)
        if error is not None:
            raise error

    def _decode_choice(self, raw: Any, event: Mapping[str, Any], deltas: list[Delta]) -> None:
        if not isinstance(raw, dict):
            raise MalformedEvent("A choice of a streamed event is not an object.")
        index = choice_index(raw, 0)
        decoder = self._choices.get(index)
        if decoder is None:
            decoder = self._choices[index] = _ChoiceDecoder(index)
        delta = decoder.decode(raw, event)
        if raw.get("finish_reason") is None:
            deltas.append(delta)
        else:
            self._finish_choice(decoder, delta, finish_reason(raw), deltas)

    def _finish_choice(
        self,
        decoder: _ChoiceDecoder,
        delta: Delta,
        reason: FinishReason | None,
        deltas: list[Delta],
    ) -> None:
        failure = failure_message(reason, has_content=decoder.has_content)
        if failure is None:
            deltas.append(decoder.finish(delta, reason))
            return
        if delta.text or delta.parts or delta.tool_calls:
            deltas.append(delta)
        raise InBandError(failure, body=scrub_json(delta.raw, self._secrets), is_completion=True)

    def _report_usage(
        self, usage: Usage, event: Mapping[str, Any], deltas: list[Delta], *, alone: bool
    ) -> None:
        """Return the usage once: with a finish reason, or on a delta of its own.

        Mistral sends it with the finish reason, some of its models alone after it, and vLLM with every event.
        """
        last = deltas[-1] if deltas else None
        if last is not None and last.raw is event and last.finish_reason is not None:
            deltas[-1] = replace(last, usage=usage)
        elif alone:
            id_, model = string(event, "id"), string(event, "model")
            deltas.append(Delta(choice=-1, usage=usage, id=id_, model=model, raw=event))
        else:
            return
        self._reported_usage = True


class _ChoiceDecoder:
    """The state of one choice between events."""

    __slots__ = ("_index", "_refusal", "_tool_calls", "has_content", "is_finished")

    def __init__(self, index: int) -> None:
        self._index = index
        self._refusal: list[str] = []
        self._tool_calls: ToolCallDecoder | None = None
        self.has_content = False
        self.is_finished = False

    def decode(self, choice: Mapping[str, Any], event: Mapping[str, Any]) -> Delta:
        raw = choice.get("delta") or choice.get("message")
        if not isinstance(raw, dict):
            raw = {}
        text = raw.get("content")
        parts: tuple[Part, ...] = ()
        calls: tuple[ToolCallDelta, ...] = ()
        if not isinstance(text, str) or not _PLAIN.issuperset(raw):
            text, parts = _content(raw)
            calls = self._decode_more(raw)
        if text or parts or calls or self._refusal:
            self.has_content = True
        tokens = logprobs(choice) if "logprobs" in choice else None
        id_, model = string(event, "id"), string(event, "model")
        return Delta(self._index, text, parts, calls, None, None, tokens, id_, model, event)

    def _decode_more(self, raw: Mapping[str, Any]) -> tuple[ToolCallDelta, ...]:
        """Take the refusal of a delta, and return its tool calls."""
        calls: tuple[ToolCallDelta, ...] = ()
        if raw.get("tool_calls"):
            self._tool_calls = self._tool_calls or ToolCallDecoder()
            calls = self._tool_calls.feed(raw["tool_calls"])
        if (refused := refusal_in(raw)) is not None:
            self._refusal.append(refused)
        return calls

    def finish(self, delta: Delta, reason: FinishReason | None) -> Delta:
        """Return the last delta, with the whole refusal, and with ids for calls that never got one."""
        self.is_finished = True
        parts, calls = delta.parts, delta.tool_calls
        if self._refusal:
            parts = (*(parts or _parts(delta.text)), refusal("".join(self._refusal)))
        if self._tool_calls is not None:
            calls += self._tool_calls.finish(f"{delta.id}:{self._index}")
        return replace(delta, finish_reason=reason, parts=parts, tool_calls=calls)


def deltas_of_response(response: ChatResponse) -> list[Delta]:
    """Return a whole response as deltas, for a server that answered a streaming request with plain JSON."""
    *others, last = [_delta_of_choice(choice, response) for choice in response.choices]
    return [*others, replace(last, usage=response.usage)]


def _delta_of_choice(choice: Choice, response: ChatResponse) -> Delta:
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
        id=response.id,
        model=response.model,
        raw=response.raw,
    )


def _parse(data: bytes) -> Any:
    try:
        return loads(data)
    except ValueError:
        raise MalformedEvent("An event of the stream is not JSON.") from None


def _content(raw: Mapping[str, Any]) -> tuple[str, tuple[Part, ...]]:
    """Return the text of a delta, and its parts if there is more than text."""
    value = raw.get("content")
    # vLLM, DeepSeek and others send the reasoning next to the content.
    reasoning = raw.get("reasoning_content") or raw.get("reasoning")
    if isinstance(value, str) and not reasoning:
        return value, ()
    try:
        content = decode_content(value)
    except MalformedResponse as fault:
        raise MalformedEvent(str(fault)) from None
    if isinstance(reasoning, str) and reasoning:
        return text_of(content), (ThinkingPart(reasoning), *_parts(content))
    return text_of(content), () if isinstance(content, str) else content


def _parts(content: Content) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),) if content else ()
    return content
