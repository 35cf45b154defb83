"""Every answer that a broken server could give: a good one, with each of its members replaced by what it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import httpx

from portkey_mistral.exceptions import PortkeyMistralError, StreamInterruptedError

__all__ = ["AnyServer", "failures", "streamed_bodies", "whole_bodies"]

FINE = "fine"
_DEEP = "[" * 2000 + "]" * 2000
# JSON texts, of all types and beyond what Python's can hold.
_VALUES = [
    "null", "true", "5", "-1", "0.5", '""', '"x"', "[]", "{}", "[1]", "[[]]", "[null]", "[{}]", '{"a":1}', "1e400", "NaN",
    "9" * 400, "9" * 5000, _DEEP, r'"\ud800"', '"null"',
]  # fmt: skip
_TOKEN = {
    "token": "a",
    "logprob": -0.5,
    "bytes": [97],
    "top_logprobs": [{"token": "b", "logprob": -1}],
}
_TOOL_CALL = {
    "id": "abcdefghi",
    "index": 0,
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}'},
}
_USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "total_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 1},
}
_PARTS = [
    {"type": "text", "text": "hi"},
    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
    {"type": "reference", "reference_ids": [1]},
]
_ENVELOPE = {"id": "1", "created": 1, "model": "m"}


def _message(member: str, finish: str | None, **message: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        member: message,
        "finish_reason": finish,
        "logprobs": {"content": [_TOKEN]},
    }
    return {**_ENVELOPE, "choices": [choice], "usage": _USAGE}


_WHOLE = _message(
    "message", "tool_calls", role="assistant", content=_PARTS, tool_calls=[_TOOL_CALL]
)
_CHUNKS = [
    _message("delta", None, role="assistant", content=_PARTS, reasoning_content="hm"),
    _message("delta", "tool_calls", tool_calls=[_TOOL_CALL]),
]


def whole_bodies(*, step: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield a name and the body of each; `step` leaves out some values of each member."""
    for name, text in islice(_variants(_WHOLE), None, None, step):
        yield name, text.encode()


def streamed_bodies(*, step: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield a name and the body of each; the event that is wrong is the first or the last one."""
    for at, chunk in enumerate(_CHUNKS):
        for name, text in islice(_variants(chunk), None, None, step):
            texts = [json.dumps(each) for each in _CHUNKS]
            texts[at] = text
            yield f"event {at}: {name}", _events(texts)


def _events(texts: list[str]) -> bytes:
    return "".join(f"data: {text}\n\n" for text in [*texts, "[DONE]"]).encode()


def _variants(document: Any) -> Iterator[tuple[str, str]]:
    for path in _paths(document, ()):
        for value in _VALUES:
            yield f"{'.'.join(map(str, path))} = {value[:20]}", _replaced(document, path, value)


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from _paths(item, (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], value: str) -> str:
    """Return JSON in which the value at a path is replaced by a JSON text."""
    mark = "@@@"
    root = {"": json.loads(json.dumps(document))}
    parent: Any = root
    for key, following in zip(("", *path), path, strict=False):
        parent = parent[key]
        last = following
    parent[last if path else ""] = mark
    return json.dumps(root[""]).replace(f'"{mark}"', value)


class AnyServer:
    """Answers calls to the host `bad` with `body`, and those to the host `good` with `FINE`."""

    def __init__(self) -> None:
        self.body = b""

    def fields(self, *, fall_back: bool) -> dict[str, Any]:
        """Return the arguments of an object that calls the bad host, and may fall back to the good one."""
        hosts = ["bad", "good"] if fall_back else ["bad"]
        targets = [{"custom_host": f"http://{host}/v1"} for host in hosts]
        return {
            "api_key": "k",
            "base_url": "http://bad/v1",
            "portkey_config": {"strategy": {"mode": "fallback"}, "targets": targets},
            "http_client": httpx.Client(transport=httpx.MockTransport(self._answer)),
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        streamed = json.loads(request.content).get("stream")
        body = self.body
        if request.url.host == "good":
            text = json.dumps(_message("delta" if streamed else "message", "stop", content=FINE))
            body = _events([text]) if streamed else text.encode()
        kind = "text/event-stream" if streamed else "application/json"
        return httpx.Response(200, content=body, headers={"content-type": kind})


def failures(
    server: AnyServer,
    bodies: Iterator[tuple[str, bytes]],
    alone: Callable[[], str],
    falling_back: Callable[[], str],
) -> list[str]:
    """Return what is wrong: errors that are not ours, and errors after which the fallback did not answer.

    The calls return the text of an answer. After its first content a stream cannot fall back.
    """
    wrong = []
    for name, body in bodies:
        server.body = body
        ended = _end(alone)
        if isinstance(ended, PortkeyMistralError) and not isinstance(ended, StreamInterruptedError):
            ended = _end(falling_back)
            if ended != FINE:
                wrong.append(f"{name}: the fallback ended in {ended!r}")
        elif not isinstance(ended, str | PortkeyMistralError):
            wrong.append(f"{name}: {ended!r}")
    return wrong


def _end(call: Callable[[], str]) -> str | Exception:
    try:
        return call()
    except Exception as error:  # noqa: BLE001  what it is, is looked at
        return error
