"""`BatchJob`: requests that are processed by Mistral's batch API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias

from portkey_mistral._batch.charges import estimated_cost
from portkey_mistral._batch.progress import Reporter
from portkey_mistral._batch.tally import Tally
from portkey_mistral._redaction import scrub
from portkey_mistral._transport.polling import alooks, looks
from portkey_mistral.batch import BatchProgress, BatchResult, ShowBatchProgress
from portkey_mistral.exceptions import (
    APITimeoutError,
    BatchError,
    InvalidRequestError,
    ResponseFormatError,
)
from portkey_mistral.requests import Request
from portkey_mistral.responses import EmbeddingResponse

if TYPE_CHECKING:
    from portkey_mistral._batch.account import Account, RemoteJob
    from portkey_mistral._batch.charges import Charges
    from portkey_mistral._batch.results import ResultFile
    from portkey_mistral.prices import Cost

__all__ = ["BatchJob", "StartBatch"]

StartBatch: TypeAlias = Callable[[Sequence[Request], int], "BatchJob"]
"""Starts a batch of requests with the same options, given the hours after which it times out."""

_STATUSES = (
    "QUEUED",
    "RUNNING",
    "CANCELLATION_REQUESTED",
    "FAILED",
    "TIMEOUT_EXCEEDED",
    "CANCELLED",
)
"""In order of precedence: the state furthest from the end first, success last."""

_MOST_ERRORS = 3  # shown of the errors of whole jobs


class BatchJob:
    """A batch of requests: one or more jobs at Mistral, with one progress, and results in the order of the requests.

    It is stored at Mistral: with its `id`, `Client.resume_batch(id)` finds it in another process. Thread-safe, except
    for iterators, each of which belongs to one thread.

    Attributes:
        id: Its name.
        positions: Of a job of `retry_failed`, the positions of its requests in the first job; else None.
    """

    def __init__(
        self,
        account: Account,
        charges: Charges,
        batch_id: str,
        jobs: Iterable[RemoteJob],
        *,
        start: StartBatch,
        requests: Sequence[Request] | None = None,
    ) -> None:
        self.id = batch_id
        self.positions: tuple[int, ...] | None = None
        self._account, self._charges = account, charges
        self._start = start
        self._jobs = {job.id: job for job in jobs}
        self._requests = requests
        self._results: ResultFile | None = None
        self._cost: Cost | None = None

    def __repr__(self) -> str:
        progress = self.progress
        return f"BatchJob({self.id!r}, {progress.status}, {progress.done} of {progress.total} done)"

    @property
    def progress(self) -> BatchProgress:
        """The last known state; `refresh` updates it."""
        jobs = self._jobs.values()
        statuses = {job.status for job in jobs}
        first = min(job.created_at for job in jobs)
        return BatchProgress(
            status=next((status for status in _STATUSES if status in statuses), "SUCCESS"),
            total=sum(job.total for job in jobs),
            succeeded=sum(job.succeeded for job in jobs),
            failed=sum(job.failed for job in jobs),
            seconds=max(0.0, time.time() - first),
            cost=self._cost
            if self._results is not None
            else estimated_cost(job.metadata for job in jobs),
        )

    # --- waiting ----------------------------------------------------------------------------------

    def refresh(self) -> BatchProgress:
        """Update the state from Mistral, and return it."""
        for job_id in self._unfinished():
            self._jobs[job_id] = self._account.job(job_id)
        return self.progress

    async def arefresh(self) -> BatchProgress:
        """The async version of `refresh`."""
        for job_id in self._unfinished():
            self._jobs[job_id] = await self._account.ajob(job_id)
        return self.progress

    def wait_until_done(
        self,
        *,
        timeout: float | None = None,
        poll: float = 1.0,
        show_progress: ShowBatchProgress = False,
    ) -> BatchProgress:
        """Poll the job until it is finished, and return its state.

        Args:
            timeout: Seconds after which to stop waiting; the job continues. None waits without limit.
            poll: Seconds until the second poll; each further pause is twice as long, up to a minute.
            show_progress: True for a progress bar, or a function that receives a `BatchProgress`.

        Raises:
            APITimeoutError: the job was not finished in time.
            InvalidRequestError: `poll` is no number above 0.
            PortkeyMistralError: a poll failed. The job is not affected.
        """
        _check_poll(poll)
        with closing(Reporter(show_progress)) as reporter:
            for _ in looks(poll, timeout):
                progress = self.refresh()
                reporter.show(progress)
                if progress.is_finished:
                    return progress
        raise APITimeoutError(
            f"The batch {self.id!r} was not finished within {timeout:g} s. It keeps running: wait again, or find it later by "
            "resume_batch(id)."
        )

    async def await_until_done(
        self, *, poll: float = 1.0, show_progress: ShowBatchProgress = False
    ) -> BatchProgress:
        """The async version of `wait_until_done`; `asyncio.timeout` limits it."""
        _check_poll(poll)
        with closing(Reporter(show_progress)) as reporter:
            async for _ in alooks(poll):
                reporter.show(await self.arefresh())
                if self.progress.is_finished:
                    break
        return self.progress

    def cancel(self) -> BatchProgress:
        """Cancel the job; results so far are kept. `wait_until_done` waits for the end."""
        for job_id in self._unfinished():
            self._jobs[job_id] = self._account.cancel(job_id)
        return self.progress

    async def acancel(self) -> BatchProgress:
        """The async version of `cancel`."""
        return await asyncio.to_thread(self.cancel)

    # --- results ----------------------------------------------------------------------------------

    def results(self) -> Iterator[BatchResult]:
        """Yield a result for each request, in the order of the requests; waits for the end of the job first.

        Results are downloaded to a temporary file and read from there one by one, so memory does not grow with their
        number. A request without an answer has an error: the server's, or `BatchError`.
        """
        if not self.progress.is_finished:
            self.wait_until_done()
        results = self._downloaded()
        for index in range(self.progress.total):
            yield results.read(index) or BatchResult(index, error=self._unanswered())

    async def aresults(self) -> AsyncIterator[BatchResult]:
        """The async version of `results`. Files are written and read in a thread."""
        if not self.progress.is_finished:
            await self.await_until_done()
        results = await asyncio.to_thread(self._downloaded)
        for index in range(self.progress.total):
            found = await asyncio.to_thread(results.read, index)
            yield found or BatchResult(index, error=self._unanswered())

    def vectors(self) -> Iterator[list[float]]:
        """Yield the vectors of all texts of embedding requests, in order; for a job of `embed_job`.

        Raises:
            PortkeyMistralError: a request failed; `index` is the position of its first text. `retry_failed()` sends it
                again.
        """
        position = 0
        for result in self.results():
            for vector in _vectors(result, position):
                position += 1
                yield vector

    async def avectors(self) -> AsyncIterator[list[float]]:
        """The async version of `vectors`."""
        position = 0
        async for result in self.aresults():
            for vector in _vectors(result, position):
                position += 1
                yield vector

    def retry_failed(
        self, requests: Sequence[Request] | None = None, *, timeout_hours: int = 24
    ) -> BatchJob | None:
        """Start a new job with the requests that failed; None if none did. Its `positions` are those in this job.

        Args:
            requests: The requests of this job, in order. Required if they are not in memory, because the job was
                resumed or they were read from an iterator.
            timeout_hours: As for `Client.batch`.
        """
        known = self._requests if requests is None else requests
        if known is None:
            raise InvalidRequestError(
                "The requests of this job are not in memory: pass them again, retry_failed(requests)."
            )
        failed = tuple(result.index for result in self.results() if result.error is not None)
        if not failed:
            return None
        if len(known) != self.progress.total:
            raise InvalidRequestError(
                f"The job has {self.progress.total} requests, and {len(known)} were passed."
            )
        again = [known[index] for index in failed]
        job = self._start(again, timeout_hours)
        job.positions = failed
        return job

    async def aretry_failed(
        self, requests: Sequence[Request] | None = None, *, timeout_hours: int = 24
    ) -> BatchJob | None:
        """The async version of `retry_failed`."""
        return await asyncio.to_thread(self.retry_failed, requests, timeout_hours=timeout_hours)

    # --- inside -----------------------------------------------------------------------------------

    def _unfinished(self) -> list[str]:
        return [job.id for job in self._jobs.values() if not job.is_finished]

    def _downloaded(self) -> ResultFile:
        if self._results is None:
            from portkey_mistral._batch.results import ResultFile

            account = self._account
            results = ResultFile(
                self.progress.total,
                mode=account.resolved.mode,
                host=account.billing_host,
                secrets=account.resolved.secrets,
            )
            total = Tally()
            for job in self._jobs.values():
                tally = _download(self._account, job, results)
                self._charges.settle(self.id, job.part, job.metadata, tally)
                total.include(tally)
            self._results, self._cost = results, total.cost
        return self._results

    def _unanswered(self) -> BatchError:
        statuses = sorted({job.status for job in self._jobs.values()} - {"SUCCESS"})
        status = statuses[0] if statuses else "SUCCESS"
        errors = dict.fromkeys(message for job in self._jobs.values() for message in job.errors)
        reported = f" Mistral reports: {'; '.join([*errors][:_MOST_ERRORS])}" if errors else ""
        secrets = self._account.resolved.secrets
        return BatchError(
            f"The batch {self.id!r} ended as {status} without an answer to this request.{scrub(reported, secrets)} "
            "retry_failed() sends such requests again.",
            status=status,
        )


def _check_poll(poll: object) -> None:
    if isinstance(poll, bool) or not isinstance(poll, int | float) or not poll > 0:
        raise InvalidRequestError("poll must be a number of seconds above 0.")


def _vectors(result: BatchResult, position: int) -> Iterator[list[float]]:
    if result.error is not None:
        result.error.index = position
        raise result.error
    if not isinstance(result.response, EmbeddingResponse):
        raise InvalidRequestError(f"Request {result.index} of this job does not embed texts.")
    for vector in result.response.vectors:
        yield vector if isinstance(vector, list) else list(vector)


def _download(account: Account, job: RemoteJob, results: ResultFile) -> Tally:
    """Add the results of a job, and return their usage and cost."""
    tally = Tally()
    files = [file_id for file_id in (job.output_file, job.error_file) if file_id]
    if not files:
        results.add_outputs(account.job(job.id, inline=True).outputs, job.endpoint, tally)
        return tally
    count = 0
    for file_id in files:
        file = results.file
        start = file.tell()
        account.download(file_id, file)
        count += results.index_from(start, job.endpoint, tally)
    if job.status == "SUCCESS" and count < job.succeeded:
        raise ResponseFormatError(
            f"The files of the batch job {job.id} have {count} results, and Mistral reports {job.succeeded}. Ask for the "
            "results again."
        )
    return tally
