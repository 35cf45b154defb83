"""The routing table. The API key is checked here, before the body is parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar
from urllib.parse import unquote

from portkey_mistral.sandbox.endpoints.batch import cancel_job, create_job, get_job, list_jobs
from portkey_mistral.sandbox.endpoints.chat import chat, fim
from portkey_mistral.sandbox.endpoints.classifications import (
    chat_classifications,
    classifications,
)
from portkey_mistral.sandbox.endpoints.embeddings import embeddings
from portkey_mistral.sandbox.endpoints.files import (
    delete_file,
    get_content,
    get_file,
    list_files,
    upload_file,
)
from portkey_mistral.sandbox.endpoints.models import get_model, list_models
from portkey_mistral.sandbox.endpoints.moderations import chat_moderations, moderations
from portkey_mistral.sandbox.endpoints.ocr import ocr
from portkey_mistral.sandbox.endpoints.request import SandboxRequest
from portkey_mistral.sandbox.errors import method_not_allowed, not_found, unauthorized
from portkey_mistral.sandbox.responses import SandboxResponse

__all__ = ["Endpoint", "find_route"]

T = TypeVar("T")
Endpoint: TypeAlias = Callable[[SandboxRequest], SandboxResponse]

_ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/v1/chat/completions": {"POST": chat},
    "/v1/fim/completions": {"POST": fim},
    "/v1/embeddings": {"POST": embeddings},
    "/v1/moderations": {"POST": moderations},
    "/v1/chat/moderations": {"POST": chat_moderations},
    "/v1/classifications": {"POST": classifications},
    "/v1/chat/classifications": {"POST": chat_classifications},
    "/v1/ocr": {"POST": ocr},
    "/v1/models": {"GET": list_models},
    "/v1/files": {"GET": list_files, "POST": upload_file},
    "/v1/batch/jobs": {"GET": list_jobs, "POST": create_job},
}
_ROUTES_OF_ONE: Sequence[
    tuple[str, str, Mapping[str, Callable[[str, SandboxRequest], SandboxResponse]]]
] = (
    ("/v1/models/", "", {"GET": get_model}),
    ("/v1/files/", "/content", {"GET": get_content}),
    ("/v1/files/", "", {"GET": get_file, "DELETE": delete_file}),
    ("/v1/batch/jobs/", "/cancel", {"POST": cancel_job}),
    ("/v1/batch/jobs/", "", {"GET": get_job}),
)
"""What is before and behind the name of one model, file or job, and the endpoints by method."""


def find_route(method: str, path: str) -> Endpoint:
    """Return the endpoint of a request.

    Raises:
        RefusalError: 404 for an unknown path, 405 for a wrong method; the endpoint raises 401 for a wrong key.
    """
    if path in _ROUTES:
        return partial(_with_key, _of_method(method, _ROUTES[path]))
    for before, behind, endpoints in _ROUTES_OF_ONE:
        if path.startswith(before) and path.endswith(behind):
            name = unquote(path.removeprefix(before).removesuffix(behind))
            return partial(_with_key, partial(_of_method(method, endpoints), name))
    raise not_found()


def _of_method(method: str, endpoints: Mapping[str, T]) -> T:
    if method not in endpoints:
        raise method_not_allowed(", ".join(endpoints))
    return endpoints[method]


def _with_key(endpoint: Endpoint, request: SandboxRequest) -> SandboxResponse:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or _is_wrong(key.strip()):
        raise unauthorized()
    return endpoint(request)


def _is_wrong(key: str) -> bool:
    """Every key is valid except an empty one, "wrong-key", and any that contains "invalid"."""
    return not key or key == "wrong-key" or "invalid" in key
