"""Keeps HTTP connections for the whole process, so that making an object costs nothing.

Pools are shared by every object with the same proxy and TLS settings, one pool a process and, for async,
one an event loop: a pool cannot cross a fork, and a dead loop cannot close its own sockets.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.request import getproxies
from weakref import WeakKeyDictionary

import httpx

from portkey_mistral._transport.http1.clients import AsyncDirectClient, DirectClient

__all__ = ["Wiring", "async_client", "sync_client"]

# Of stock httpx, whose cost a call grows with the connections.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30.0)


@dataclass(frozen=True, slots=True)
class Wiring:
    """What decides which pool a call uses. A client of the user's own is used as it is."""

    proxy: str | None = field(default=None, repr=False)
    ssl_context: ssl.SSLContext | None = None
    http_client: httpx.Client | None = None
    http_async_client: httpx.AsyncClient | None = None


@dataclass(slots=True)
class _LoopPools:
    clients: dict[object, httpx.AsyncClient] = field(default_factory=dict)
    # Held here only so that they live as long as the loop does; see `_closing`.
    closers: list[AsyncGenerator[None]] = field(default_factory=list)


_lock = threading.Lock()
_sync_clients: dict[tuple[object, ...], httpx.Client] = {}
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopPools] = WeakKeyDictionary()


def sync_client(wiring: Wiring, scheme: str) -> httpx.Client:
    """Return the client for sync calls to URLs of this scheme."""
    if scheme != "sandbox" and wiring.http_client is not None:
        return wiring.http_client
    key = (os.getpid(), *_key(wiring, scheme))
    client = _sync_clients.get(key)
    if client is None:
        with _lock:
            client = _sync_clients.get(key)
            if client is None:
                client = _sync_clients[key] = _new_client(wiring, scheme)
    return client


def async_client(wiring: Wiring, scheme: str) -> httpx.AsyncClient:
    """Return the client for async calls on the running loop."""
    if scheme != "sandbox" and wiring.http_async_client is not None:
        return wiring.http_async_client
    pools = _pools(asyncio.get_running_loop())
    key = _key(wiring, scheme)
    client = pools.clients.get(key)
    if client is None:
        client = _new_async_client(wiring, scheme)
        pools.clients[key] = client
        pools.closers.append(_prime(_closing(client)))
    return client


def _pools(loop: asyncio.AbstractEventLoop) -> _LoopPools:
    pools = _loops.get(loop)
    if pools is None:
        with _lock:  # other threads may run loops of their own
            # A pool refers to its loop, so a loop that ended without `shutdown_asyncgens` is never freed.
            for dead in [known for known in _loops if known.is_closed()]:
                del _loops[dead]
            pools = _loops[loop] = _LoopPools()
    return pools


def _key(wiring: Wiring, scheme: str) -> tuple[object, ...]:
    if scheme == "sandbox":
        return ("sandbox",)
    return (wiring.proxy, wiring.ssl_context)


def _new_client(wiring: Wiring, scheme: str) -> httpx.Client:
    if scheme == "sandbox":
        from portkey_mistral.sandbox.transport import SandboxTransport

        return httpx.Client(transport=SandboxTransport(), cookies=_no_cookies())
    if _behind_proxy(wiring):
        return httpx.Client(**_stock(wiring))
    return DirectClient(lambda: wiring.ssl_context or _default_ssl_context())


def _new_async_client(wiring: Wiring, scheme: str) -> httpx.AsyncClient:
    if scheme == "sandbox":
        from portkey_mistral.sandbox.transport import AsyncSandboxTransport

        return httpx.AsyncClient(transport=AsyncSandboxTransport(), cookies=_no_cookies())
    if _behind_proxy(wiring):
        return httpx.AsyncClient(**_stock(wiring))
    return AsyncDirectClient(lambda: wiring.ssl_context or _default_ssl_context())


def _behind_proxy(wiring: Wiring) -> bool:
    """Whether a proxy could be on the way; httpx knows which hosts go through it, and how."""
    if wiring.proxy is not None:
        return True
    found = getproxies()
    return any(found.get(scheme) for scheme in ("http", "https", "all"))


def _stock(wiring: Wiring) -> dict[str, Any]:
    return {
        "cookies": _no_cookies(),
        "verify": wiring.ssl_context or _default_ssl_context(),
        "proxy": wiring.proxy,
        "limits": _LIMITS,
    }


def _no_cookies() -> CookieJar:
    # Pools are shared by all keys of a process: a cookie set for one must never travel with another.
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


@lru_cache(maxsize=1)
def _default_ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


async def _closing(client: httpx.AsyncClient) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await client.aclose()


def _prime(closer: AsyncGenerator[None]) -> AsyncGenerator[None]:
    """Start the generator, so that the loop knows it and closes it in `shutdown_asyncgens`."""
    step = closer.__anext__()
    try:
        step.send(None)
    except StopIteration:
        return closer
    raise AssertionError("the generator yields at once")


def _close_all() -> None:
    for (pid, *_), client in list(_sync_clients.items()):
        if pid == os.getpid():
            client.close()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  a parent's lock may be held by a thread that the child has not
    _lock = threading.Lock()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_lock)
