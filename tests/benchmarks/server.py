"""A fake Mistral API that costs next to nothing, so that a benchmark measures the client.

Every answer is built once. The path of a request determines its answer: /lat=50,n=500/v1/chat/completions answers after
50 ms, streams in 500 events. With pace=2000 there are 2,000 us between events, without it they are sent at once. With
steps=10 an agent gets a tool call for each of its calls but the tenth; with json=40000 a stream is a JSON object of
this many bytes. Prints its port and ends with its standard input.

Usage: server.py [CORE] [CERTIFICATE]: the core to run on, and a PEM file for TLS; both may be empty.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
import os
import ssl
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

WORDS = (
    "The",
    "core",
    "keeps",
    "one",
    "pooled",
    "connection",
    "and",
    "retries",
    "what",
    "it",
    "may",
)
USAGE = {"prompt_tokens": 16, "completion_tokens": 160, "total_tokens": 176}
COMMON = {"id": "b3f4a1c2d5e64f7a", "created": 1760000000, "model": "mistral-small-latest"}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nx-request-id: 0193f5a2b7c87f0e\r\n"


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def whole(body: bytes) -> bytes:
    length = b"content-length: %d\r\n\r\n" % len(body)
    return HEAD % b"application/json" + length + body


@lru_cache
def answer() -> bytes:
    text = " ".join(WORDS[i % len(WORDS)] for i in range(120))
    message = {"role": "assistant", "content": text, "tool_calls": None}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return whole(
        to_json({**COMMON, "object": "chat.completion", "choices": choices, "usage": USAGE})
    )


def tool_call(step: int) -> dict[str, Any]:
    function = {"name": f"tool_{step % 3}", "arguments": '{"city": "Paris", "days": 2}'}
    return {"id": f"call{step:05d}", "index": 0, "type": "function", "function": function}


@lru_cache
def tool_answer(step: int) -> bytes:
    message = {"role": "assistant", "content": "", "tool_calls": [tool_call(step)]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return whole(
        to_json({**COMMON, "object": "chat.completion", "choices": choices, "usage": USAGE})
    )


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {**COMMON, "object": "chat.completion.chunk", "choices": [choice], **more}
    return chunk(b"data: %s\n\n" % to_json(body))


def streamed(*events: bytes, finish: str = "stop") -> tuple[bytes, ...]:
    """The head, and an HTTP chunk for each event."""
    last = event({"content": ""}, finish, usage=USAGE) + chunk(b"data: [DONE]\n\n") + chunk(b"")
    head = HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
    return (head, event({"role": "assistant", "content": ""}), *events, last)


@lru_cache
def stream(events: int) -> tuple[bytes, ...]:
    return streamed(*(event({"content": " " + WORDS[i % len(WORDS)]}) for i in range(events)))


@lru_cache
def tool_stream(step: int) -> tuple[bytes, ...]:
    return streamed(event({"content": "", "tool_calls": [tool_call(step)]}), finish="tool_calls")


@lru_cache
def json_stream(size: int) -> tuple[bytes, ...]:
    item = "a line of about thirty characters"
    text = json.dumps({"items": [item] * max(size // (len(item) + 4), 2)})
    return streamed(*(event({"content": text[at : at + 16]}) for at in range(0, len(text), 16)))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@lru_cache
def vectors(texts: int, dimension: int, packed: bool) -> bytes:
    numbers = [((i * 7919) % 1009 - 504) / 16384 for i in range(dimension)]
    base64_text = base64.b64encode(array.array("f", numbers).tobytes()).decode()
    vector = json.dumps(base64_text if packed else numbers, separators=(",", ":"))
    rows = (f'{{"object":"embedding","embedding":{vector},"index":{i}}}' for i in range(texts))
    usage = json.dumps({"prompt_tokens": 8 * texts, "total_tokens": 8 * texts})
    return whole(f'{{"model":"mistral-embed","data":[{",".join(rows)}],"usage":{usage}}}'.encode())


def next_step(options: dict[str, str], body: bytes) -> int | None:
    """The number of the tool call that an agent gets; None if it gets its answer."""
    made = body.replace(b" ", b"").count(b'"role":"tool"')
    return made if made < int(options.get("steps", 0)) - 1 else None


def stream_for(options: dict[str, str], body: bytes) -> tuple[bytes, ...]:
    step = next_step(options, body)
    if step is not None:
        return tool_stream(step)
    size = int(options.get("json", 0))
    return json_stream(size) if size else stream(int(options.get("n", 500)))


class Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.came = b""

    def data_received(self, data: bytes) -> None:
        self.came += data
        while (end := self.came.find(b"\r\n\r\n")) >= 0:
            head = self.came[:end].lower()
            found = head.find(b"content-length:")
            length = int(head[found + 15 :].partition(b"\r\n")[0]) if found >= 0 else 0
            if len(self.came) < end + 4 + length:
                return
            body, self.came = self.came[end + 4 : end + 4 + length], self.came[end + 4 + length :]
            self.answer(head.split(b" ", 2)[1].decode(), body)

    def answer(self, path: str, body: bytes) -> None:
        given = path.split("/")[1]
        options = dict(x.split("=") for x in given.split(",")) if "=" in given else {}
        if path.endswith("/embeddings"):
            embedding_body = json.loads(body)
            dimension = int(options.get("dim", 1024))
            out = vectors(
                len(embedding_body["input"]),
                dimension,
                embedding_body.get("encoding_format") == "base64",
            )
        elif b'"stream":true' in body.replace(b" ", b""):
            events = stream_for(options, body)
            if pace := int(options.get("pace", 0)):
                self.write_paced(iter(events), pace / 1e6, asyncio.get_running_loop().time())
                return
            out = b"".join(events)
        else:
            step = next_step(options, body)
            out = answer() if step is None else tool_answer(step)
        asyncio.get_running_loop().call_later(
            int(options.get("lat", 0)) / 1000, self.transport.write, out
        )

    def write_paced(self, events: Iterator[bytes], pause: float, due: float) -> None:
        """Write each event when it is due, independently of when the previous one was written."""
        if event := next(events, b""):
            self.transport.write(event)
            due += pause
            loop = asyncio.get_running_loop()
            loop.call_at(due, self.write_paced, events, pause, due)


async def main(certificate: str | None) -> None:
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=2048, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    core, certificate = [*sys.argv[1:], "", ""][:2]
    if core:
        os.sched_setaffinity(0, {int(core)})
    asyncio.run(main(certificate or None))
