"""Records the attempts of one call, and turns them into its value, its `CallInfo` or its error."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from portkey_mistral._routing.outcomes import Answered, Committed, Failed, Outcome, Skipped
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.observer import UNOBSERVED, CallObserver
from portkey_mistral._transport.results import FinishedAttempt
from portkey_mistral._wire.guardrails import describe_failures
from portkey_mistral._wire.response_headers import OPTION_PATH, call_info
from portkey_mistral.exceptions import APIConnectionError, APIError, PortkeyMistralError
from portkey_mistral.guardrails import GuardrailVerdict
from portkey_mistral.prices import Cost, total_cost
from portkey_mistral.responses import (
    AttemptRecord,
    CallInfo,
    ChatResponse,
    EmbeddingResponse,
)

__all__ = ["CallLog"]

T = TypeVar("T")

_logger = logging.getLogger("portkey_mistral")


class CallLog(Generic[T]):
    """The attempts of one call, in order."""

    def __init__(self, call: Call[T], observer: CallObserver = UNOBSERVED) -> None:
        self._call = call
        self.observer = observer
        self._records: list[AttemptRecord] = []
        self._errors: list[PortkeyMistralError] = []
        self._last: FinishedAttempt[T] | None = None
        self._lost: tuple[str, ...] = ()
        self._guardrails: tuple[GuardrailVerdict, ...] = ()

    def add(self, finished: FinishedAttempt[T]) -> None:
        """Add an attempt. The last one that was not skipped determines the result of the call."""
        if self._last is None or not isinstance(finished.result.outcome, Skipped):
            self._last = finished
            self._lost = _lost_parameters(finished)
        if finished.result.guardrails:
            # From all attempts, because an answer that was continued begins with the text of an earlier attempt.
            self._guardrails += finished.result.guardrails
            if failed := describe_failures(finished.result.guardrails):
                _warn_of_guardrails_once(failed)
        if finished.result.error is not None:
            self._errors.append(finished.result.error)
        record = _record(finished)
        self._records.append(record)
        self.observer.finished(finished, record)

    def value(self) -> T:
        """Return the value of the last attempt with the call's info, or raise the call's error."""
        result = None if self._last is None else self._last.result
        if result is None or result.error is not None or result.value is None:
            raise self.failure()
        value: T = _with_info(result.value, self.info())
        return value

    def info(self) -> CallInfo:
        """Describe the call so far."""
        call = self._call
        if self._last is None:
            return CallInfo(mode=call.mode, trace_id=call.trace_id)
        wire_request = self._last.wire_request
        return call_info(
            self._last.headers,
            call.secrets,
            mode=call.mode,
            lane=wire_request.lane if wire_request else None,
            trace_id=call.trace_id,
            attempts=tuple(self._records),
            lost=self._lost,
            cost=self._cost(),
            guardrails=self._guardrails,
            # Attempts behind a gateway are known only from the headers of its response.
            last=None if call.mode == "gateway" else self._records[-1],
        )

    def failure(self) -> PortkeyMistralError:
        """Return the last error, with all attempts and a note for each earlier error."""
        if not self._errors:
            error: PortkeyMistralError = APIConnectionError(
                "No target was tried, because all were skipped: "
                + "; ".join(f"{record.path}: {record.error}" for record in self._records)
            )
        else:
            error = self._errors[-1]
        self._add_history(error, self._errors[:-1])
        return error

    def add_history(self, error: PortkeyMistralError) -> None:
        """Add all attempts to an error that prevented the next one, and a note for each earlier error."""
        self._add_history(error, self._errors)

    def _add_history(
        self, error: PortkeyMistralError, earlier: Iterable[PortkeyMistralError]
    ) -> None:
        for each in earlier:
            error.add_note(f"before that: {each.message}")
        if isinstance(error, APIError):
            self.add_attempts(error)

    def add_attempts(self, error: APIError) -> None:
        """Add all attempts to an error, with their cost."""
        error.attempts = tuple(self._records)
        error.trace_id = error.trace_id or self._call.trace_id
        error.cost = self._cost()

    def _cost(self) -> Cost | None:
        return total_cost([record.cost for record in self._records])


def _record(finished: FinishedAttempt[Any]) -> AttemptRecord:
    attempt, wire_request = finished.attempt, finished.wire_request
    outcome = finished.result.outcome
    status, reason = _ending(outcome, finished.result.error)
    return AttemptRecord(
        path=attempt.path,
        provider=wire_request.provider if wire_request else attempt.target.provider,
        model=wire_request.model if wire_request else None,
        number=attempt.number,
        status=status,
        error=reason,
        seconds=time.monotonic() - finished.started,
        cached=isinstance(outcome, Answered) and outcome.cached,
        usage=finished.usage,
        cost=finished.cost,
    )


def _ending(outcome: Outcome, error: PortkeyMistralError | None) -> tuple[int | None, str | None]:
    """Return the status of an attempt, None if nothing was sent, and the reason why it failed or was skipped."""
    message = None if error is None else error.message
    match outcome:
        case Answered() | Committed():
            return outcome.status, None
        case Skipped(reason=reason):
            return None, f"skipped: {reason}"
        case Failed(kind="budget"):
            return None, message
        case _:
            return outcome.status, message


# --- parameters that the target's API does not have -------------------------------------------------


def _lost_parameters(finished: FinishedAttempt[Any]) -> tuple[str, ...]:
    wire_request, path = finished.wire_request, finished.headers.get(OPTION_PATH)
    if wire_request is None:
        return ()
    lost = wire_request.request.lost
    if path and wire_request.lost_at is not None:
        lost = wire_request.lost_at(finished.headers)
    if lost:
        host = urlsplit(wire_request.request.url).hostname or ""
        _warn_once(path or finished.attempt.path, host, lost)
    return lost


@lru_cache(maxsize=1024)
def _warn_once(path: str, host: str, lost: tuple[str, ...]) -> None:
    _logger.warning(
        "%s (%s): parameters were dropped that its API, or the open-source gateway, does not support: %s. Each "
        "response names them in its info; this is logged once.",
        path,
        host,
        ", ".join(lost),
    )


# --- guardrails that failed ------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _warn_of_guardrails_once(failed: str) -> None:
    _logger.warning(
        "Guardrails failed, and the gateway let the call pass: %s. Each response has the verdicts in its info; this is "
        "logged once.",
        failed,
    )


# --- info -------------------------------------------------------------------------------------------


def _with_info(value: Any, info: CallInfo) -> Any:
    """Return the value with the info, if its type has one."""
    if isinstance(value, ChatResponse):
        # The most frequent, and `replace` looks at each field by introspection.
        return ChatResponse(
            id=value.id,
            model=value.model,
            choices=value.choices,
            usage=value.usage,
            created=value.created,
            info=info,
            raw=value.raw,
        )
    if isinstance(value, EmbeddingResponse):
        return dataclasses.replace(value, infos=(info,))
    return dataclasses.replace(value, info=info) if hasattr(value, "info") else value
