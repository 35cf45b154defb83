"""LangChain models over a scripted network: each reply is what one HTTP request gets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

MODEL = "mistral-small-2603"


@dataclass
class Network:
    """Answers requests from a script, sync and async; `bodies` are the parsed bodies of the requests."""

    replies: Iterator[httpx.Response | Exception]
    requests: list[httpx.Request] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def clients(self) -> dict[str, Any]:
        """The constructor arguments that put this network below an object."""
        return {
            "http_client": httpx.Client(transport=httpx.MockTransport(self._answer)),
            "http_async_client": httpx.AsyncClient(transport=httpx.MockTransport(self._answer)),
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = next(self.replies)
        if isinstance(reply, Exception):
            raise reply
        # A response can be read once, in one of the two worlds; a script may be played in both.
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


def network(*replies: httpx.Response | Exception) -> Network:
    """Script a network."""
    return Network(iter(replies))


def answer(
    content: Any = "", *calls: Mapping[str, Any], finish: str = "stop", **members: Any
) -> httpx.Response:
    """A whole answer of one choice."""
    message = {"role": "assistant", "content": content, "tool_calls": list(calls) or None}
    return answers({"message": message, "finish_reason": finish}, **members)


def answers(*choices: Mapping[str, Any], **members: Any) -> httpx.Response:
    """A whole answer of several choices."""
    body = {
        "id": "0123456789abcdef0123456789abcdef",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": index} | dict(choice) for index, choice in enumerate(choices)],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return httpx.Response(200, json=body | members, headers={"mistral-correlation-id": "r1"})


def stream(
    *deltas: Mapping[str, Any],
    finish: str | None = "stop",
    usage: str = "finish",
    tokens: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """A stream of these deltas, in the order of Mistral: a role first, then finish reason and usage."""
    tokens = tokens or {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    events: list[dict[str, Any]] = [_event({"role": "assistant", "content": ""})]
    events += [_event(delta) for delta in deltas]
    if finish:
        last = _event({"content": ""}, finish)
        events.append(last | ({"usage": tokens} if usage == "finish" else {}))
    if usage == "alone":
        events.append(_event({}) | {"choices": [], "usage": tokens})
    return sse(events)


def sse(events: Sequence[Mapping[str, Any]], *, done: bool = True) -> httpx.Response:
    """Events as they are sent on the wire."""
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"] * done
    return httpx.Response(
        200, content="".join(lines).encode(), headers={"content-type": "text/event-stream"}
    )


def _event(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
    return {
        "id": "0123456789abcdef0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
    }


def call(index: int, arguments: str, id: str | None = None, name: str = "") -> dict[str, Any]:
    """A piece of a tool call, as a delta has it."""
    piece: dict[str, Any] = {"index": index, "function": {"name": name, "arguments": arguments}}
    return piece | ({"id": id} if id else {})
