"""Drives an embedding job on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from portkey_mistral._embedding.job import EmbeddingJob, Part, joined, vectors_of
from portkey_mistral._transport.drive import adrive
from portkey_mistral.exceptions import APIError, APIStatusError, RateLimitError
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
) -> EmbeddingResponse:
    """Embed all texts."""
    batches: list[EmbeddingBatch] = []
    try:
        async with aclosing(aembed_iter(settings, request, options, show_progress)) as parts:
            async for batch in parts:
                batches.append(batch)  # noqa: PERF401  what came before an error is needed
    except APIError as error:
        error.completed = {**vectors_of(batches), **(error.completed or {})}
        raise
    return joined(batches, request.model)


async def aembed_iter(
    settings: ConnectionSettings,
    request: EmbeddingRequest,
    options: CallOptions | None,
    show_progress: ShowProgress = False,
) -> AsyncGenerator[EmbeddingBatch]:
    """Embed texts as they are read, and give the vectors of neighbouring texts together, in order."""
    job = EmbeddingJob(settings, request, options, show_progress)
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            while job.may_start(len(running)) and (part := job.next()) is not None:
                running.add(asyncio.create_task(_fill(job, part, part.missing)))
            for batch in job.ready():
                yield batch
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            job.show()
            _raise_first([task.exception() for task in done])
    except APIError as error:
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


def _raise_first(faults: list[BaseException | None]) -> None:
    """Raise a fault, if there is one. All were asked for: asyncio complains of those that nobody saw."""
    for fault in faults:
        if fault is not None:
            raise fault


async def _fill(job: EmbeddingJob, part: Part, indices: list[int]) -> None:
    while indices and not job.over:
        try:
            return job.finished(part, indices, await adrive(job.call(part, indices)))
        except RateLimitError as error:
            if not job.waits_out(error):
                raise
        except APIStatusError as error:
            for half in job.apart(part, indices, error):
                await _fill(job, part, half)
            return None
    return None
