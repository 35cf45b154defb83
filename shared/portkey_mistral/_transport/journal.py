"""What happened on the way: turns the sends of one call into `CallInfo`, or into the error to raise."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import httpx

from portkey_mistral._engine.outcomes import Answered, Attempt, Committed, Outcome, Skipped
from portkey_mistral._transport.call import Call, Sending
from portkey_mistral._transport.thresholds import Settled
from portkey_mistral._wire.failures import call_info
from portkey_mistral.exceptions import APIConnectionError, APIError, PortkeyMistralError
from portkey_mistral.responses import (
    AttemptRecord,
    CallInfo,
    ChatResponse,
    EmbeddingResponse,
    ModerationResponse,
)

__all__ = ["Journal", "with_info"]

T = TypeVar("T")

_logger = logging.getLogger("portkey_mistral")


class Journal:
    """Kept by a driver while it follows a plan."""

    def __init__(self, call: Call[Any]) -> None:
        self._call = call
        self._records: list[AttemptRecord] = []
        self._errors: list[PortkeyMistralError] = []
        self._last: Settled[Any] | None = None
        self._lost: tuple[str, ...] = ()

    def note(self, settled: Settled[Any]) -> None:
        """Write down one attempt; the last one written is the one that the call ended with."""
        attempt, sending = settled.attempt, settled.sending
        outcome, error = settled.verdict.outcome, settled.verdict.error
        self._last = settled
        self._lost = (
            () if sending is None else self._told_of_loss(attempt, sending, settled.headers)
        )
        if error is not None:
            self._errors.append(error)
        self._records.append(
            AttemptRecord(
                attempt.path,
                sending.provider if sending else attempt.target.provider,
                sending.model if sending else None,
                attempt.number,
                None if isinstance(outcome, Skipped) else outcome.status,
                _reason(outcome, error),
                time.monotonic() - settled.started,
                isinstance(outcome, Answered) and outcome.cached,
            )
        )

    def _told_of_loss(
        self, attempt: Attempt, sending: Sending, headers: Mapping[str, str]
    ) -> tuple[str, ...]:
        path = headers.get("x-portkey-last-used-option-index")
        lost = sending.lost(path)
        if lost:
            _log_once(path or attempt.path, httpx.URL(sending.request.url).host, lost)
        return lost

    def info(self) -> CallInfo:
        """Describe the call as far as it went."""
        call = self._call
        if self._last is None or not self._records:
            return CallInfo(way=call.way, trace_id=call.trace_id)
        sending = self._last.sending
        # What lies behind the gateway is known only from its own headers.
        ours = None if call.way == "gateway" else self._records[-1]
        return call_info(
            self._last.headers,
            call.secrets,
            way=call.way,
            lane=sending.lane if sending else None,
            trace_id=call.trace_id,
            attempts=tuple(self._records),
            lost=self._lost,
            ours=ours,
        )

    def failure(self) -> PortkeyMistralError:
        """Return the last error, with all attempts on it and a note for each earlier error."""
        if not self._errors:
            error: PortkeyMistralError = APIConnectionError(
                "No target was tried: every one was skipped. "
                + "; ".join(f"{r.path}: {r.error}" for r in self._records)
            )
        else:
            error = self._errors[-1]
        for earlier in self._errors[:-1]:
            error.add_note(f"before that: {earlier.message}")
        if isinstance(error, APIError):
            error.attempts = tuple(self._records)
            error.trace_id = error.trace_id or self._call.trace_id
        return error


@lru_cache(maxsize=1024)
def _log_once(path: str, host: str, lost: tuple[str, ...]) -> None:
    _logger.warning(
        "%s (%s) was not told %s, for which its API has no word. Each response names what was lost in its "
        "info; this is logged once.",
        path,
        host,
        ", ".join(lost),
    )


def with_info(value: T, info: CallInfo) -> T:
    """Put the info on an answer that has a place for it."""
    match value:
        case ChatResponse() | ModerationResponse():
            return dataclasses.replace(value, info=info)
        case EmbeddingResponse():
            return dataclasses.replace(value, infos=(info,))
        case _:
            return value


def _reason(outcome: Outcome, error: PortkeyMistralError | None) -> str | None:
    match outcome:
        case Skipped(reason=reason):
            return f"skipped: {reason}"
        case Answered() | Committed():
            return None
        case _:
            return error.message if error is not None else None
