"""httpx transports that carry requests to sandboxes of this process: `sandbox://NAME/v1/...`.

Bodies are not buffered: a step is carried when the reader asks for it, pauses are waited for, a pause
longer than the read timeout raises `httpx.ReadTimeout` when that time is over.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx

from portkey_mistral.sandbox.box import Sandbox, get
from portkey_mistral.sandbox.replies import Drop, Pause, Reply, Step

__all__ = ["AsyncSandboxTransport", "SandboxTransport"]


class SandboxTransport(httpx.BaseTransport):
    """Serve a given sandbox, or by the host of each URL the one of that name."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = _ask(self._sandbox, request, request.read())
        try:
            for step in reply.before:
                _wait(step, request)
        except BaseException:
            reply.close()
            raise
        stream = _Stream(reply, request)
        return httpx.Response(reply.status, headers=reply.headers, stream=stream, request=request)


class AsyncSandboxTransport(httpx.AsyncBaseTransport):
    """The same for asyncio and trio: pauses leave the loop free and end when they are cancelled."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reply = _ask(self._sandbox, request, await request.aread())
        try:
            await anyio.lowlevel.checkpoint()
            for step in reply.before:
                await _await(step, request)
        except BaseException:
            reply.close()
            raise
        stream = _AsyncStream(reply, request)
        return httpx.Response(reply.status, headers=reply.headers, stream=stream, request=request)


class _Stream(httpx.SyncByteStream):
    def __init__(self, reply: Reply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for step in self._reply:
            if isinstance(step, bytes):
                yield step
            else:
                _wait(step, self._request)

    def close(self) -> None:
        self._reply.close()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, reply: Reply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._reply:
            if isinstance(step, bytes):
                yield step
            else:
                await _await(step, self._request)

    async def aclose(self) -> None:
        self._reply.close()


def _ask(sandbox: Sandbox | None, request: httpx.Request, body: bytes) -> Reply:
    sandbox = sandbox or get(request.url.host or "default")
    path = request.url.raw_path.decode("ascii")
    return sandbox.handle(request.method, path, dict(request.headers), body)


def _wait(step: Step, request: httpx.Request) -> None:
    match step:
        case Pause(seconds):
            limit = _read_timeout(request)
            time.sleep(min(seconds, limit))
            _check(seconds, limit, request)
        case Drop():
            raise _dropped(step, request)
        case _:
            pass


async def _await(step: Step, request: httpx.Request) -> None:
    match step:
        case Pause(seconds):
            limit = _read_timeout(request)
            await anyio.sleep(min(seconds, limit))
            _check(seconds, limit, request)
        case Drop():
            raise _dropped(step, request)
        case _:
            pass


def _read_timeout(request: httpx.Request) -> float:
    limit = request.extensions.get("timeout", {}).get("read")
    return float("inf") if limit is None else float(limit)


def _check(seconds: float, limit: float, request: httpx.Request) -> None:
    if seconds > limit:
        raise httpx.ReadTimeout("The read operation timed out", request=request)


def _dropped(drop: Drop, request: httpx.Request) -> httpx.TransportError:
    match drop.how:
        case "refused":
            return httpx.ConnectError("[Errno 111] Connection refused", request=request)
        case "timeout":
            return httpx.ConnectTimeout("The connect operation timed out", request=request)
        case "reset":
            return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
