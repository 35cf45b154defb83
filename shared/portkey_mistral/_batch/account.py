"""The files and batch jobs of an account at Mistral, as far as batches need them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlencode

from portkey_mistral._api import path_of
from portkey_mistral._batch.parts import Part
from portkey_mistral._call.account_calls import account_target, prepare_resource
from portkey_mistral._call.billing import billing_host
from portkey_mistral._call.options import ResolvedOptions
from portkey_mistral._json import drop_none, dumps
from portkey_mistral._transport.call import Call
from portkey_mistral._transport.download import exchange_to
from portkey_mistral._transport.run import arun, run
from portkey_mistral._wire.malformed import MalformedResponse, json_object
from portkey_mistral._wire.multipart import encode_form
from portkey_mistral.batch import FINISHED_STATUSES

__all__ = ["DIGEST", "NAME", "PART", "PARTS", "REQUESTS", "Account", "RemoteJob"]

T = TypeVar("T")

NAME, PART, PARTS = "batch", "part", "parts"
"""Metadata of our jobs: their batch, and the number of their part. That of the last part has the number of parts."""
DIGEST, REQUESTS = "digest", "requests"
"""Metadata of our jobs: a digest of their requests, and the number of these."""

_FILES, _JOBS = path_of("files", {}), path_of("batch", {})
_PAGE_SIZE = 100
_MOST_DIGITS = 7  # of the requests of a job, which are at most `parts.MAX_LINES`


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as returned by Mistral's API. `created_at` is Unix time; `errors` are those of the job as a whole."""

    id: str
    status: str
    endpoint: str
    metadata: Mapping[str, Any]
    total: int
    succeeded: int
    failed: int
    output_file: str | None
    error_file: str | None
    outputs: tuple[Any, ...]
    errors: tuple[str, ...]
    created_at: float

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED_STATUSES

    @property
    def part(self) -> int:
        """The number of the job's part."""
        text = str(self.metadata.get(PART, ""))
        return int(text) if text.isdecimal() else 0

    @property
    def batch(self) -> str | None:
        """The name of the batch that the job belongs to; None for a job of another program."""
        return str(self.metadata.get(NAME)) if DIGEST in self.metadata else None


class Account:
    """The files and batch jobs of one account at Mistral."""

    def __init__(self, resolved: ResolvedOptions) -> None:
        self.resolved = resolved

    @property
    def billing_host(self) -> str | None:
        """Who bills the jobs; see `cost.Billing`."""
        target = account_target(self.resolved)
        return billing_host(target.custom_host or self.resolved.default_host)

    def upload(self, part: Part, name: str) -> str:
        """Upload the requests of a part, and return the id of the file."""
        body, content_type = encode_form({"purpose": "batch"}, f"{name}.jsonl", part.lines)
        return run(self._call("POST", _FILES, _decode_id, body=body, content_type=content_type))

    def create(
        self,
        part: Part,
        *,
        metadata: Mapping[str, str],
        timeout_hours: int,
        file_id: str | None,
    ) -> RemoteJob:
        """Create a job. The request is never retried, because that would create a second job."""
        fields = drop_none(
            endpoint=part.endpoint,
            model=part.model,
            metadata=metadata,
            timeout_hours=timeout_hours,
            input_files=None if file_id is None else [file_id],
        )
        body = dumps(fields)
        if file_id is None:
            requests = b",".join(line.rstrip(b"\n") for line in part.lines)
            body = body[:-1] + b',"requests":[' + requests + b"]}"
        return run(
            self._call(
                "POST",
                _JOBS,
                _decode_job,
                body=body,
                content_type="application/json",
                retries=0,
            )
        )

    def job(self, job_id: str, *, inline: bool = False) -> RemoteJob:
        """Return the state of a job, with its results where `inline` is set."""
        query = "?inline=true" if inline else ""
        return run(self._call("GET", f"{_path_of_job(job_id)}{query}", _decode_job))

    async def ajob(self, job_id: str) -> RemoteJob:
        """The async version of `job`."""
        return await arun(self._call("GET", _path_of_job(job_id), _decode_job))

    def cancel(self, job_id: str) -> RemoteJob:
        """Request the cancellation of a job."""
        return run(self._call("POST", f"{_path_of_job(job_id)}/cancel", _decode_job))

    def jobs(self, metadata: Mapping[str, str]) -> list[RemoteJob]:
        """Return all jobs that have these metadata."""
        jobs: list[RemoteJob] = []
        while True:
            query = {
                "metadata": json.dumps(metadata),
                "page": len(jobs) // _PAGE_SIZE,
                "page_size": _PAGE_SIZE,
            }
            page = run(self._call("GET", f"{_JOBS}?{urlencode(query)}", _decode_jobs))
            jobs += page
            if len(page) < _PAGE_SIZE:
                # A server that does not support the filter lists all jobs.
                return [job for job in jobs if metadata.items() <= job.metadata.items()]

    def download(self, file_id: str, file: IO[bytes]) -> None:
        """Append the content of a file at Mistral to a local one."""
        path = f"{_FILES}/{quote(file_id, safe='')}/content"
        run(self._call("GET", path, int), exchange_to(file, file.tell()))

    def _call(self, method: str, path: str, decode: Callable[[Any], T], **fields: Any) -> Call[T]:
        return prepare_resource(self.resolved, method, path, decode=decode, **fields)


def _path_of_job(job_id: str) -> str:
    return f"{_JOBS}/{quote(job_id, safe='')}"


def _decode_id(body: Any) -> str:
    file_id = json_object(body, "the response").get("id")
    if not isinstance(file_id, str):
        raise MalformedResponse("the response has no id of a file")
    return file_id


def _decode_jobs(body: Any) -> list[RemoteJob]:
    rows = json_object(body, "the response").get("data")
    if not isinstance(rows, list):
        raise MalformedResponse("the response has no list of jobs")
    return [_decode_job(row) for row in rows]


def _decode_job(body: Any) -> RemoteJob:
    job = json_object(body, "the job")
    if not isinstance(job.get("id"), str) or not isinstance(job.get("status"), str):
        raise MalformedResponse("the job has no id or no status")
    outputs, metadata = job.get("outputs"), job.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return RemoteJob(
        id=job["id"],
        status=job["status"],
        endpoint=str(job.get("endpoint", "")),
        metadata=metadata,
        total=max(_count(job, "total_requests"), _announced(metadata)),
        succeeded=_count(job, "succeeded_requests"),
        failed=_count(job, "failed_requests"),
        output_file=job.get("output_file"),
        error_file=job.get("error_file"),
        outputs=tuple(outputs) if isinstance(outputs, list) else (),
        errors=tuple(_messages(job.get("errors"))),
        created_at=float(_count(job, "created_at")),
    )


def _announced(metadata: Mapping[str, Any]) -> int:
    """Return how many requests a job of ours was created with.

    Mistral counts those of a file only when it reads them: never, if the job fails before.
    """
    text = str(metadata.get(REQUESTS)) if DIGEST in metadata else ""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def _messages(errors: Any) -> Iterator[str]:
    for error in errors if isinstance(errors, list) else ():
        message = error.get("message") if isinstance(error, Mapping) else None
        if isinstance(message, str) and message:
            yield message


def _count(job: Mapping[str, Any], name: str) -> int:
    value = job.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedResponse(f"{name} of the job is no number")
    return value
