"""The sandbox over HTTP: an ASGI app, and uvicorn to run it.

`http://HOST:PORT/v1` is the sandbox "default" and `http://HOST:PORT/s/NAME/v1` the one called NAME, so
that one server stands for several targets. Beside it, for tests of other processes:

    POST   /s/NAME/faults?times=N   a fault as JSON (see `Fault`) for the next N requests, or "always"
    DELETE /s/NAME/faults           forget what was ordered and what came
    GET    /s/NAME/requests         what came: method, path, body, status, state
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import parse_qs

from portkey_mistral.sandbox.box import Exchange, Sandbox, get
from portkey_mistral.sandbox.errors import RefusalError, envelope, method_not_allowed, not_found
from portkey_mistral.sandbox.faults import read_fault
from portkey_mistral.sandbox.replies import Drop, Pause, Reply, json_reply

if TYPE_CHECKING:
    import uvicorn

__all__ = ["app", "running", "serve"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ABORT = "portkey_mistral.abort"
_START_SECONDS = 10.0


def serve(host: str = "127.0.0.1", port: int = 8765) -> None:
    """Serve until interrupted. Port 0 takes a free one, which uvicorn's log names."""
    _server(host, port, log_level="info").run()


@contextmanager
def running(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the block runs; gives the root URL, such as `http://127.0.0.1:40123`.

    The sandboxes are those of this process: `portkey_mistral.sandbox.get(name)` scripts them.
    """
    server = _server(host, port, log_level="critical")
    thread = threading.Thread(target=server.run, name="portkey-mistral-sandbox", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{_port(server, thread)}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request (ASGI). A reader who leaves ends the reply at once."""
    if scope["type"] != "http":
        return
    reply = _reply(scope, await _body(receive))
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await _carry(reply, scope, send, gone)
    finally:
        gone.cancel()
        reply.close()


def _reply(scope: Scope, body: bytes) -> Reply:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    sandbox, path = _addressed(scope["path"])
    if path.startswith("/v1"):
        return sandbox.handle(scope["method"], path, headers, body)
    try:
        return _control(sandbox, scope, path, body)
    except RefusalError as refusal:
        return json_reply(refusal.body, status=refusal.status, headers=refusal.headers)


def _addressed(path: str) -> tuple[Sandbox, str]:
    match path.split("/", 3):
        case ["", "s", name, rest] if name:
            return get(name), f"/{rest}"
        case _:
            return get(), path


def _control(sandbox: Sandbox, scope: Scope, path: str, body: bytes) -> Reply:
    match path, scope["method"]:
        case "/faults", "POST":
            sandbox.inject(read_fault(body), times=_times(scope["query_string"]))
            return json_reply({"ordered": True})
        case "/faults", "DELETE":
            sandbox.reset()
            return json_reply({"reset": True})
        case "/faults", _:
            raise method_not_allowed("POST, DELETE")
        case "/requests", "GET":
            return json_reply([_seen(exchange) for exchange in sandbox.requests])
        case "/requests", _:
            raise method_not_allowed("GET")
        case _:
            raise not_found()


def _times(query: bytes) -> int | None:
    text = parse_qs(query.decode("latin-1")).get("times", ["1"])[0]
    if text == "always":
        return None
    if text.isdecimal():
        return int(text)
    message = f'times is a number or "always", not {text!r}'
    raise RefusalError(400, envelope(400, message, "invalid_sandbox_fault", None))


def _seen(exchange: Exchange) -> Mapping[str, Any]:
    """Return what came without its headers: there is a key among them."""
    return {
        "method": exchange.method,
        "path": exchange.path,
        "body": exchange.body,
        "status": exchange.status,
        "state": exchange.state,
    }


async def _body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _carry(reply: Reply, scope: Scope, send: Send, gone: asyncio.Future[None]) -> None:
    for hindrance in reply.before:
        if not await _passed(hindrance, scope, gone):
            return
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    for step in reply:
        if isinstance(step, Pause | Drop):
            if not await _passed(step, scope, gone):
                return
        elif gone.done():
            return
        else:
            await send({"type": "http.response.body", "body": step, "more_body": True})
            # uvicorn writes without giving way, and a reader who left would go unseen.
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _passed(step: Pause | Drop, scope: Scope, gone: asyncio.Future[None]) -> bool:
    """Wait, or end the connection; tell whether there is still somebody to send to."""
    match step:
        case Pause(seconds):
            await asyncio.wait({gone}, timeout=seconds)
            return not gone.done()
        case Drop():
            scope["extensions"][_ABORT]()
            return False


def _server(host: str, port: int, *, log_level: str) -> uvicorn.Server:
    if find_spec("uvicorn") is None:
        raise ImportError(
            "The sandbox over HTTP needs uvicorn: pip install 'portkey-mistral[sandbox]'. "
            'In process it needs nothing: base_url="sandbox:".'
        )
    # Imported here, because the package works without it.
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Droppable(H11Protocol):
        """Lends the app a way to break the connection, for which ASGI has no word."""

        def handle_events(self) -> None:
            super().handle_events()
            # None until the first request, whatever uvicorn's annotation says.
            scope = cast("Any", self.scope)
            if scope is not None:
                scope.setdefault("extensions", {})[_ABORT] = self.transport.abort

    return uvicorn.Server(
        uvicorn.Config(
            app, host=host, port=port, http=Droppable, ws="none", lifespan="off",
            log_level=log_level, access_log=False, timeout_graceful_shutdown=1,
        )
    )  # fmt: skip


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    """Wait until the server listens and return where."""
    end = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise RuntimeError("The sandbox's server did not start: is the port taken?")
        time.sleep(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
