"""httpx transports to the sandboxes of this process: `sandbox://NAME/v1/...`, or `sandbox://local/s/NAME/v1/...`.

The second form keeps the case of the name, which a host does not.

Bodies are not buffered: each step happens when the reader asks for it. Pauses are real; one longer than the
read timeout raises `httpx.ReadTimeout` once the timeout has passed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import anyio
import httpx

from portkey_mistral.sandbox.responses import Drop, Pause, SandboxResponse, Step
from portkey_mistral.sandbox.sandbox import Sandbox, get, resolve

__all__ = ["AsyncSandboxTransport", "SandboxTransport"]


class SandboxTransport(httpx.BaseTransport):
    """Uses the given sandbox, or the one named in each URL."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = _handle(self._sandbox, request, request.read())
        try:
            for step in response.before:
                _wait(step, request)
        except BaseException:
            response.close()
            raise
        stream = _Stream(response, request)
        return httpx.Response(
            response.status, headers=response.headers, stream=stream, request=request
        )


class AsyncSandboxTransport(httpx.AsyncBaseTransport):
    """The same for asyncio and trio: pauses do not block the loop and can be cancelled."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = _handle(self._sandbox, request, await request.aread())
        try:
            await anyio.lowlevel.checkpoint()
            for step in response.before:
                await _await(step, request)
        except BaseException:
            response.close()
            raise
        stream = _AsyncStream(response, request)
        return httpx.Response(
            response.status, headers=response.headers, stream=stream, request=request
        )


class _Stream(httpx.SyncByteStream):
    def __init__(self, response: SandboxResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for step in self._response:
            if isinstance(step, bytes):
                yield step
            else:
                _wait(step, self._request)

    def close(self) -> None:
        self._response.close()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, response: SandboxResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._response:
            if isinstance(step, bytes):
                yield step
            else:
                await _await(step, self._request)

    async def aclose(self) -> None:
        self._response.close()


def _handle(sandbox: Sandbox | None, request: httpx.Request, body: bytes) -> SandboxResponse:
    path = request.url.path
    if path.startswith("/s/"):
        named, path = resolve(path)
    else:
        named = get(request.url.host or "default")
    path = f"{path}?{request.url.query.decode('ascii')}"
    return (sandbox or named).handle(request.method, path, dict(request.headers), body)


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
