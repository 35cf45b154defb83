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
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    ResponseFormatError,
    StreamInterruptedError,
)
from portkey_mistral.messages import Message, ThinkingPart
from portkey_mistral.responses import ChatResponse, Delta, Usage
from portkey_mistral.tokens import estimate_tokens

__all__ = ["BROKEN", "Reading"]

# What tells of a broken stream, besides the faults of the transport.
BROKEN = (StreamFault, BrokenSeamError)


class Reading:
    """One attempt's stream. `settled` is set once it is over, `fault` when the last bytes held one.

    `so_far` is the text of a cut attempt that this one continues, `spent` what such attempts have cost.
    `started` is monotonic. `deltas` counts those that have come: a comment that keeps the connection alive brings
    none.
    """

    def __init__(
        self,
        call: Call[ChatResponse],
        attempt: Attempt,
        answer: Assembler,
        so_far: str = "",
        spent: Usage | None = None,
    ) -> None:
        self.settled: Settled[Any] | None = None
        self.fault: StreamFault | None = None
        self.committed = bool(so_far)
        self.started = time.monotonic()
        self.deltas = 0
        self._call, self._attempt, self._answer = call, attempt, answer
        self._so_far, self._spent = so_far, spent
        self._reported: Usage | None = None
        self._decoder = StreamDecoder(call.secrets)
        self._seam: Seam | None = None
        self._held: list[Delta] = []
        self._sending: Sending | None = None
        self._headers: Mapping[str, str] = {}
        self._status = 200

    def sent(self) -> None:
        """The request goes out now: what it waited for before is not the server's time."""
        self.started = time.monotonic()

    def opened(self, sending: Sending, status: int, headers: Mapping[str, str]) -> None:
        """The headers of a stream are there."""
        self._sending, self._status, self._headers = sending, status, headers
        self._seam = Seam(sending.prefix) if sending.prefix else None

    def feed(self, data: bytes) -> list[Delta]:
        """Return the deltas in these bytes; none before the first one with content.

        A fault in the same bytes does not take them along: it is to be raised after them.
        """
        deltas = self._decoder.feed(data)
        self.fault = self._decoder.fault
        self.deltas += len(deltas)
        if self._seam is not None or not self.committed:
            deltas = self._released(deltas)
        return self._noted(deltas)

    def end(self) -> list[Delta]:
        """The body ended. Return what was still held back.

        Raises:
            StreamFault, BrokenSeamError: it ended in the middle.
        """
        self._decoder.finish()
        if self._seam is not None:
            self._seam.check_complete()
        return self._complete(guess_usage=self._spent is not None)

    def whole(
        self, sending: Sending, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[Delta]:
        """The server did not stream: an error, or a whole answer at once."""
        self.opened(sending, status, headers)
        verdict = judge(self._call, sending, status, headers, body)
        deltas = [] if verdict.value is None else deltas_of_answer(body)
        passed = self._noted(self._released(deltas))
        self._settle(verdict)
        return passed

    def discard(self, sending: Sending, status: int, headers: Mapping[str, str]) -> None:
        """The config goes on after this good status: the error is for when nothing else can follow."""
        self.opened(sending, status, headers)
        error = APIConnectionError(
            f"The target answered with status {status}, on which the config sends again.",
            request_id=call_info(headers).request_id,
        )
        self._settle(Verdict(Answered(time.monotonic(), status), error=error))

    def broke(self, fault: Exception, sending: Sending) -> list[Delta]:
        """The stream broke off, or never began. Return what there is left to say of a whole answer."""
        self._sending = sending
        now = time.monotonic()
        if self._decoder.whole and self._is_harmless(fault):
            return self._complete(guess_usage=True)
        if self.committed and self.deltas:
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
        return []

    def left(self) -> None:
        """The caller has heard enough. Content had come, so all is well with the target."""
        if self.settled is None and self.committed and self.deltas:
            self._settle(Verdict(Committed(time.monotonic(), self._status)))

    def continuable(self) -> str | None:
        """The text that another attempt may take up; None where the answer is whole or more than text."""
        messages = self._answer.messages()
        if self._decoder.whole or len(messages) != 1 or messages[0].tool_calls:
            return None
        content = messages[0].content
        return content if content and isinstance(content, str) else None

    def cost(self) -> Usage:
        """What the call has cost up to now; what no server reported is estimated, and marked so."""
        if self._reported is not None:
            own = self._reported
        else:
            said = "".join(map(_said, self._answer.messages()))
            prompt = self._call.prompt_tokens() + _tokens(self._so_far)
            completion = _tokens(said[len(self._so_far) :])
            own = Usage(prompt, completion, prompt + completion, estimated=True)
        return own if self._spent is None else self._spent + own

    def _is_harmless(self, fault: Exception) -> bool:
        """Whether a whole answer stays one: only the end of the body is missing, and maybe the usage.

        An error that the server reports is told all the same, unless the caller asked to go on after errors.
        """
        if isinstance(fault, InBandError):
            return self._call.resumption is not None
        return not isinstance(fault, BrokenSeamError)

    def _released(self, deltas: list[Delta]) -> list[Delta]:
        """Return what may be given, of these deltas and those before: what is new, once there is content."""
        if self._seam is not None:
            trimmed = map(self._seam.trim, deltas)
            deltas = [delta for delta in trimmed if delta is not None]
        if self.committed:
            return deltas
        self._held += deltas
        if not any(map(_is_content, deltas)):
            return []
        self.committed = True
        deltas, self._held = self._held, []
        return deltas

    def _noted(self, deltas: list[Delta]) -> list[Delta]:
        add = self._answer.add
        for delta in deltas:
            if delta.usage is not None:
                self._reported = delta.usage
                delta.usage = self.cost()
            add(delta)
        return deltas

    def _complete(self, *, guess_usage: bool) -> list[Delta]:
        deltas, self._held = self._noted(self._held), []
        if guess_usage and self._reported is None:
            deltas.append(Delta(choice=-1, usage=self.cost()))
            self._answer.add(deltas[-1])
        outcome = Committed if self.committed else Answered
        self._settle(Verdict(outcome(time.monotonic(), self._status)))
        return deltas

    def _interruption(self, fault: Exception) -> APIError:
        messages = self._answer.messages()
        error = StreamInterruptedError(
            f"The stream broke off after its first content: {self._told(fault)}. What had come is in "
            f"`.partial`{self._advice()}",
            partial=messages[0] if messages else None,
            usage=self.cost(),
            request_id=call_info(self._headers).request_id,
        )
        error.__cause__ = fault
        return error

    def _advice(self) -> str:
        resumption = self._call.resumption
        if resumption is None:
            return "; on_interrupt='resume' continues such an answer by itself."
        reason = resumption.unfit(self._attempt)
        return f". It was not continued: {reason}." if reason else "."

    def _told(self, fault: Exception) -> str:
        text = scrub(str(fault), self._call.secrets).rstrip(".")
        return text or type(fault).__name__

    def _settle(self, verdict: Verdict[Any]) -> None:
        self.settled = Settled(self._attempt, verdict, self.started, self._sending, self._headers)


def _is_content(delta: Delta) -> bool:
    return bool(delta.text or delta.parts or delta.tool_calls or delta.finish_reason)


def _said(message: Message) -> str:
    """All that was generated for a message, the thinking and the calls included."""
    parts = () if isinstance(message.content, str) else message.content
    thoughts = [part.text for part in parts if isinstance(part, ThinkingPart)]
    return "".join([message.text, *thoughts, *(call.arguments for call in message.tool_calls)])


def _tokens(text: str) -> int:
    return estimate_tokens(text) if text else 0
