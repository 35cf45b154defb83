"""Drives an embedding job in threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from portkey_mistral._embedding.job import EmbeddingJob, Part, joined, vectors_of
from portkey_mistral._transport.drive import drive
from portkey_mistral.exceptions import APIError, APIStatusError, RateLimitError
from portkey_mistral.progress import ShowProgress
from portkey_mistral.requests import CallOptions, EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch, EmbeddingResponse
from portkey_mistral.settings import ConnectionSettings

__all__ = ["embed", "embed_iter"]


def embed(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
) -> EmbeddingResponse:
    """Embed all texts."""
    batches: list[EmbeddingBatch] = []
    try:
        for batch in embed_iter(settings, request, options, show_progress):
            batches.append(batch)  # noqa: PERF402  what came before an error is needed
    except APIError as error:
        error.completed = {**vectors_of(batches), **(error.completed or {})}
        raise
    return joined(batches, request.model)


def embed_iter(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
) -> Iterator[EmbeddingBatch]:
    """Embed texts as they are read, and give the vectors of neighbouring texts together, in order."""
    job = EmbeddingJob(settings, request, options, show_progress)
    try:
        yield from _alone(job) if job.is_single else _side_by_side(job)
    except APIError as error:
        error.completed = job.unclaimed()
        raise
    finally:
        job.end()


def _alone(job: EmbeddingJob) -> Iterator[EmbeddingBatch]:
    if (part := job.next()) is not None:
        _fill(job, part, part.missing)
        job.show()
        yield from job.ready()


def _side_by_side(job: EmbeddingJob) -> Iterator[EmbeddingBatch]:
    pool = ThreadPoolExecutor(job.most_in_flight, "portkey-mistral-embed")
    running: set[Future[None]] = set()
    try:
        while True:
            while job.may_start(len(running)) and (part := job.next()) is not None:
                running.add(pool.submit(_fill, job, part, part.missing))
            yield from job.ready()
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            job.show()
            for future in done:
                future.result()
    except APIError:
        # Requests that are on their way are paid for: nothing new is sent, but their vectors are kept.
        job.end()
        wait(running)
        raise
    finally:
        job.end()
        pool.shutdown(wait=False, cancel_futures=True)


def _fill(job: EmbeddingJob, part: Part, indices: list[int]) -> None:
    while indices and not job.over:
        try:
            return job.finished(part, indices, drive(job.call(part, indices)))
        except RateLimitError as error:
            if not job.waits_out(error):
                raise
        except APIStatusError as error:
            for half in job.apart(part, indices, error):
                _fill(job, part, half)
            return None
    return None
