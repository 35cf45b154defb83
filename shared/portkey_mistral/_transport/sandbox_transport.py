"""The transport to the sandboxes in this process, without an HTTP library.

URLs are `sandbox://NAME/v1/...`, or `sandbox://local/s/NAME/v1/...`, which keeps the case of the name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Self
from urllib.parse import unquote, urlsplit

from portkey_mistral._transport.base import (
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    Timeouts,
    TransportError,
)
from portkey_mistral._wire.http_request import HTTPRequest
from portkey_mistral.sandbox import get, resolve
from portkey_mistral.sandbox.responses import Drop, Pause, Step
from portkey_mistral.sandbox.responses import SandboxResponse as Response

__all__ = ["AsyncSandboxTransport", "SandboxTransport"]


class SandboxTransport:
    """Calls a sandbox and sleeps through its pauses."""

    in_flight = 0

    def send(
        self, request: HTTPRequest, timeouts: Timeouts, head_until: float | None = None
    ) -> SandboxResponse:
        response = SandboxResponse(_handle(request))
        response.limit_reads(timeouts.read, head_until)
        try:
            for step in response.raw.before:
                response.wait(step)
        except BaseException:
            response.close()
            raise
        response.limit_reads(timeouts.read)
        return response

    def close_expired(self) -> None:
        """Nothing is kept open."""

    def close(self) -> None:
        """Nothing is kept open."""


class AsyncSandboxTransport:
    """Calls a sandbox and sleeps through its pauses on the event loop."""

    in_flight = 0

    async def send(self, request: HTTPRequest, timeouts: Timeouts) -> AsyncSandboxResponse:
        response = AsyncSandboxResponse(_handle(request))
        response.limit_reads(timeouts.read)
        try:
            await asyncio.sleep(0)
            for step in response.raw.before:
                await response.wait(step)
        except BaseException:
            response.close()
            raise
        return response

    async def aclose(self) -> None:
        """Nothing is kept open."""

    def abandon(self) -> None:
        """Nothing is kept open."""


def _handle(request: HTTPRequest) -> Response:
    url = urlsplit(request.url)
    if url.path.startswith("/s/"):
        sandbox, path = resolve(unquote(url.path))
    else:
        sandbox, path = get(url.hostname or "default"), url.path
    path = f"{path}?{url.query}"
    return sandbox.handle(request.method, path, request.headers, request.body or b"")


class _Head:
    def __init__(self, raw: Response) -> None:
        self.raw = raw
        self._steps: Iterator[Step] = iter(raw)
        self._seconds: float | None = None
        self._until: float | None = None

    @property
    def status(self) -> int:
        return self.raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.raw.headers

    def limit_reads(self, seconds: float | None, until: float | None = None) -> None:
        self._seconds, self._until = seconds, until

    def _limit(self) -> float:
        limits = (self._seconds, None if self._until is None else self._until - time.monotonic())
        return max(0.0, min((limit for limit in limits if limit is not None), default=float("inf")))

    def close(self) -> None:
        self.raw.close()


class SandboxResponse(_Head):
    def chunks(self) -> Iterator[bytes]:
        for step in self._steps:
            if isinstance(step, bytes):
                yield step
            else:
                self.wait(step)

    def wait(self, step: Step) -> None:
        if isinstance(step, Pause):
            limit = self._limit()
            time.sleep(min(step.seconds, limit))
            _check(step, limit)
        elif isinstance(step, Drop):
            raise _dropped(step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSandboxResponse(_Head):
    def chunks(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for step in self._steps:
            if isinstance(step, bytes):
                return step
            await self.wait(step)
        raise StopAsyncIteration

    async def wait(self, step: Step) -> None:
        if isinstance(step, Pause):
            limit = self._limit()
            await asyncio.sleep(min(step.seconds, limit))
            _check(step, limit)
        elif isinstance(step, Drop):
            raise _dropped(step)

    async def aclose(self) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _check(pause: Pause, limit: float) -> None:
    if pause.seconds > limit:
        raise ReadTimeout("The read operation timed out")


def _dropped(drop: Drop) -> TransportError:
    match drop.how:
        case "refused":
            return ConnectError("[Errno 111] Connection refused")
        case "timeout":
            return ConnectTimeout("The connect operation timed out")
        case "reset":
            return ReadError("[Errno 104] Connection reset by peer")
