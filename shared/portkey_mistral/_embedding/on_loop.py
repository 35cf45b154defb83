"""Drives an embedding job on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from portkey_mistral._embedding.job import EmbeddingJob, Part, joined, vectors_of
from portkey_mistral._transport.abandoning import AbandonedError
from portkey_mistral._transport.drive import adrive
from portkey_mistral.exceptions import APIStatusError, PortkeyMistralError, RateLimitError
from portkey_mistral.progress import ShowProgress
from portkey_mistral.requests import CallOptions, EmbeddingRequest
from portkey_mistral.responses import EmbeddingBatch, EmbeddingResponse
from portkey_mistral.settings import ConnectionSettings

__all__ = ["aembed", "aembed_iter"]


async def aembed(
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
        async with aclosing(
            aembed_iter(settings, request, options, show_progress, as_lists=as_lists)
        ) as parts:
            async for batch in parts:
                batches.append(batch)  # noqa: PERF401  what came before an error is needed
    except PortkeyMistralError as error:
        error.completed = {**vectors_of(batches), **(error.completed or {})}
        raise
    return joined(batches, request.model)


async def aembed_iter(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
    *,
    as_lists: bool = False,
) -> AsyncGenerator[EmbeddingBatch]:
    """Embed texts as they are read, and give the vectors of neighbouring texts together, in order."""
    job = EmbeddingJob(settings, request, options, show_progress, as_lists=as_lists)
    running: set[asyncio.Task[None]] = set()
    try:
        while running or not job.exhausted:
            while job.may_start(len(running)) and (part := await _next(job)) is not None:
                running.add(asyncio.create_task(_fill(job, part, part.missing)))
            if running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                job.show()
                _raise_first([task.exception() for task in done])
            for batch in job.ready():
                yield batch
        _raise_first([job.fault])
    except PortkeyMistralError as error:
        # Requests that are on their way are paid for: nothing new is sent, but their vectors are kept.
        job.end()
        await asyncio.gather(*running, return_exceptions=True)
        error.completed = job.unclaimed()
        raise
    finally:
        job.end()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _next(job: EmbeddingJob) -> Part | None:
    return await asyncio.to_thread(job.next) if job.stores else job.next()


def _raise_first(faults: list[BaseException | None]) -> None:
    """Raise a fault, if there is one. All were asked for: asyncio complains of those that nobody saw."""
    for fault in faults:
        if fault is not None:
            raise fault


async def _fill(job: EmbeddingJob, part: Part, indices: list[int]) -> None:
    try:
        await _embed(job, part, indices)
    except AbandonedError:
        return


async def _embed(job: EmbeddingJob, part: Part, indices: list[int]) -> None:
    while indices:
        try:
            answer = await adrive(job.call(part, indices))
        except RateLimitError as error:
            if not job.waits_out(error):
                raise
        except APIStatusError as error:
            for half in job.apart(part, indices, error):
                await _embed(job, part, half)
            return
        else:
            await _finish(job, part, indices, answer)
            return


async def _finish(
    job: EmbeddingJob, part: Part, indices: list[int], answer: EmbeddingResponse
) -> None:
    if job.stores:
        await asyncio.to_thread(job.finished, part, indices, answer)
    else:
        job.finished(part, indices, answer)
