"""Sends batches, follows them, and writes their results as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portkey_mistral._json import drop_none
from portkey_mistral.batch import BatchProgress, BatchResult
from portkey_mistral.cli.console import console, counted, note, usd
from portkey_mistral.cli.output_files import replacing
from portkey_mistral.exceptions import APIError
from portkey_mistral.ocr import OCRResponse
from portkey_mistral.prices import NOT_BILLED, Cost, total_cost
from portkey_mistral.responses import (
    ChatResponse,
    ClassificationResponse,
    EmbeddingResponse,
    ModerationResponse,
)

if TYPE_CHECKING:
    from portkey_mistral._batch.job import BatchJob

__all__ = ["describe", "follow", "write_results"]


def describe(job: BatchJob) -> dict[str, Any]:
    """Return the state of a job as JSON values."""
    progress, cost = job.progress, job.progress.cost
    return {
        "id": job.id,
        "status": progress.status,
        "total": progress.total,
        "succeeded": progress.succeeded,
        "failed": progress.failed,
        "seconds": round(progress.seconds, 1),
        "cost": None if cost is None else f"{cost.amount:f}",
        "cost_is_estimated": cost is not None and cost.estimated,
    }


def follow(job: BatchJob, poll: float) -> BatchProgress:
    """Wait until a job is finished; the progress is shown if standard error is a terminal."""
    with _progress_bar() as show:
        progress = job.wait_until_done(poll=poll, show_progress=show)
    note(f"Batch {job.id}: {progress.status}, {progress.done:,} of {progress.total:,} done.")
    return progress


def write_results(job: BatchJob, output: Path | None, custom_ids: Sequence[str] | None) -> int:
    """Write a line for each request, in their order, and a summary; return how many failed.

    A line has `index` and, if they are known, `custom_id`; and what the request gave, or `error`.
    """
    failed = total = 0
    cost: Cost | None = NOT_BILLED
    with _lines(output) as write:
        for result in job.results():
            custom_id = None if custom_ids is None else custom_ids[result.index]
            write({"index": result.index, **drop_none(custom_id=custom_id), **_fields(result)})
            total += 1
            failed += result.error is not None
            cost = total_cost((cost, _cost(result)))
    where = "" if output is None else f" -> {output}"
    failures = f", {failed:,} failed" if failed else ""
    note(f"{counted(total, 'result')}, {usd(cost)}{failures}{where}")
    return failed


@contextmanager
def _lines(output: Path | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    if output is None:
        yield lambda row: _write_line(sys.stdout.write, row)
        sys.stdout.flush()
        return
    with replacing(output) as file:
        yield lambda row: _write_line(lambda text: file.write(text.encode()), row)


def _write_line(write: Callable[[str], object], row: Mapping[str, Any]) -> None:
    write(json.dumps(row, default=str) + "\n")


def _cost(result: BatchResult) -> Cost | None:
    match result.response:
        case EmbeddingResponse() as response:
            return response.cost
        case None:
            return result.error.cost if isinstance(result.error, APIError) else None
        case response:
            return response.info.cost


def _fields(result: BatchResult) -> dict[str, Any]:
    match result.response:
        case ChatResponse() as response:
            return _chat_fields(response)
        case EmbeddingResponse() as response:
            return {"model": response.model, "vectors": [list(each) for each in response.vectors]}
        case ModerationResponse() | ClassificationResponse() as response:
            return {"model": response.model, "results": list(response.results)}
        case OCRResponse() as response:
            pages = [{"index": page.index, "markdown": page.markdown} for page in response.pages]
            return {"model": response.model, "pages": pages}
        case None:
            error = result.error
            return {"error": {"type": type(error).__name__, "message": str(error)}}


def _chat_fields(response: ChatResponse) -> dict[str, Any]:
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments}
        for call in response.message.tool_calls
    ]
    usage, cost = response.usage, response.info.cost
    return drop_none(
        model=response.model,
        text=response.text,
        tool_calls=calls or None,
        finish_reason=response.finish_reason,
        prompt_tokens=None if usage is None else usage.prompt_tokens,
        completion_tokens=None if usage is None else usage.completion_tokens,
        cost=None if cost is None else f"{cost.amount:f}",
    )


@contextmanager
def _progress_bar() -> Iterator[Callable[[BatchProgress], None] | bool]:
    if not sys.stderr.isatty():
        yield False
        return
    with console(stderr=True).status("Waiting for the batch") as status:

        def show(progress: BatchProgress) -> None:
            failed = f", {progress.failed:,} failed" if progress.failed else ""
            status.update(
                f"{progress.status}: {progress.done:,} of {progress.total:,} done{failed}"
            )

        yield show
