"""Serves an ASGI app on this machine: bodies, responses with scripted delays, and uvicorn to run it.

Used by the sandbox and by the stand-in for hosted Portkey.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, MutableMapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from portkey_mistral.sandbox.access import check_body_size, check_host
from portkey_mistral.sandbox.errors import RefusalError
from portkey_mistral.sandbox.responses import Drop, Pause, SandboxResponse, json_response

if TYPE_CHECKING:
    import uvicorn

__all__ = [
    "App",
    "Receive",
    "Scope",
    "Send",
    "client_gone",
    "headers_of",
    "read_body",
    "respond",
    "run_app",
    "running_app",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_ABORT = "portkey_mistral.abort"
_START_SECONDS = 60.0  # on a busy machine; a taken port ends the wait at once
# Longer than clients keep an idle connection (ours 30 s, httpx's 5 s, as long as uvicorn's default): a request that
# crosses the server's close is lost.
_KEEP_ALIVE_SECONDS = 75


def run_app(application: App, host: str, port: int, allowed_hosts: Collection[str]) -> None:
    """Serve an app until interrupted. Port 0 selects a free one; uvicorn logs which."""
    _server(_Guarded(application, allowed_hosts), host, port, log_level="info").run()


@contextmanager
def running_app(
    application: App, host: str, port: int, allowed_hosts: Collection[str] = ()
) -> Iterator[str]:
    """Serve an app in a thread while the block runs; yields the root URL."""
    server = _server(_Guarded(application, allowed_hosts), host, port, log_level="critical")
    thread = threading.Thread(
        target=_serve, args=(server,), name="portkey-mistral-sandbox", daemon=True
    )
    thread.start()
    try:
        yield f"http://{host}:{_port(server, thread)}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join()


class _Guarded:
    """An ASGI app that a page of the web cannot reach, with a limit on bodies."""

    def __init__(self, application: App, allowed_hosts: Collection[str]) -> None:
        self._application = application
        self._allowed_hosts = frozenset(map(str.lower, allowed_hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            check_body_size(size)
            return message

        try:
            if scope["type"] == "http":
                check_host(headers_of(scope), self._allowed_hosts)
            await self._application(scope, bounded, send)
        except RefusalError as refusal:
            await respond(_refused(refusal), scope, receive, send)


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a request; ASGI has their names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _refused(refusal: RefusalError) -> SandboxResponse:
    return json_response(refusal.body, status=refusal.status, headers=refusal.headers)


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def respond(response: SandboxResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response to a request whose body has been read, and close it."""
    disconnected = asyncio.ensure_future(client_gone(receive))
    try:
        await _send_response(response, scope, send, disconnected)
    finally:
        disconnected.cancel()
        response.close()


async def client_gone(receive: Receive) -> None:
    """Return when the client disconnects or has received the whole response."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_response(
    response: SandboxResponse, scope: Scope, send: Send, disconnected: asyncio.Future[None]
) -> None:
    for delay in response.before:
        if not await _perform(delay, scope, disconnected):
            return
    headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    for step in response:
        if isinstance(step, Pause | Drop):
            if not await _perform(step, scope, disconnected):
                return
        elif disconnected.done():
            return
        else:
            await send({"type": "http.response.body", "body": step, "more_body": True})
            # uvicorn's send does not yield to the loop, and a disconnect would go unnoticed.
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _perform(step: Pause | Drop, scope: Scope, disconnected: asyncio.Future[None]) -> bool:
    """Wait, or break the connection; return whether the client is still connected."""
    match step:
        case Pause(seconds):
            await asyncio.wait({disconnected}, timeout=seconds)
            return not disconnected.done()
        case Drop():
            scope["extensions"][_ABORT]()
            return False


def _server(application: App, host: str, port: int, *, log_level: str) -> uvicorn.Server:
    if find_spec("uvicorn") is None:
        raise ImportError(
            "The sandbox over HTTP needs uvicorn: pip install 'portkey-mistral[sandbox]'. "
            'In process it needs nothing: base_url="sandbox:".'
        )
    # An optional dependency.
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Droppable(H11Protocol):
        """Lets the app abort the connection, which ASGI has no message for."""

        def handle_events(self) -> None:
            super().handle_events()
            # None until the first request, despite uvicorn's annotation.
            scope = cast("Any", self.scope)
            if scope is not None:
                scope.setdefault("extensions", {})[_ABORT] = self.transport.abort

    return uvicorn.Server(
        uvicorn.Config(
            application, host=host, port=port, http=Droppable, ws="none", lifespan="off",
            log_level=log_level, access_log=False, timeout_graceful_shutdown=1,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
    )  # fmt: skip


def _serve(server: uvicorn.Server) -> None:
    # Not by `server.run`: older uvicorn sets uvloop's policy for the whole process, and newer passes `asyncio.run` an
    # argument that nest_asyncio's, in notebooks, does not take.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(server.serve())
    finally:
        loop.close()


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    """Wait until the server listens and return its port."""
    end = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise RuntimeError("The sandbox's server did not start: is the port taken?")
        time.sleep(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
