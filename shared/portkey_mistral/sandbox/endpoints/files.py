"""Files: upload, list, content, deletion."""

from __future__ import annotations

from uuid import UUID

from portkey_mistral.sandbox.endpoints.request import SandboxRequest
from portkey_mistral.sandbox.errors import invalid_args, invalid_field, not_found
from portkey_mistral.sandbox.faults import damaged
from portkey_mistral.sandbox.multipart import form_parts
from portkey_mistral.sandbox.responses import SandboxResponse, json_response
from portkey_mistral.sandbox.stored_files import StoredFile

__all__ = ["delete_file", "get_content", "get_file", "list_files", "upload_file"]

_PURPOSES = ("agentic_safety", "audio", "batch", "fine-tune", "ocr")
_SAMPLE_TYPES = {"batch": "batch_request", "fine-tune": "instruct"}
_MOST_BYTES = 512 * 2**20


def upload_file(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/files`."""
    parts = {
        part.name: part
        for part in form_parts(request.headers.get("content-type", ""), request.body)
    }
    file, purpose = parts.get("file"), parts.get("purpose")
    if file is None or file.filename is None:
        raise invalid_field(("body", "file"), "missing", "Field required")
    kind = "fine-tune" if purpose is None else purpose.content.decode("utf-8", "replace")
    if kind not in _PURPOSES:
        raise invalid_field(
            ("body", "purpose"), "enum", f"Input should be one of {', '.join(_PURPOSES)}"
        )
    if len(file.content) > _MOST_BYTES:
        raise invalid_args("File is too large: at most 512 MB")
    stored = StoredFile(
        id=str(UUID(request.id)),
        filename=file.filename,
        purpose=kind,
        sample_type=_SAMPLE_TYPES.get(kind, "pretrain"),
        source="upload",
        created_at=int(request.now),
    )
    stored.write(file.content)
    return json_response(request.jobs.files.add(stored).card())


def list_files(request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/files`."""
    purpose = request.query.get("purpose")
    cards = [file.card() for file in request.jobs.files.all() if purpose in (None, file.purpose)]
    return json_response({"object": "list", "data": cards, "total": len(cards)})


def get_file(file_id: str, request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/files/{id}`."""
    return json_response(_require(file_id, request).card())


def get_content(file_id: str, request: SandboxRequest) -> SandboxResponse:
    """Answer `GET /v1/files/{id}/content`."""
    file = _require(file_id, request)
    content = damaged(file.pieces(), request.fault)
    return SandboxResponse(200, {"content-type": "application/octet-stream"}, content)


def delete_file(file_id: str, request: SandboxRequest) -> SandboxResponse:
    """Answer `DELETE /v1/files/{id}`."""
    if not request.jobs.files.delete(file_id):
        raise not_found()
    return json_response({"id": file_id, "object": "file", "deleted": True})


def _require(file_id: str, request: SandboxRequest) -> StoredFile:
    file = request.jobs.files.get(file_id)
    if file is None:
        raise not_found()
    return file
