"""A fake network that embeds: answers in process, sync and async, and records when each request arrived."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import httpx

from portkey_mistral import Client

__all__ = ["EmbeddingNetwork", "vector_of"]

_numbers = count()

Refusal = Callable[[int, list[str]], httpx.Response | None]


def vector_of(text: str) -> list[float]:
    """The vector of a text: its length, and a number that identifies the text; exact in float32."""
    return [float(len(text)), float(sum(text.encode()) % 4096), 0.5]


@dataclass
class EmbeddingNetwork:
    """`refuse` may answer instead, from the number of the request and its texts. An answer takes `seconds`; `slow`
    names texts that take longer.
    """

    refuse: Refusal = lambda number, texts: None
    embed: Callable[[str], list[float]] = vector_of
    seconds: float = 0.0
    state: str = field(default_factory=lambda: f"memory:network {next(_numbers)}")
    slow: dict[str, float] = field(default_factory=dict)
    came: list[float] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, **fields: Any) -> Client:
        return Client(
            api_key="k",
            base_url="https://api.mistral.ai/v1",
            http_client=httpx.Client(transport=httpx.MockTransport(self.answer)),
            http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(self.aanswer)),
            # A rejection by one test's server must not postpone the next test.
            **{"state": self.state, **fields},
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        number = self._enter()
        try:
            body = json.loads(request.content)
            time.sleep(self._takes(body))
            return self._answer(number, body)
        finally:
            self._leave()

    async def aanswer(self, request: httpx.Request) -> httpx.Response:
        import asyncio

        number = self._enter()
        try:
            body = json.loads(request.content)
            await asyncio.sleep(self._takes(body))
            return self._answer(number, body)
        finally:
            self._leave()

    @contextmanager
    def over_http(self) -> Iterator[str]:
        """Serve it, for other processes; give the base URL."""
        network = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                response = network.answer(httpx.Request("POST", "http://x/", content=body))
                self.send_response(response.status_code)
                self.send_header("content-length", str(len(response.content)))
                self.end_headers()
                with suppress(OSError):  # the client has left
                    self.wfile.write(response.content)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/v1"
            server.shutdown()

    def _takes(self, body: dict[str, Any]) -> float:
        longer = [self.slow[text] for text in body.get("input", ()) if text in self.slow]
        return max(longer, default=self.seconds)

    def _enter(self) -> int:
        with self._lock:
            self.came.append(time.monotonic())
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            return len(self.came) - 1

    def _leave(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def _answer(self, number: int, body: dict[str, Any]) -> httpx.Response:
        if "input" not in body:
            message = {"role": "assistant", "content": "Yes."}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            return httpx.Response(200, json={"id": "1", "model": "m", "choices": choices})
        texts: list[str] = body["input"]
        if (refused := self.refuse(number, texts)) is not None:
            return refused
        with self._lock:
            self.embedded += texts
        write = _packed if body.get("encoding_format") == "base64" else list
        data = [{"index": at, "embedding": write(self.embed(x))} for at, x in enumerate(texts)]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return httpx.Response(200, json={"model": body["model"], "data": data, "usage": usage})


def _packed(vector: list[float]) -> str:
    from array import array

    return b64encode(array("f", vector).tobytes()).decode()
