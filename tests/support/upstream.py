"""A scripted model service over HTTP for many cases side by side: each has paths of its own.

A target of a case has the base URL `Upstream.host(case, target)`, and answers from its script.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Hit", "Upstream", "UpstreamReply", "running"]

HANG_SECONDS = 20.0
# Closing a socket with this set sends a reset.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class UpstreamReply:
    """The response to one request. Without a `body`: a valid answer of the endpoint, streamed if requested.

    `cut` promises more than is sent, `reset` and `hang` answer nothing at all. `wait` is in seconds.
    """

    status: int = 200
    body: bytes | None = None
    kind: str | None = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    fault: Literal["cut", "reset", "hang"] | None = None
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A request as it came. `path` is what follows the target's base URL."""

    target: str
    path: str
    method: str
    headers: Mapping[str, str]
    body: Any
    at: float

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Upstream:
    """Scripts and hits by case. Scripts are written before a case starts, hits are read after it ended."""

    url: str = ""
    scripts: dict[str, Mapping[str, Sequence[UpstreamReply]]] = field(default_factory=dict)
    hits: dict[str, list[Hit]] = field(default_factory=dict)

    def host(self, case: str, target: str) -> str:
        return f"{self.url}/{case}/{target}"

    def script(self, case: str, replies: Mapping[str, Sequence[UpstreamReply]]) -> None:
        """Begin a case. The last reply of a target is repeated; a target without one answers well."""
        self.scripts[case] = replies
        self.hits[case] = []

    def take(self, case: str) -> list[Hit]:
        """End a case and return its requests."""
        del self.scripts[case]
        return self.hits.pop(case)

    def reply(self, hit: Hit, case: str) -> UpstreamReply:
        """Record a request and choose its reply."""
        if case not in self.scripts:  # a straggler of a case that is over
            return UpstreamReply(503)
        came = self.hits[case]
        number = sum(earlier.target == hit.target for earlier in came)
        came.append(hit)
        replies = self.scripts[case].get(hit.target) or (UpstreamReply(),)
        return replies[min(number, len(replies) - 1)]


@contextmanager
def running() -> Iterator[Upstream]:
    """Run an upstream in a thread of its own while the block runs."""
    upstream = Upstream()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_serve(upstream), loop).result(10)
        yield upstream
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(upstream: Upstream) -> asyncio.Server:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever asked may be gone, or break off in the middle: that is part of many a script.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await _talk(upstream, reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    return server


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _talk(
    upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    case, hit = await _read(reader)
    reply = upstream.reply(hit, case)
    await asyncio.sleep(reply.wait)
    match reply.fault:
        case "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        case "hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), HANG_SECONDS)
        case fault:
            writer.write(_written(reply, hit, cut=fault == "cut"))
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[str, Hit]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, url, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    _, case, target, path = url.split("/", 3)
    body = json.loads(raw) if raw else None
    return case, Hit(target, f"/{path}", method, headers, body, time.monotonic())


def _written(reply: UpstreamReply, hit: Hit, *, cut: bool) -> bytes:
    streamed = reply.body is None and isinstance(hit.body, dict) and hit.body.get("stream") is True
    body = _good(hit) if reply.body is None else reply.body
    kind = "text/event-stream" if streamed else reply.kind
    headers = {
        "content-type": kind,
        # Each request has a connection of its own, so that no reset can hit a neighbour.
        "connection": "close",
        "content-length": str(len(body)),
        **dict(reply.headers),
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    head = "\r\n".join([f"HTTP/1.1 {reply.status} Scripted", *lines, "", ""])
    return head.encode() + (body[: len(body) // 2] if cut else body)


def _good(hit: Hit) -> bytes:
    """A good answer, whose text is the name of the target."""
    if hit.body is None:
        return _json(object="list", data=[])
    if hit.path.endswith("/embeddings"):
        return _json(object="list", data=_vectors(hit.body["input"]), **_common(hit))
    choice = {"index": 0, "finish_reason": "stop"}
    message = {"role": "assistant", "content": hit.target}
    if not hit.body.get("stream"):
        return _json(
            object="chat.completion", choices=[{**choice, "message": message}], **_common(hit)
        )
    event = _json(
        object="chat.completion.chunk", choices=[{**choice, "delta": message}], **_common(hit)
    )
    return b"data: " + event + b"\n\ndata: [DONE]\n\n"


def _vectors(texts: str | Sequence[str]) -> list[dict[str, Any]]:
    count = 1 if isinstance(texts, str) else len(texts)
    vector = [0.5, -0.5]
    return [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)]


def _common(hit: Hit) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    return {"id": "a1", "created": 1, "model": str(hit.body.get("model")), "usage": usage}


def _json(**members: Any) -> bytes:
    return json.dumps(members).encode()
