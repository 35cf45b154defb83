"""`AdaptedBatchJob`: a batch job whose inputs and results are those of a framework. Both adapters build on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from portkey_mistral._call.validate import check_iterable
from portkey_mistral.batch import BatchProgress, BatchResult, ShowBatchProgress
from portkey_mistral.requests import CallOptions, ChatRequest

if TYPE_CHECKING:
    from portkey_mistral._batch.job import BatchJob
    from portkey_mistral.client import Client

__all__ = ["AdaptedBatchJob", "Conversion"]

T = TypeVar("T")


@dataclass(frozen=True)
class Conversion(Generic[T]):
    """How a framework's inputs become requests, and results what the framework would return.

    `errors` is a context in which the core's errors become the framework's.
    """

    request: Callable[[Any], ChatRequest]
    output: Callable[[BatchResult], T]
    errors: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)


class AdaptedBatchJob(Generic[T]):
    """A batch of inputs on its way through Mistral's batch API.

    Attributes:
        id: Its name at Mistral, by which it is found in another process.
        positions: Of a job of `retry_failed`, the positions of its inputs in the first job; else None.
    """

    def __init__(self, job: BatchJob, conversion: Conversion[T]) -> None:
        self._job, self._conversion = job, conversion

    @classmethod
    def start(
        cls,
        client: Client,
        conversion: Conversion[T],
        inputs: Iterable[Any],
        options: CallOptions | None,
        *,
        name: str | None,
        metadata: Mapping[str, str] | None,
        timeout_hours: int,
    ) -> Self:
        """Send the inputs; see `Client.batch`. A sequence is encoded before anything is sent, and kept for a retry."""
        check_iterable(inputs, "inputs", "input")
        requests: Iterable[ChatRequest] = _requests(conversion, inputs)
        if isinstance(inputs, Sequence):
            requests = list(requests)
        job = client.batch(
            requests, options, name=name, metadata=metadata, timeout_hours=timeout_hours
        )
        return cls(job, conversion)

    def __repr__(self) -> str:
        return f"Chat{self._job!r}"

    @property
    def id(self) -> str:
        return self._job.id

    @property
    def positions(self) -> tuple[int, ...] | None:
        return self._job.positions

    @property
    def progress(self) -> BatchProgress:
        """The state when it was last looked at."""
        return self._job.progress

    def wait_until_done(
        self,
        *,
        timeout: float | None = None,
        poll: float = 1.0,
        show_progress: ShowBatchProgress = False,
    ) -> BatchProgress:
        """Wait for the end of the job; see `portkey_mistral.BatchJob.wait_until_done`."""
        with self._conversion.errors():
            return self._job.wait_until_done(
                timeout=timeout, poll=poll, show_progress=show_progress
            )

    async def await_until_done(
        self, *, poll: float = 1.0, show_progress: ShowBatchProgress = False
    ) -> BatchProgress:
        """The async version of `wait_until_done`; `asyncio.timeout` limits it."""
        with self._conversion.errors():
            return await self._job.await_until_done(poll=poll, show_progress=show_progress)

    def cancel(self) -> BatchProgress:
        """Ask Mistral to stop; what is done until then is kept."""
        with self._conversion.errors():
            return self._job.cancel()

    async def acancel(self) -> BatchProgress:
        """The async version of `cancel`."""
        return await asyncio.to_thread(self.cancel)

    def results(self) -> Iterator[T | Exception]:
        """Yield for each input, in order, what a single call would return, or the exception that it would raise.

        Waits for the end of the job first.
        """
        with self._conversion.errors():
            for result in self._job.results():
                yield self._output(result)

    async def aresults(self) -> AsyncIterator[T | Exception]:
        """The async version of `results`."""
        with self._conversion.errors():
            async for result in self._job.aresults():
                yield await asyncio.to_thread(self._output, result)

    def retry_failed(self, inputs: Sequence[Any] | None = None) -> Self | None:
        """Start a new job of the inputs that the model did not answer; None if there is none.

        `inputs` are those of this job, in their order; needed if it was resumed.
        """
        with self._conversion.errors():
            requests = None if inputs is None else list(_requests(self._conversion, inputs))
            job = self._job.retry_failed(requests)
            return None if job is None else type(self)(job, self._conversion)

    async def aretry_failed(self, inputs: Sequence[Any] | None = None) -> Self | None:
        """The async version of `retry_failed`."""
        return await asyncio.to_thread(self.retry_failed, inputs)

    def _output(self, result: BatchResult) -> T | Exception:
        try:
            return self._conversion.output(result)
        except Exception as error:  # noqa: BLE001  a parser may raise anything
            return error


def _requests(conversion: Conversion[Any], inputs: Iterable[Any]) -> Iterator[ChatRequest]:
    """Yield the requests of inputs. An error has the position of its input as a note."""
    for index, given in enumerate(inputs):
        try:
            yield conversion.request(given)
        except Exception as error:
            error.add_note(f"The input is inputs[{index}].")
            raise
