"""The interface between a call and its logs and traces: `_transport` notifies an observer of each step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from portkey_mistral._routing.outcomes import Attempt
    from portkey_mistral._transport.call import Call, WireRequest
    from portkey_mistral._transport.results import FinishedAttempt
    from portkey_mistral.responses import AttemptRecord

__all__ = ["UNOBSERVED", "CallObserver", "Observe", "unobserved"]


class CallObserver(Protocol):
    """Entered when the call starts, and left when it ends: with the error if there was one.

    A stream's call ends when the stream does. It may be left by another task or thread than the one that entered.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def planned(self, attempt: Attempt) -> None:
        """The plan has yielded an attempt. It may still have to wait, or be skipped."""
        ...

    def sending(self, attempt: Attempt, wire_request: WireRequest) -> WireRequest:
        """The request of an attempt is sent next. Return it, with the trace context where it may have that."""
        ...

    def exchange(self) -> AbstractContextManager[None]:
        """Return a context in which the libraries that carry the attempt make it the parent of their own spans."""
        ...

    def received(self, deltas: int) -> None:
        """Deltas of a stream are about to be returned to the caller, one or more."""
        ...

    def finished(self, finished: FinishedAttempt[Any], record: AttemptRecord) -> None:
        """An attempt has ended, sent or not."""
        ...

    def responded(self, response: Callable[[], object]) -> None:
        """The call has a response; that of a stream may be partial. It is only made if it is needed."""
        ...


class Observe(Protocol):
    """Makes the observer of a call."""

    def __call__(self, call: Call[Any], *, is_async: bool) -> CallObserver: ...


class _Unobserved:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def planned(self, attempt: Attempt) -> None:
        pass

    def sending(self, attempt: Attempt, wire_request: WireRequest) -> WireRequest:  # noqa: ARG002
        return wire_request

    def exchange(self) -> AbstractContextManager[None]:
        return _NO_CONTEXT

    def received(self, deltas: int) -> None:
        pass

    def finished(self, finished: FinishedAttempt[Any], record: AttemptRecord) -> None:
        pass

    def responded(self, response: Callable[[], object]) -> None:
        pass


_NO_CONTEXT = nullcontext()
UNOBSERVED: CallObserver = _Unobserved()


def unobserved(call: Call[Any], *, is_async: bool) -> CallObserver:  # noqa: ARG001
    return UNOBSERVED
