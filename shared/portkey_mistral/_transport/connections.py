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

from portkey_mistral._transport.carriers import (
    AsyncCarrier,
    AsyncStockCarrier,
    Carrier,
    StockCarrier,
)
from portkey_mistral._transport.http1.blocking import DirectCarrier
from portkey_mistral._transport.http1.on_loop import AsyncDirectCarrier

__all__ = ["Wiring", "async_carrier", "sync_carrier"]

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
    carriers: dict[object, AsyncCarrier] = field(default_factory=dict)
    # Held here only so that they live as long as the loop does; see `_closing`.
    closers: list[AsyncGenerator[None]] = field(default_factory=list)


_lock = threading.Lock()
_sync_carriers: dict[tuple[object, ...], Carrier] = {}
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopPools] = WeakKeyDictionary()


def sync_carrier(wiring: Wiring, scheme: str) -> Carrier:
    """Return what carries sync calls to URLs of this scheme."""
    if wiring.http_client is not None and scheme != "sandbox":
        return StockCarrier(wiring.http_client)
    key = (os.getpid(), *_key(wiring, scheme))
    carrier = _sync_carriers.get(key)
    if carrier is None:
        with _lock:
            carrier = _sync_carriers.get(key)
            if carrier is None:
                carrier = _sync_carriers[key] = _new_carrier(wiring, scheme)
    return carrier


def async_carrier(wiring: Wiring, scheme: str) -> AsyncCarrier:
    """Return what carries async calls on the running loop."""
    if wiring.http_async_client is not None and scheme != "sandbox":
        return AsyncStockCarrier(wiring.http_async_client)
    pools = _pools(asyncio.get_running_loop())
    key = _key(wiring, scheme)
    carrier = pools.carriers.get(key)
    if carrier is None:
        carrier = _new_async_carrier(wiring, scheme)
        pools.carriers[key] = carrier
        pools.closers.append(_prime(_closing(carrier)))
    return carrier


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


def _new_carrier(wiring: Wiring, scheme: str) -> Carrier:
    if scheme == "sandbox":
        from portkey_mistral.sandbox.transport import SandboxTransport

        return StockCarrier(httpx.Client(transport=SandboxTransport(), cookies=_no_cookies()))
    if _behind_proxy(wiring):
        return StockCarrier(httpx.Client(**_stock(wiring)))
    return DirectCarrier(lambda: wiring.ssl_context or _default_ssl_context())


def _new_async_carrier(wiring: Wiring, scheme: str) -> AsyncCarrier:
    if scheme == "sandbox":
        from portkey_mistral.sandbox.transport import AsyncSandboxTransport

        transport = AsyncSandboxTransport()
        return AsyncStockCarrier(httpx.AsyncClient(transport=transport, cookies=_no_cookies()))
    if _behind_proxy(wiring):
        return AsyncStockCarrier(httpx.AsyncClient(**_stock(wiring)))
    return AsyncDirectCarrier(lambda: wiring.ssl_context or _default_ssl_context())


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


async def _closing(carrier: AsyncCarrier) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await carrier.aclose()


def _prime(closer: AsyncGenerator[None]) -> AsyncGenerator[None]:
    """Start the generator, so that the loop knows it and closes it in `shutdown_asyncgens`."""
    step = closer.__anext__()
    try:
        step.send(None)
    except StopIteration:
        return closer
    raise AssertionError("the generator yields at once")


def _close_all() -> None:
    for (pid, *_), carrier in list(_sync_carriers.items()):
        if pid == os.getpid():
            carrier.close()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  a parent's lock may be held by a thread that the child has not
    _lock = threading.Lock()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_lock)
