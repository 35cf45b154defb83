"""Which function answers which path. The key is checked here, before a body is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias
from urllib.parse import unquote

from portkey_mistral.sandbox.endpoints.chat import chat, fim
from portkey_mistral.sandbox.endpoints.embeddings import embeddings
from portkey_mistral.sandbox.endpoints.models import get_model, list_models
from portkey_mistral.sandbox.endpoints.moderations import chat_moderations, moderations
from portkey_mistral.sandbox.endpoints.order import Order
from portkey_mistral.sandbox.errors import method_not_allowed, not_found, unauthorized
from portkey_mistral.sandbox.replies import Reply

__all__ = ["Endpoint", "find_route"]

Endpoint: TypeAlias = Callable[[Order], Reply]

_ROUTES: Mapping[str, tuple[str, Endpoint]] = {
    "/v1/chat/completions": ("POST", chat),
    "/v1/fim/completions": ("POST", fim),
    "/v1/embeddings": ("POST", embeddings),
    "/v1/moderations": ("POST", moderations),
    "/v1/chat/moderations": ("POST", chat_moderations),
    "/v1/models": ("GET", list_models),
}
_ONE_MODEL = "/v1/models/"


def find_route(method: str, path: str) -> Endpoint:
    """Return what answers a request; an unknown path, then a wrong method, then a wrong key is refused."""
    if path.startswith(_ONE_MODEL):
        name = unquote(path.removeprefix(_ONE_MODEL))
        return _checked(method, "GET", partial(get_model, name))
    if path not in _ROUTES:
        raise not_found()
    return _checked(method, *_ROUTES[path])


def _checked(method: str, expected: str, endpoint: Endpoint) -> Endpoint:
    if method != expected:
        raise method_not_allowed(expected)
    return partial(_with_key, endpoint)


def _with_key(endpoint: Endpoint, order: Order) -> Reply:
    scheme, _, key = order.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or _is_wrong(key.strip()):
        raise unauthorized()
    return endpoint(order)


def _is_wrong(key: str) -> bool:
    """Every key opens the sandbox but an empty one, "wrong-key", and any with "invalid" in it."""
    return not key or key == "wrong-key" or "invalid" in key
