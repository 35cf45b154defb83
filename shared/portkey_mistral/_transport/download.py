"""Writes the body of a response to a file as it arrives, however large it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import IO, TYPE_CHECKING

from portkey_mistral._routing.outcomes import Answered, Attempt
from portkey_mistral._transport.call import Call, WireRequest
from portkey_mistral._transport.classify import (
    TRANSPORT_FAULTS,
    Exchanged,
    classify_failure,
    classify_response,
)
from portkey_mistral._transport.results import AttemptResult, is_success
from portkey_mistral._transport.send import send
from portkey_mistral._transport.timeouts import WHOLE_BODY, ReadDeadline, body_in_time

if TYPE_CHECKING:
    from portkey_mistral._transport.run import Exchange

__all__ = ["exchange_to"]


def exchange_to(file: IO[bytes], start: int) -> Exchange[int]:
    """Return what writes a body to a file from `start` on. A retry writes over what a broken attempt left."""

    def exchange(call: Call[int], attempt: Attempt, wire_request: WireRequest) -> Exchanged[int]:
        headers: Mapping[str, str] = {}
        try:
            with send(call, attempt, wire_request) as response:
                if not is_success(response.status):
                    body = body_in_time(response, call, WHOLE_BODY)
                    status, headers = response.status, response.headers
                    result = classify_response(call, wire_request, status, headers, body)
                    return result, headers, body
                file.seek(start)
                file.truncate()
                deadline = ReadDeadline(response, call, WHOLE_BODY)
                for data in iter(partial(deadline.next, response.chunks()), None):
                    file.write(data)
                headers = response.headers
                outcome = Answered(time.monotonic(), response.status)
        except TRANSPORT_FAULTS as fault:
            return classify_failure(call, attempt, wire_request, fault), {}, b""
        return AttemptResult(outcome, value=file.tell() - start), headers, b""

    return exchange
