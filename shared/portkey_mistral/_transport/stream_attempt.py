"""Reads the stream of one attempt: holds deltas back until the commit point, and classifies how it ended.

The commit point is the first content: only before it can an attempt be retried, or fall back, without the caller
noticing. No I/O, so it is shared by the sync and the async stream.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portkey_mistral._redaction import scrub
from portkey_mistral._routing.outcomes import Answered, Attempt, Committed, Failed, Interrupted
from portkey_mistral._transport.attempt_cost import add_cost
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.classify import (
    TRANSPORT_FAILURE,
    classify_failure,
    classify_in_band_error,
    classify_response,
)
from portkey_mistral._transport.observer import UNOBSERVED, CallObserver
from portkey_mistral._transport.results import AttemptResult, Counted, FinishedAttempt, Reservation
from portkey_mistral._wire.guardrails import with_unreported_failure
from portkey_mistral._wire.malformed import InBandError, StreamFault
from portkey_mistral._wire.repeated_prefix import (
    PrefixMismatchError,
    PrefixTrimmer,
    RepeatedPrefixTrimmer,
)
from portkey_mistral._wire.response_headers import call_info
from portkey_mistral._wire.stream import StreamDecoder, deltas_of_response
from portkey_mistral.accumulator import Assembler
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    ResponseFormatError,
    StreamInterruptedError,
)
from portkey_mistral.guardrails import GuardrailVerdict
from portkey_mistral.messages import Message, ThinkingPart
from portkey_mistral.responses import ChatResponse, Delta, Usage
from portkey_mistral.tokens import estimate_tokens

__all__ = ["STREAM_FAULTS", "StreamAttempt"]

STREAM_FAULTS = (StreamFault, PrefixMismatchError)
"""Faults of a stream, besides the errors of its transport."""


class StreamAttempt:
    """The stream of one attempt.

    `finished` is set once it has ended, `is_over` if the response has ended although the body may not have: with
    `[DONE]`, or with a fault, which `end` raises. `done` means the former. `so_far` is the text of interrupted attempts
    that this one continues, `spent` their usage. `started` is monotonic. `deltas` counts the deltas received;
    keep-alive comments do not count.
    """

    def __init__(
        self,
        call: Call[ChatResponse],
        attempt: Attempt,
        response: Assembler,
        so_far: str = "",
        spent: Usage | None = None,
        *,
        observer: CallObserver = UNOBSERVED,
    ) -> None:
        self.finished: FinishedAttempt[Any] | None = None
        self.is_over = False
        self.committed = bool(so_far)
        self.started = time.monotonic()
        self.deltas = 0
        self.observer = observer
        self._call, self._attempt, self._response = call, attempt, response
        self._so_far, self._spent = so_far, spent
        self._reported_usage: Usage | None = None
        self._decoder = StreamDecoder(call.secrets, max_event_bytes=call.limits.max_bytes)
        self._trimmer: PrefixTrimmer | RepeatedPrefixTrimmer | None = None
        self._held: list[Delta] = []
        self._wire_request: WireRequest | None = None
        self._reservation: Reservation | None = None
        self._headers: Mapping[str, str] = {}
        self._status = 200

    @property
    def done(self) -> bool:
        return self._decoder.done

    # --- the events of an attempt, in order -------------------------------------------------------

    def sending(
        self, wire_request: WireRequest, reservation: Reservation | None = None
    ) -> WireRequest:
        """The request is about to be sent: time limits start now, after the waits before it."""
        self.started = time.monotonic()
        self._reservation = reservation
        return self.observer.sending(self._attempt, wire_request)

    def opened(self, wire_request: WireRequest, status: int, headers: Mapping[str, str]) -> None:
        """The head of the response was received."""
        self._wire_request, self._status, self._headers = wire_request, status, headers
        if wire_request.prefix:
            self._trimmer = PrefixTrimmer(wire_request.prefix)
        elif self._call.assumed_prefix:
            self._trimmer = RepeatedPrefixTrimmer(self._call.assumed_prefix)

    def feed(self, data: bytes) -> list[Delta]:
        """Return the deltas of these bytes, none before the first content.

        A fault after them sets `is_over`, and is raised by `end`.
        """
        deltas = self._decoder.feed(data)
        self.is_over = self._decoder.is_over
        self.deltas += len(deltas)
        if self._trimmer is not None or not self.committed:
            deltas = self._release(deltas)
        return self._record(deltas)

    def end(self) -> list[Delta]:
        """The body, or the response in it, has ended. Return the deltas that were still held back.

        Raises:
            StreamFault, PrefixMismatchError: it ended prematurely, or with a fault after the last deltas.
        """
        self._decoder.finish()
        if self._trimmer is not None:
            self._trimmer.check_complete()
        return self._complete(estimate_usage=self._spent is not None)

    def complete_body(
        self, wire_request: WireRequest, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[Delta]:
        """The server did not stream: the body is an error, or the whole response."""
        self.opened(wire_request, status, headers)
        result = classify_response(self._call, wire_request, status, headers, body)
        deltas = [] if result.value is None else deltas_of_response(result.value)
        released = self._record(self._release(deltas))
        self._finish(result)
        return released

    def feed_trailer(self, data: bytes) -> None:
        """Bytes came after the end of the response."""
        self._decoder.feed_trailer(data)
        if self.finished is not None:
            self.finished.result = replace(self.finished.result, guardrails=self._guardrails())

    @property
    def awaits_verdicts(self) -> bool:
        """Whether the gateway may still send verdicts on the answer, after the end of it."""
        request = self._wire_request
        if request is None or not request.awaits_verdicts:
            return False
        return all(verdict.side != "output" for verdict in self._decoder.guardrails)

    def discard(self, wire_request: WireRequest, status: int, headers: Mapping[str, str]) -> None:
        """The config retries or falls back on this successful status, so the response is not read.

        The error is raised if no attempt can follow.
        """
        self.opened(wire_request, status, headers)
        error = APIConnectionError(
            f"The target answered with status {status}, on which the config retries or falls back.",
            request_id=call_info(headers).request_id,
        )
        self._finish(AttemptResult(Answered(time.monotonic(), status), error=error))

    def failed(self, fault: Exception, wire_request: WireRequest) -> list[Delta]:
        """The stream broke, or never began. Return the deltas held back if the response is complete nevertheless."""
        self._wire_request = wire_request
        now = time.monotonic()
        if self._decoder.is_complete and self._is_harmless(fault):
            return self._complete(estimate_usage=True)
        self._reported_usage = self._reported_usage or self._decoder.usage
        if self.committed and self.deltas:
            error = self._interruption(fault)
            self._finish(
                AttemptResult(Interrupted(now), error=error, guardrails=self._guardrails())
            )
        elif isinstance(fault, InBandError):
            self._finish(classify_in_band_error(self._call, wire_request, fault, self._headers))
        elif isinstance(fault, STREAM_FAULTS):
            error = ResponseFormatError(
                f"The stream failed before its first content: {self._describe(fault)}.",
                request_id=call_info(self._headers).request_id,
            )
            self._finish(AttemptResult(Failed(now, "body", TRANSPORT_FAILURE), error=error))
        else:
            self._finish(classify_failure(self._call, self._attempt, wire_request, fault))
        return []

    def closed_early(self) -> None:
        """The caller stopped reading. If content had arrived, the target counts as healthy."""
        if self.finished is None and self.committed and self.deltas:
            outcome = Committed(time.monotonic(), self._status)
            self._finish(AttemptResult(outcome, guardrails=self._guardrails()))

    # --- inputs of a further attempt ----------------------------------------------------------

    def text_to_continue(self) -> str | None:
        """Return the text that another attempt may continue; None if the response is complete, or not just text."""
        messages = self._response.messages()
        if self._decoder.is_complete or len(messages) != 1 or messages[0].tool_calls:
            return None
        content = messages[0].content
        return content if content and isinstance(content, str) else None

    def usage(self) -> Usage:
        """Return the usage of the call so far; an estimate, marked as such, where the server reported none."""
        own = self._reported_usage or self._estimated_usage()
        return own if self._spent is None else self._spent + own

    def _estimated_usage(self) -> Usage:
        generated = "".join(map(_generated_text, self._response.messages()))
        prompt = self._call.facts.prompt_tokens() + _tokens(self._so_far)
        completion = _tokens(generated[len(self._so_far) :])
        return Usage(prompt, completion, prompt + completion, estimated=True)

    # --- deltas --------------------------------------------------------------------------------------

    def _release(self, deltas: list[Delta]) -> list[Delta]:
        """Return the deltas that may be delivered now: without a repeated prefix, and none before the first content."""
        if self._trimmer is not None:
            trimmed = map(self._trimmer.trim, deltas)
            deltas = [delta for delta in trimmed if delta is not None]
        if self.committed:
            return deltas
        self._held += deltas
        if not any(map(_is_content, deltas)):
            return []
        self.committed = True
        deltas, self._held = self._held, []
        return deltas

    def _record(self, deltas: list[Delta]) -> list[Delta]:
        """Add deltas to the response; a usage is replaced by that of the whole call."""
        for delta in deltas:
            if delta.usage is not None:
                self._reported_usage = delta.usage
                delta.usage = self.usage()
            self._response.add(delta)
        if deltas:
            self.observer.received(len(deltas))
        return deltas

    def _complete(self, *, estimate_usage: bool) -> list[Delta]:
        deltas, self._held = self._record(self._held), []
        if estimate_usage and self._reported_usage is None:
            deltas.append(Delta(choice=-1, usage=self.usage()))
            self._response.add(deltas[-1])
        outcome = Committed if self.committed else Answered
        self._finish(
            AttemptResult(outcome(time.monotonic(), self._status), guardrails=self._guardrails())
        )
        return deltas

    # --- how it ended --------------------------------------------------------------------------------

    def _is_harmless(self, fault: Exception) -> bool:
        """Whether the response is complete although the stream broke: only the end of the body, and perhaps the usage,
        is missing.

        An error reported by the server is raised nevertheless, unless the caller chose to resume after errors.
        """
        if isinstance(fault, InBandError):
            return self._call.resume
        return not isinstance(fault, PrefixMismatchError)

    def _interruption(self, fault: Exception) -> APIError:
        messages = self._response.messages()
        error = StreamInterruptedError(
            f"The stream broke off after its first content: {self._describe(fault)}. The partial message is in "
            f"`.partial`{self._advice()}",
            partial=messages[0] if messages else None,
            usage=self.usage(),
            request_id=call_info(self._headers).request_id,
        )
        error.__cause__ = fault
        return error

    def _advice(self) -> str:
        if not self._call.resume:
            return "; on_interrupt='resume' continues such a response by itself."
        reason = self._call.builder.not_resumable(self._attempt)
        return f". It was not continued: {reason}." if reason else "."

    def _guardrails(self) -> tuple[GuardrailVerdict, ...]:
        verdicts = self._decoder.guardrails
        if self._call.mode != "gateway":
            return verdicts
        return with_unreported_failure(verdicts, self._status)

    def _describe(self, fault: Exception) -> str:
        text = scrub(str(fault), self._call.secrets).rstrip(".")
        return text or type(fault).__name__

    def _finish(self, result: AttemptResult[Any]) -> None:
        counted = Counted(self._counted_usage(result), self._response.model or result.counted.model)
        self.finished = FinishedAttempt(
            self._attempt,
            result,
            self.started,
            self._wire_request,
            self._headers,
            reservation=self._reservation,
        )
        add_cost(self._call, self.finished, counted)

    def _counted_usage(self, result: AttemptResult[Any]) -> Usage | None:
        """Return this attempt's own usage; an estimate if its content was cut off, by the server or the caller."""
        if self._reported_usage is not None or isinstance(result.outcome, Failed):
            return self._reported_usage or result.counted.usage
        was_cut = isinstance(result.outcome, Interrupted) or not self._decoder.is_complete
        return self._estimated_usage() if was_cut and self.deltas else None


def _is_content(delta: Delta) -> bool:
    return bool(delta.text or delta.parts or delta.tool_calls or delta.finish_reason)


def _generated_text(message: Message) -> str:
    """Return all that was generated for a message: text, thinking and arguments of tool calls."""
    parts = () if isinstance(message.content, str) else message.content
    thoughts = [part.text for part in parts if isinstance(part, ThinkingPart)]
    return "".join([message.text, *thoughts, *(call.arguments for call in message.tool_calls)])


def _tokens(text: str) -> int:
    return estimate_tokens(text) if text else 0
