"""Runs an embedding job on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from portkey_mistral._call.validate import check_request, may_be_too_long
from portkey_mistral._embedding.job import Batch, EmbeddingJob, join_batches, vectors_by_position
from portkey_mistral._transport.cancellation import JobCancelledError
from portkey_mistral._transport.run import arun
from portkey_mistral.exceptions import APIStatusError, PortkeyMistralError, RateLimitError
from portkey_mistral.requests import CallOptions, EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch, EmbeddingResponse, ShowProgress
from portkey_mistral.tokens import exact_counter

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["aembed", "aembed_iter"]


async def aembed(
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
        async with aclosing(
            aembed_iter(
                settings, request, options, show_progress, as_lists=as_lists, positions=positions
            )
        ) as delivered:
            async for batch in delivered:
                batches.append(batch)  # noqa: PERF401  the batches before an error are needed
    except PortkeyMistralError as error:
        error.completed = {**vectors_by_position(batches, positions), **(error.completed or {})}
        raise
    return join_batches(batches, request.model)


async def aembed_iter(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
    *,
    as_lists: bool = False,
    positions: Sequence[int] | None = None,
) -> AsyncGenerator[EmbeddingBatch]:
    """Embed texts as they are read, and yield the vectors of consecutive texts together, in order."""
    check_request(request, "embed")
    await _load_tokenizer(request)
    job = EmbeddingJob(
        settings, request, options, show_progress, as_lists=as_lists, positions=positions
    )
    running: set[asyncio.Task[None]] = set()
    try:
        with job.observer:
            while running or not job.exhausted:
                while job.may_start(len(running)) and (batch := await _start_next(job)) is not None:
                    running.add(asyncio.create_task(_complete(job, batch, batch.missing)))
                if running:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    job.show_progress()
                    _raise_first([task.exception() for task in done])
                for delivered in job.deliver():
                    yield delivered
            _raise_first([job.input_error])
    except PortkeyMistralError as error:
        # Requests in flight are billed, so send nothing new, but keep their vectors.
        job.stop()
        await asyncio.gather(*running, return_exceptions=True)
        error.completed = job.undelivered()
        raise
    finally:
        job.stop()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _load_tokenizer(request: EmbeddingRequest) -> None:
    """Load the tokenizer in a thread if a text has to be counted: the job is made on the event loop."""
    if isinstance(request.inputs, Sequence) and any(map(may_be_too_long, request.inputs)):
        await asyncio.to_thread(exact_counter, request.model)


async def _start_next(job: EmbeddingJob) -> Batch | None:
    return await asyncio.to_thread(job.start_next) if job.uses_file else job.start_next()


def _raise_first(errors: list[BaseException | None]) -> None:
    """Raise the first error. The others have been retrieved too, because asyncio logs those that are not."""
    for error in errors:
        if error is not None:
            raise error


async def _complete(job: EmbeddingJob, batch: Batch, indices: list[int]) -> None:
    try:
        await _embed(job, batch, indices)
    except JobCancelledError:
        return


async def _embed(job: EmbeddingJob, batch: Batch, indices: list[int]) -> None:
    while indices:
        try:
            response = await arun(job.prepare(batch, indices))
        except RateLimitError as error:
            if not job.outlasts(error):
                raise
        except APIStatusError as error:
            for half in job.split(batch, indices, error):
                await _embed(job, batch, half)
            return
        else:
            await _add_response(job, batch, indices, response)
            return


async def _add_response(
    job: EmbeddingJob, batch: Batch, indices: list[int], response: EmbeddingResponse
) -> None:
    if job.uses_file:
        await asyncio.to_thread(job.add_response, batch, indices, response)
    else:
        job.add_response(batch, indices, response)
