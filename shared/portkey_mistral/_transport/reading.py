"""Reads one attempt's stream: holds deltas back until the commit point, and judges how it ended.

Pure but for the clock, and shared by the sync and the async stream.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from portkey_mistral._engine.outcomes import Answered, Attempt, Committed, Failed, Interrupted
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.judging import (
    TRANSPORT_FAILURE,
    Verdict,
    judge,
    refused,
    unreachable,
)
from portkey_mistral._transport.seam import BrokenSeamError, Seam
from portkey_mistral._transport.thresholds import Settled
from portkey_mistral._wire.assembly import Assembler
from portkey_mistral._wire.failures import call_info, scrub
from portkey_mistral._wire.faults import InBandError, StreamFault
from portkey_mistral._wire.json import dumps
from portkey_mistral._wire.stream import StreamDecoder, deltas_of_answer
from portkey_mistral.exceptions import APIError, ResponseFormatError, StreamInterruptedError
from portkey_mistral.responses import ChatResponse, Delta, Usage

__all__ = ["BROKEN", "Reading", "estimated_usage"]

# What tells of a broken stream, besides the faults of the transport.
BROKEN = (StreamFault, BrokenSeamError)


class Reading:
    """One attempt's stream. `settled` is set once it is over."""

    def __init__(
        self, call: Call[ChatResponse], attempt: Attempt, answer: Assembler, so_far: str
    ) -> None:
        self.settled: Settled[Any] | None = None
        self.committed = bool(so_far)
        self._call, self._attempt, self._answer = call, attempt, answer
        self._decoder = StreamDecoder(call.secrets)
        self._seam = Seam(so_far) if so_far else None
        self._held: list[Delta] = []
        self.started = time.monotonic()
        self._sending: Sending | None = None
        self._headers: Mapping[str, str] = {}

    def opened(self, sending: Sending, headers: Mapping[str, str]) -> None:
        """The headers of a stream are there."""
        self._sending, self._headers = sending, headers

    def feed(self, data: bytes) -> list[Delta]:
        """Return the deltas in these bytes; none before the first one with content.

        A fault in the same bytes does not take them along: it is raised by `check`.
        """
        return self._pass_on(self._decoder.feed(data))

    def check(self) -> None:
        """Raise the `StreamFault` that the last bytes held, if they did."""
        if self._decoder.fault is not None:
            raise self._decoder.fault

    def end(self) -> list[Delta]:
        """The body ended. Return what was still held back.

        Raises:
            StreamFault, BrokenSeamError: it ended in the middle.
        """
        self._decoder.finish()
        if self._seam is not None:
            self._seam.check_complete()
        deltas, self._held = self._held, []
        for delta in deltas:
            self._answer.add(delta)
        outcome = Committed if self.committed else Answered
        self._settle(Verdict(outcome(time.monotonic())))
        return deltas

    def whole(
        self, sending: Sending, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[Delta]:
        """The server did not stream: an error, or a whole answer at once."""
        self.opened(sending, headers)
        verdict = judge(self._call, sending, status, headers, body)
        deltas = [] if verdict.value is None else deltas_of_answer(body)
        passed = self._pass_on(deltas)
        self._settle(verdict)
        return passed

    def _pass_on(self, deltas: list[Delta]) -> list[Delta]:
        if self._seam is not None:
            deltas = [
                new for delta in deltas for new in [self._seam.trim(delta)] if new is not None
            ]
        if not self.committed:
            self._held += deltas
            if not any(map(_is_content, deltas)):
                return []
            self.committed = True
            deltas, self._held = self._held, []
        for delta in deltas:
            self._answer.add(delta)
        return deltas

    def broke(self, fault: Exception, sending: Sending) -> None:
        """The stream broke off, or never began."""
        self._sending = sending
        now = time.monotonic()
        if self.committed:
            self._settle(Verdict(Interrupted(now), error=self._interruption(fault)))
        elif isinstance(fault, InBandError):
            body = dumps(fault.body)
            self._settle(refused(self._call, sending, fault.status, self._headers, body))
        elif isinstance(fault, BROKEN):
            error = ResponseFormatError(
                f"The stream failed before its first content: {self._told(fault)}.",
                request_id=call_info(self._headers).request_id,
            )
            self._settle(Verdict(Failed(now, "body", TRANSPORT_FAILURE), error=error))
        else:
            url = sending.request.url
            self._settle(unreachable(self._call, self._attempt, fault, url))

    def _interruption(self, fault: Exception) -> APIError:
        messages = self._answer.messages()
        error = StreamInterruptedError(
            f"The stream broke off after its first content: {self._told(fault)}. What had come is in "
            "`.partial`; on_interrupt='resume' continues such an answer by itself.",
            partial=messages[0] if messages else None,
            usage=self._answer.usage or estimated_usage(self._call, self._answer),
            request_id=call_info(self._headers).request_id,
        )
        error.__cause__ = fault
        return error

    def _told(self, fault: Exception) -> str:
        text = scrub(str(fault), self._call.secrets)
        return text or type(fault).__name__

    def _settle(self, verdict: Verdict[Any]) -> None:
        self.settled = Settled(self._attempt, verdict, self.started, self._sending, self._headers)


def _is_content(delta: Delta) -> bool:
    return bool(delta.text or delta.parts or delta.tool_calls or delta.finish_reason)


def estimated_usage(call: Call[Any], answer: Assembler) -> Usage:
    """What a cut attempt is likely to have cost; no server reports it."""
    completion = sum(len(message.text) for message in answer.messages()) // 4 + 1
    return Usage(call.prompt_tokens, completion, call.prompt_tokens + completion, estimated=True)
