"""Detects whether httpx is patched. If so, calls go through it, or mocks and traces would not see them.

respx, pytest-httpx, OpenTelemetry's instrumentor and others patch classes of httpx or httpcore, but not urllib3 or
aiohttp. They may do so at any time, so this is checked before each call.
"""

from __future__ import annotations

import sys
from operator import is_
from types import FunctionType

__all__ = ["patched_library"]

_SYNC = (
    ("HTTPTransport", "handle_request"),
    ("Client", "send"),
    (
        "Client",
        "_transport_for_url",
    ),  # respx(using="httpx"); private, so a test checks that it exists
)
_ASYNC = (
    ("AsyncHTTPTransport", "handle_async_request"),
    ("AsyncClient", "send"),
    ("AsyncClient", "_transport_for_url"),
)
_SYNC_CORE = (("ConnectionPool", "handle_request"), ("HTTPConnection", "handle_request"))
_ASYNC_CORE = (
    ("AsyncConnectionPool", "handle_async_request"),
    ("AsyncHTTPConnection", "handle_async_request"),
)

# The methods that were found, where all of them were the library's own.
_own: dict[tuple[str, bool], list[object]] = {}


def patched_library(*, is_async: bool) -> str | None:
    """Return "httpx" or "httpx2" if its transports are patched, else None, also for a library not imported."""
    for library, core in (("httpx", "httpcore"), ("httpx2", "httpcore2")):
        if library not in sys.modules:
            continue
        if _is_patched(library, is_async, _ASYNC if is_async else _SYNC):
            return library
        # Imported by the first client that is made.
        if core in sys.modules and _is_patched(
            core, is_async, _ASYNC_CORE if is_async else _SYNC_CORE
        ):
            return library
    return None


def _is_patched(name: str, is_async: bool, methods: tuple[tuple[str, str], ...]) -> bool:
    module = sys.modules.get(name)
    if module is None:
        return False
    classes = vars(module)
    found = [vars(classes.get(cls, object)).get(method) for cls, method in methods]
    own = _own.get((name, is_async))
    # By identity, because a wrapt wrapper equals the object that it wraps.
    if own is not None and all(map(is_, own, found)):
        return False
    if not all(map(_is_own, found)):
        return True
    _own[name, is_async] = found
    return False


def _is_own(method: object) -> bool:
    """Whether a function is the library's own: a patch has another type or module, or wraps the original."""
    return (
        type(method) is FunctionType
        and method.__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2")
        and not hasattr(method, "__wrapped__")
    )
