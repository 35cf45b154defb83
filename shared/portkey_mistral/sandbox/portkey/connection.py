"""HTTP on both sides of the stand-in: the client's connection, and requests to the gateway and to targets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from portkey_mistral.sandbox import asgi
from portkey_mistral.sandbox.asgi import Receive, Scope, Send
from portkey_mistral.sandbox.responses import Drop, SandboxResponse

__all__ = ["Connection", "broken", "send"]

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # everything here is plain HTTP on loopback
_HOP_BY_HOP = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


@dataclass(frozen=True, slots=True)
class Connection:
    """One HTTP request, with the ASGI callables to answer it."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    @property
    def headers(self) -> dict[str, str]:
        pairs = self.scope["headers"]
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}

    def with_query(self, path: str) -> str:
        query = self.scope["query_string"].decode("latin-1")
        return f"{path}?{query}" if query else path

    async def body(self) -> bytes:
        return await asgi.read_body(self.receive)

    async def respond(self, reply: SandboxResponse) -> None:
        await asgi.respond(reply, self.scope, self.receive, self.send)

    async def relay(
        self,
        answer: AsyncIterator[bytes],
        response: httpx.Response,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Relay a body as it arrives, with the status and headers of a response and `more` headers."""
        added = [(name.encode(), value.encode("latin-1")) for name, value in (more or {}).items()]
        kept = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower().decode("latin-1") not in (_HOP_BY_HOP | set(more or {}))
        ]
        status = response.status_code
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*kept, *added]}
        )
        async for piece in answer:
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})

    async def until_disconnect(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until it ends or the client disconnects; drop the connection if the server did."""
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(asgi.client_gone(self.receive))
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        except httpx.TransportError:
            await self.respond(broken())
        finally:
            task.cancel()
            gone.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)


@asynccontextmanager
async def send(
    method: str, url: str, headers: Mapping[str, str], content: bytes
) -> AsyncIterator[httpx.Response]:
    """Send a request on this machine, without a timeout: the client and the gateway have their own."""
    forever = httpx.Timeout(None)
    kept = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP
    ]
    async with (
        httpx.AsyncClient(verify=_NO_TLS, trust_env=False, timeout=forever) as client,
        client.stream(method, url, headers=kept, content=content) as response,
    ):
        yield response


def broken() -> SandboxResponse:
    """Return a response that drops the connection."""
    return SandboxResponse(500, {}, iter(()), before=(Drop(),))
