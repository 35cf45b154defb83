"""Batch jobs of a sandbox: they advance when they are looked at, so that their course does not depend on time.

The first look finds a job running, with half of its requests done; the second finds it finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Literal, TypeAlias

from pydantic_core import from_json, to_json

from portkey_mistral.sandbox.stored_files import FileStore, StoredFile

__all__ = ["BatchJob", "BatchRequest", "JobFate", "JobStore", "Outcome"]

JobFate: TypeAlias = Literal["FAILED", "TIMEOUT_EXCEEDED"]
"""How a job may end other than by success, if a fault says so."""

Outcome: TypeAlias = tuple[int, Any]
"""Status and parsed body of one request's response."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One request of a job."""

    custom_id: str | None
    body: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class BatchJob:
    """One job. `requests` reads its requests, and `answer` answers one of them."""

    id: str
    endpoint: str
    model: str | None
    metadata: Mapping[str, str] | None
    input_files: tuple[str, ...]
    created_at: int
    total: int
    requests: Callable[[], Iterator[BatchRequest]]
    answer: Callable[[str, Mapping[str, Any]], Outcome]
    new_file: Callable[[str, str], StoredFile]
    fate: JobFate | None = None
    status: str = "QUEUED"
    succeeded: int = 0
    failed: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    output: StoredFile | None = None
    errors: StoredFile | None = None
    _pending: Iterator[BatchRequest] | None = field(default=None, repr=False)
    _lock: RLock = field(default_factory=RLock, repr=False)

    @property
    def is_finished(self) -> bool:
        return self.status in ("SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED")

    def advance(self, now: int) -> None:
        """Do the work that is due at a look at the job."""
        with self._lock:
            match self.status:
                case "QUEUED":
                    self.status, self.started_at = "RUNNING", now
                    self._run(self.total // 2)
                case "RUNNING":
                    if self.fate is None:
                        self._run(self.total)
                    self._finish(self.fate or "SUCCESS", now)
                case "CANCELLATION_REQUESTED":
                    self._finish("CANCELLED", now)

    def cancel(self) -> None:
        """Ask for the end of a job; what is done is kept."""
        with self._lock:
            if not self.is_finished:
                self.status = "CANCELLATION_REQUESTED"

    def card(self, *, inline: bool = False) -> Mapping[str, Any]:
        """Return the job as the API describes it, with its results among it where `inline` is set."""
        with self._lock:
            return {
                "id": self.id,
                "object": "batch",
                "status": self.status,
                "endpoint": self.endpoint,
                "model": self.model,
                "agent_id": None,
                "input_files": list(self.input_files),
                "output_file": self.output.id if self.is_finished and self.output else None,
                "error_file": self.errors.id if self.is_finished and self.errors else None,
                "errors": [],
                "outputs": self._outputs() if inline and self.is_finished else None,
                "metadata": self.metadata,
                "created_at": self.created_at,
                "started_at": self.started_at,
                "completed_at": self.completed_at,
                "total_requests": self.total,
                "completed_requests": self.succeeded + self.failed,
                "succeeded_requests": self.succeeded,
                "failed_requests": self.failed,
            }

    def _run(self, count: int) -> None:
        if self._pending is None:
            self._pending = self.requests()
        for _ in range(count):
            request = next(self._pending, None)
            if request is None:
                return
            self._answer(request)

    def _answer(self, request: BatchRequest) -> None:
        body = request.body if self.model is None else {"model": self.model, **request.body}
        status, answer = self.answer(self.endpoint, body)
        line = {
            "id": f"{self.id}-{self.succeeded + self.failed}",
            "custom_id": request.custom_id,
            "response": {"status_code": status, "body": answer},
            "error": None,
        }
        if status < 400:
            self.succeeded += 1
            self.output = self.output or self.new_file("output", "batch_result")
            self.output.write(to_json(line) + b"\n")
        else:
            self.failed += 1
            self.errors = self.errors or self.new_file("error", "batch_error")
            self.errors.write(to_json(line | {"error": {"message": "request failed"}}) + b"\n")

    def _finish(self, status: str, now: int) -> None:
        self.status, self.completed_at = status, now

    def _outputs(self) -> list[Any]:
        files = filter(None, (self.output, self.errors))
        return [from_json(line) for file in files for line in file.lines()]


class JobStore:
    """The files and the jobs of one sandbox."""

    def __init__(self) -> None:
        self.files = FileStore()
        self._jobs: dict[str, BatchJob] = {}

    def add(self, job: BatchJob) -> None:
        self._jobs[job.id] = job

    def get(self, job_id: str) -> BatchJob | None:
        return self._jobs.get(job_id)

    def all(self) -> tuple[BatchJob, ...]:
        """Return all jobs, the newest first."""
        return tuple(reversed(tuple(self._jobs.values())))

    def clear(self) -> None:
        self._jobs.clear()
        self.files.clear()
