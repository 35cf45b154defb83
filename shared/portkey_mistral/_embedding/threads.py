"""Drives an embedding job in threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from portkey_mistral._embedding.job import EmbeddingJob, Part, joined, vectors_of
from portkey_mistral._transport.abandoning import AbandonedError
from portkey_mistral._transport.drive import drive
from portkey_mistral.exceptions import APIStatusError, PortkeyMistralError, RateLimitError
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
    *,
    as_lists: bool = False,
) -> EmbeddingResponse:
    """Embed all texts."""
    batches: list[EmbeddingBatch] = []
    try:
        for batch in embed_iter(settings, request, options, show_progress, as_lists=as_lists):
            batches.append(batch)  # noqa: PERF402  what came before an error is needed
    except PortkeyMistralError as error:
        error.completed = {**vectors_of(batches), **(error.completed or {})}
        raise
    return joined(batches, request.model)


def embed_iter(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
    *,
    as_lists: bool = False,
) -> Iterator[EmbeddingBatch]:
    """Embed texts as they are read, and give the vectors of neighbouring texts together, in order."""
    job = EmbeddingJob(settings, request, options, show_progress, as_lists=as_lists)
    try:
        yield from _alone(job) if job.is_single else _side_by_side(job)
        if job.fault is not None:
            raise job.fault
    except PortkeyMistralError as error:
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
        while running or not job.exhausted:
            while job.may_start(len(running)) and (part := job.next()) is not None:
                # What the caller's context holds (a trace, mostly) goes along.
                running.add(pool.submit(copy_context().run, _fill, job, part, part.missing))
            if running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                job.show()
                for future in done:
                    future.result()
            yield from job.ready()
    except PortkeyMistralError:
        # Requests that are on their way are paid for: nothing new is sent, but their vectors are kept.
        job.end()
        wait(running)
        raise
    finally:
        job.end()
        pool.shutdown(wait=False, cancel_futures=True)


def _fill(job: EmbeddingJob, part: Part, indices: list[int]) -> None:
    try:
        _embed(job, part, indices)
    except AbandonedError:
        return


def _embed(job: EmbeddingJob, part: Part, indices: list[int]) -> None:
    while indices:
        try:
            return job.finished(part, indices, drive(job.call(part, indices)))
        except RateLimitError as error:
            if not job.waits_out(error):
                raise
        except APIStatusError as error:
            for half in job.apart(part, indices, error):
                _embed(job, part, half)
            return None
    return None
