"""Runs an embedding job in threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING

from portkey_mistral._embedding.job import Batch, EmbeddingJob, join_batches, vectors_by_position
from portkey_mistral._transport.cancellation import JobCancelledError
from portkey_mistral._transport.run import run
from portkey_mistral.exceptions import APIStatusError, PortkeyMistralError, RateLimitError
from portkey_mistral.requests import CallOptions, EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch, EmbeddingResponse, ShowProgress

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["embed", "embed_iter"]


def embed(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
    *,
    as_lists: bool = False,
    positions: Sequence[int] | None = None,
) -> EmbeddingResponse:
    """Embed all texts and return their vectors."""
    batches: list[EmbeddingBatch] = []
    try:
        for batch in embed_iter(
            settings, request, options, show_progress, as_lists=as_lists, positions=positions
        ):
            batches.append(batch)  # noqa: PERF402  the batches before an error are needed
    except PortkeyMistralError as error:
        error.completed = {**vectors_by_position(batches, positions), **(error.completed or {})}
        raise
    return join_batches(batches, request.model)


def embed_iter(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
    *,
    as_lists: bool = False,
    positions: Sequence[int] | None = None,
) -> Iterator[EmbeddingBatch]:
    """Embed texts as they are read, and yield the vectors of consecutive texts together, in order."""
    job = EmbeddingJob(
        settings, request, options, show_progress, as_lists=as_lists, positions=positions
    )
    try:
        with job.observer:
            yield from _run_single(job) if job.is_single else _run_parallel(job)
            if job.input_error is not None:
                raise job.input_error
    except PortkeyMistralError as error:
        error.completed = job.undelivered()
        raise
    finally:
        job.stop()


def _run_single(job: EmbeddingJob) -> Iterator[EmbeddingBatch]:
    if (batch := job.start_next()) is not None:
        _complete(job, batch, batch.missing)
        job.show_progress()
        yield from job.deliver()


def _run_parallel(job: EmbeddingJob) -> Iterator[EmbeddingBatch]:
    pool = ThreadPoolExecutor(job.max_in_flight, "portkey-mistral-embed")
    running: set[Future[None]] = set()
    try:
        while running or not job.exhausted:
            while job.may_start(len(running)) and (batch := job.start_next()) is not None:
                # Tracing libraries keep the current span in the caller's context.
                run = copy_context().run
                running.add(pool.submit(run, _complete, job, batch, batch.missing))
            if running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                job.show_progress()
                for future in done:
                    future.result()
            yield from job.deliver()
    except PortkeyMistralError:
        # Requests in flight are billed, so send nothing new, but keep their vectors.
        job.stop()
        wait(running)
        raise
    finally:
        job.stop()
        pool.shutdown(wait=False, cancel_futures=True)


def _complete(job: EmbeddingJob, batch: Batch, indices: list[int]) -> None:
    try:
        _embed(job, batch, indices)
    except JobCancelledError:
        return


def _embed(job: EmbeddingJob, batch: Batch, indices: list[int]) -> None:
    while indices:
        try:
            return job.add_response(batch, indices, run(job.prepare(batch, indices)))
        except RateLimitError as error:
            if not job.outlasts(error):
                raise
        except APIStatusError as error:
            for half in job.split(batch, indices, error):
                _embed(job, batch, half)
            return None
    return None
