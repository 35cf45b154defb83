"""The connection pools of the process.

Connections are shared by all objects with the same proxy and TLS settings. There is one pool per process and, for
async, per event loop: a pool cannot cross a fork, and a closed loop cannot close its own sockets. Unused pools are
closed after a while, or an application that creates an object with its own TLS settings for each request would run out
of sockets.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from portkey_mistral._transport.base import AsyncTransport, Transport
from portkey_mistral._transport.keepalive import KEEP_SECONDS
from portkey_mistral._transport.library import Library, LibraryChoice, choose_library, is_socks
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["async_transport", "sync_transport"]

_SWEEP_SECONDS = 1.0
_MAX_HTTPX_CONNECTIONS = 100  # httpx only: its cost per call grows with the size of the pool


# --- sync -----------------------------------------------------------------------------------------

T = TypeVar("T")


@dataclass(slots=True)
class _Kept(Generic[T]):
    """A transport, and when it was last used (monotonic)."""

    transport: T
    used: float


_lock = threading.Lock()
_sync: dict[tuple[object, ...], _Kept[Transport]] = {}
_swept = 0.0


def sync_transport(options: TransportOptions, url: str) -> Transport:
    """Return the transport for sync calls to a URL.

    Raises:
        ConfigurationError: a SOCKS proxy was set and the extra for it is not installed.
    """
    choice = choose_library(options, url, is_async=False)
    if choice.library == "client" and options.http_client is not None:
        from portkey_mistral._transport.httpx_transport import HttpxTransport

        return HttpxTransport(options.http_client)
    now = time.monotonic()
    if now - _swept >= _SWEEP_SECONDS:
        _sweep(now)
    kept = _sync.get(_key(options, choice))
    if kept is None:
        with _lock:
            kept = _sync.get(_key(options, choice))
            if kept is None:
                kept = _Kept(_new_transport(options, choice), now)
                _sync[_key(options, choice)] = kept
    kept.used = now
    return kept.transport


def _new_transport(options: TransportOptions, choice: LibraryChoice) -> Transport:
    if choice.library == "sandbox":
        from portkey_mistral._transport.sandbox_transport import SandboxTransport

        return SandboxTransport()
    if choice.library == "urllib3":
        from portkey_mistral._transport.urllib3_transport import Urllib3Transport

        return Urllib3Transport(options.tls, proxy=choice.proxy)
    from portkey_mistral._transport.httpx_transport import HttpxTransport

    module = _httpx(choice.library)
    return HttpxTransport(module.Client(**_httpx_arguments(module, options, choice)))


def _sweep(now: float) -> None:
    """Close idle connections of all hosts that have expired, and transports that are not used any more."""
    global _swept  # noqa: PLW0603  one clock for the process
    with _lock:
        _swept = now
        own = [(key, kept) for key, kept in _sync.items() if key[0] == os.getpid()]
        unused = [_sync.pop(key) for key, kept in own if _is_unused(kept, now)]
    for _, kept in own:
        kept.transport.close_expired()
    for kept in unused:
        kept.transport.close()


def _is_unused(kept: _Kept[Transport] | _Kept[AsyncTransport], now: float) -> bool:
    return now - kept.used > KEEP_SECONDS and not kept.transport.in_flight


# --- async ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _LoopTransports:
    kept: dict[tuple[object, ...], _Kept[AsyncTransport]] = field(default_factory=dict)
    swept: float = 0.0
    # Only keeps the generator alive as long as the loop; see `_closing`.
    closer: AsyncGenerator[None] | None = None


_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopTransports] = WeakKeyDictionary()
_Make: TypeAlias = Callable[[TransportOptions, LibraryChoice], AsyncTransport]
_imported: dict[Library, _Make] = {}


async def async_transport(options: TransportOptions, url: str) -> AsyncTransport:
    """Return the transport for async calls to a URL on the running loop.

    Raises:
        ConfigurationError: a SOCKS proxy was set and the extra for it is not installed.
    """
    choice = choose_library(options, url, is_async=True)
    if choice.library == "client" and options.http_async_client is not None:
        from portkey_mistral._transport.httpx_transport import AsyncHttpxTransport

        return AsyncHttpxTransport(options.http_async_client)
    make = _imported.get(choice.library)
    if make is None:  # importing aiohttp takes half a second, which must not block the loop
        make = _imported[choice.library] = await asyncio.to_thread(_import, choice.library)
    transports = _transports(asyncio.get_running_loop())
    now = time.monotonic()
    if now - transports.swept >= _SWEEP_SECONDS:
        await _asweep(transports, now)
    kept = transports.kept.get(_key(options, choice))
    if kept is None:
        kept = _Kept(make(options, choice), now)
        transports.kept[_key(options, choice)] = kept
    kept.used = now
    return kept.transport


def _import(library: Library) -> _Make:
    """Import the async transport of a library; return a factory that takes options and the choice."""
    if library == "sandbox":
        from portkey_mistral._transport.sandbox_transport import AsyncSandboxTransport

        return lambda _, __: AsyncSandboxTransport()
    if library == "aiohttp":
        from portkey_mistral._transport.aiohttp_transport import AiohttpTransport

        return lambda options, choice: AiohttpTransport(options.tls, proxy=choice.proxy)
    from portkey_mistral._transport.httpx_transport import AsyncHttpxTransport

    module = _httpx(library)
    return lambda options, choice: AsyncHttpxTransport(
        module.AsyncClient(**_httpx_arguments(module, options, choice))
    )


def _transports(loop: asyncio.AbstractEventLoop) -> _LoopTransports:
    found = _loops.get(loop)
    if found is None:
        with _lock:  # other threads may run loops of their own
            # A transport refers to its loop, so a loop closed without `shutdown_asyncgens` would never be freed.
            dead = [(each, _loops[each]) for each in list(_loops) if each.is_closed()]
            for each, _ in dead:
                del _loops[each]
            found = _loops[loop] = _LoopTransports()
        for _, transports in dead:
            for kept in transports.kept.values():
                kept.transport.abandon()
        found.closer = _prime(_closing(found))
    return found


async def _asweep(transports: _LoopTransports, now: float) -> None:
    transports.swept = now
    for key in [key for key, kept in transports.kept.items() if _is_unused(kept, now)]:
        await transports.kept.pop(key).transport.aclose()


async def _closing(transports: _LoopTransports) -> AsyncGenerator[None]:
    """Close the transports of a loop when the loop closes its async generators."""
    try:
        yield
    finally:
        for kept in list(transports.kept.values()):
            await kept.transport.aclose()
        transports.kept.clear()


def _prime(closer: AsyncGenerator[None]) -> AsyncGenerator[None]:
    """Start the generator, so that the loop registers it and closes it in `shutdown_asyncgens`."""
    step = closer.__anext__()
    try:
        step.send(None)
    except StopIteration:
        return closer
    raise AssertionError("the generator yields at once")


# --- both -----------------------------------------------------------------------------------------


def _key(options: TransportOptions, choice: LibraryChoice) -> tuple[object, ...]:
    """Return the key of a transport. Not to be kept in a variable: it may contain the proxy's password."""
    return os.getpid(), choice.library, choice.proxy, options.tls_key()


def _httpx(library: Library) -> Any:
    if library == "httpx2":
        return sys.modules["httpx2"]  # it is patched, so it is imported
    import httpx

    return httpx


def _httpx_arguments(
    module: Any, options: TransportOptions, choice: LibraryChoice
) -> dict[str, Any]:
    """Return the constructor arguments of our client."""
    if choice.proxy is not None and is_socks(choice.proxy) and find_spec("socksio") is None:
        raise ConfigurationError(
            "A SOCKS proxy needs a package that is not installed: pip install 'portkey-mistral[socks]'."
        )
    return {
        # All keys of a process share connections, so a cookie set for one must not be sent with another.
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "verify": options.tls(),
        "proxy": choice.proxy,
        "trust_env": False,  # already read when the object was created
        "limits": module.Limits(
            max_connections=_MAX_HTTPX_CONNECTIONS,
            max_keepalive_connections=_MAX_HTTPX_CONNECTIONS,
            keepalive_expiry=KEEP_SECONDS,
        ),
    }


def _close_all() -> None:
    for (pid, *_), kept in list(_sync.items()):
        if pid == os.getpid():
            kept.transport.close()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  a parent's lock may be held by a thread that the child has not
    _lock = threading.Lock()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_lock)
