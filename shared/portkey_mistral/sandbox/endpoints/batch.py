"""Batch jobs: creation, list, state, cancellation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, Json, ValidationError
from pydantic_core import from_json

from portkey_mistral.sandbox import limits
from portkey_mistral.sandbox.batch_jobs import BatchJob, BatchRequest
from portkey_mistral.sandbox.endpoints.request import SandboxRequest, parse
from portkey_mistral.sandbox.errors import invalid_args, invalid_body, invalid_model, not_found
from portkey_mistral.sandbox.faults import damaged
from portkey_mistral.sandbox.request_models import Closed, Integer, Open
from portkey_mistral.sandbox.responses import SandboxResponse, json_response
from portkey_mistral.sandbox.stored_files import StoredFile

__all__ = ["cancel_job", "create_job", "get_job", "list_jobs"]

_CAPABILITIES = {
    "/v1/chat/completions": "chat",
    "/v1/fim/completions": "fim",
    "/v1/embeddings": "embeddings",
    "/v1/moderations": "moderation",
    "/v1/chat/moderations": "moderation",
    "/v1/ocr": "ocr",
}
"""The capability that the model of an endpoint has. Classifiers are those of the sandbox, not of the catalog."""


class _Request(Closed):
    custom_id: str | None = None
    body: dict[str, Any]


class _Create(Closed):
    endpoint: Literal[
        "/v1/chat/completions",
        "/v1/fim/completions",
        "/v1/embeddings",
        "/v1/moderations",
        "/v1/chat/moderations",
        "/v1/classifications",
        "/v1/chat/classifications",
        "/v1/ocr",
    ]
    model: str | None = None
    input_files: list[UUID] | None = None
    requests: Annotated[list[_Request], Field(max_length=10_000)] | None = None
    metadata: (
        dict[
            Annotated[str, Field(min_length=1, max_length=32)],
            Annotated[str, Field(min_length=1, max_length=512)],
        ]
        | None
    ) = None
    timeout_hours: Annotated[Integer, Field(ge=1, le=168)] = 24


class _ListQuery(Open):
    page: Annotated[int, Field(ge=0)] = 0
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    metadata: Json[dict[str, Any]] = Field(default_factory=dict)


def create_job(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/batch/jobs`."""
    params = parse(_Create, request.body)
    if params.model is not None:
        _require_model(params.model, params.endpoint, request)
    files = [_input_file(str(file_id), request) for file_id in params.input_files or ()]
    inline = [BatchRequest(each.custom_id, each.body) for each in params.requests or ()]
    if bool(files) == bool(inline):
        raise invalid_args("Give either input_files or requests, with at least one request")
    total = len(inline) or sum(1 for file in files for _ in file.lines())
    if not total:
        raise invalid_args("The input files have no requests")
    job_id = str(UUID(request.id))
    job = BatchJob(
        id=job_id,
        endpoint=params.endpoint,
        model=params.model,
        metadata=params.metadata,
        input_files=tuple(file.id for file in files),
        created_at=int(request.now),
        total=total,
        requests=partial(_requests, inline, files),
        answer=request.answer,
        new_file=partial(_new_file, request, job_id),
        fate=request.fault.job,
    )
    request.jobs.add(job)
    response = json_response(job.card())
    # The job is there, whatever becomes of the response.
    response.steps = damaged(response.steps, request.fault)
    return response


def _require_model(model: str, endpoint: str, request: SandboxRequest) -> None:
    capability = _CAPABILITIES.get(endpoint)
    if capability is not None:
        limits.require_model(model, capability, today=request.today)
    elif model not in request.classifiers:
        raise invalid_model(model)


def list_jobs(request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/batch/jobs`."""
    query = _list_query(request.query)
    wanted = query.metadata.items()
    jobs = [job for job in request.jobs.all() if wanted <= dict(job.metadata or {}).items()]
    shown = jobs[query.page * query.page_size :][: query.page_size]
    return json_response(
        {"object": "list", "data": [job.card() for job in shown], "total": len(jobs)}
    )


def get_job(job_id: str, request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/batch/jobs/{id}`."""
    job = _require(job_id, request)
    job.advance(int(request.now))
    return json_response(job.card(inline=request.query.get("inline", "").lower() == "true"))


def cancel_job(job_id: str, request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/batch/jobs/{id}/cancel`."""
    job = _require(job_id, request)
    job.cancel()
    return json_response(job.card())


def _require(job_id: str, request: SandboxRequest) -> BatchJob:
    job = request.jobs.get(job_id)
    if job is None:
        raise not_found()
    return job


def _list_query(query: Mapping[str, str]) -> _ListQuery:
    try:
        return _ListQuery.model_validate(query)
    except ValidationError as error:
        raise invalid_body(error, inside=("query",)) from None


def _input_file(file_id: str, request: SandboxRequest) -> StoredFile:
    file = request.jobs.files.get(file_id)
    if file is None:
        raise invalid_args(f"File {file_id} does not exist")
    if file.purpose != "batch":
        raise invalid_args(f"File {file_id} was not uploaded with the purpose batch")
    return file


def _requests(
    inline: Sequence[BatchRequest], files: Sequence[StoredFile]
) -> Iterator[BatchRequest]:
    yield from inline
    for file in files:
        for line in file.lines():
            yield _read_line(line)


def _read_line(line: bytes) -> BatchRequest:
    try:
        parsed = from_json(line)
    except ValueError:
        parsed = None
    match parsed:
        case {"body": dict(body)}:
            return BatchRequest(parsed.get("custom_id"), body)
    return BatchRequest(None, {})


def _new_file(request: SandboxRequest, job_id: str, name: str, sample_type: str) -> StoredFile:
    # Derived from the job's id, so that a sandbox gives the same ids in every run.
    digits = f"{int(job_id.replace('-', ''), 16) ^ (1 if name == 'output' else 2):032x}"
    file = StoredFile(
        id=str(UUID(digits)),
        filename=f"{job_id}_{name}.jsonl",
        purpose="batch",
        sample_type=sample_type,
        source="mistral",
        created_at=int(request.now),
    )
    return request.jobs.files.add(file)
