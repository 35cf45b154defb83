"""One sandbox: takes a request as method, path, headers and body, and gives a reply. No I/O here.

The order of checks is the service's: route, method, key, schema, model, turns, what the model can do and
how much fits. Ordered faults that replace the answer come before all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile
from threading import Lock
from typing import Any, Generic, Literal, TypeVar

from pydantic_core import from_json

from portkey_mistral.sandbox.answers import Answer, Call
from portkey_mistral.sandbox.endpoints import find_route
from portkey_mistral.sandbox.endpoints.order import Order
from portkey_mistral.sandbox.errors import RefusalError
from portkey_mistral.sandbox.faults import FAULT_HEADER, Fault, delayed, instead, read_fault
from portkey_mistral.sandbox.replies import Reply, json_reply

T = TypeVar("T")

__all__ = ["Exchange", "Sandbox", "get", "names", "reset"]


@dataclass(slots=True)
class Exchange:
    """What came and what became of it. `body` is the JSON value, None where it was none.

    `state` is "abandoned" where the reader closed the reply before its end. The repr has no headers,
    because there is a key among them.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any
    status: int = 0
    state: Literal["open", "complete", "abandoned"] = "open"


@dataclass(slots=True)
class _Ordered(Generic[T]):
    """Something ordered for the next requests; `times` None means for ever."""

    what: T
    times: int | None

    def take(self) -> T:
        if self.times is not None:
            self.times -= 1
        return self.what

    @property
    def used_up(self) -> bool:
        return self.times is not None and self.times <= 0


class Sandbox:
    """An offline stand-in for Mistral's API.

    `name` is what stands after `sandbox:` in a base URL. `clock` gives the time in seconds; models are
    retired by it. Safe to use from several threads.

    >>> sandbox = Sandbox("east")
    >>> sandbox.fail(503, times=1)
    >>> sandbox.reply("It is done.")
    """

    def __init__(self, name: str = "default", *, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.requests: list[Exchange] = []
        self.in_flight = 0
        self.peak_in_flight = 0
        self._clock = clock
        self._faults: list[_Ordered[Fault]] = []
        self._answers: list[_Ordered[Answer]] = []
        self._prompts: dict[str, str] = {}
        self._served = 0
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Sandbox({self.name!r}, {len(self.requests)} requests)"

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """Disturb the next requests that the fault concerns; `times` None: all of them from now on."""
        with self._lock:
            self._faults.append(_Ordered(fault, times))

    def fail(
        self,
        status: int,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | str | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next requests with a status, in Mistral's own shape unless `body` is given."""
        fault = Fault(status=status, body=body, headers=headers or {}, retry_after=retry_after)
        self.inject(fault, times=times)

    def reply(
        self,
        content: str | Sequence[Mapping[str, Any]] | None = "",
        *,
        calls: Sequence[Call] = (),
        thinking: str = "",
        finish_reason: str | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next accepted chat or FIM requests with exactly this."""
        answer = Answer(content, tuple(calls), thinking, finish_reason)
        with self._lock:
            self._answers.append(_Ordered(answer, times))

    def reset(self) -> None:
        """Forget all that was ordered and all that came."""
        with self._lock:
            self.requests.clear()
            self._faults.clear()
            self._answers.clear()
            self._prompts.clear()
            self.peak_in_flight = self.in_flight

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request. `path` starts with `/v1`; the reply has to be closed by who carries it."""
        lowered = {key.lower(): value for key, value in headers.items()}
        exchange = Exchange(method.upper(), path.partition("?")[0], lowered, _json(body))
        number = self._opened(exchange)
        try:
            reply = self._answered(exchange, body, number)
        except RefusalError as refusal:
            reply = json_reply(refusal.body, status=refusal.status, headers=refusal.headers)
        except BaseException:
            self._closed(exchange, complete=False)
            raise
        exchange.status = reply.status
        reply.headers = {**self._ids(number), **reply.headers}
        reply.on_close = lambda complete: self._closed(exchange, complete=complete)
        return reply

    def _answered(self, exchange: Exchange, body: bytes, number: int) -> Reply:
        fault = self._next_fault(exchange, body)
        reply = instead(fault)
        if reply is None:
            order = Order(
                headers=exchange.headers,
                body=body,
                fault=fault,
                id=_digest(self.name, number, "completion"),
                now=self._clock(),
                scripted=self._next_answer,
                cached=self._cached,
            )
            reply = find_route(exchange.method, exchange.path)(order)
        reply.before = delayed(fault)
        return reply

    def _next_fault(self, exchange: Exchange, body: bytes) -> Fault:
        if text := exchange.headers.get(FAULT_HEADER):
            return read_fault(text)
        with self._lock:
            for ordered in self._faults:
                if ordered.what.concerns(exchange.path, body):
                    fault = ordered.take()
                    self._faults = [each for each in self._faults if not each.used_up]
                    return fault
        return Fault()

    def _next_answer(self) -> Answer | None:
        with self._lock:
            if not self._answers:
                return None
            answer = self._answers[0].take()
            if self._answers[0].used_up:
                del self._answers[0]
            return answer

    def _cached(self, key: str, prompt: str) -> str:
        """Return what a prompt has in common with the last one under the same cache key."""
        with self._lock:
            before = self._prompts.get(key, "")
            self._prompts[key] = prompt
        return _common_start(before, prompt)

    def _opened(self, exchange: Exchange) -> int:
        with self._lock:
            self.requests.append(exchange)
            self._served += 1
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            return self._served

    def _closed(self, exchange: Exchange, *, complete: bool) -> None:
        with self._lock:
            self.in_flight -= 1
            exchange.state = "complete" if complete else "abandoned"

    def _ids(self, number: int) -> Mapping[str, str]:
        correlation = _uuid7(_digest(self.name, number, "correlation"))
        return {
            "mistral-correlation-id": correlation,
            "x-kong-request-id": correlation,
            "x-kong-proxy-latency": "1",
            "access-control-allow-origin": "*",
        }


_registry: dict[str, Sandbox] = {}
_registry_lock = Lock()


def get(name: str = "default") -> Sandbox:
    """Return the sandbox of this name, the same one everywhere in the process."""
    with _registry_lock:
        if name not in _registry:
            _registry[name] = Sandbox(name)
        return _registry[name]


def names() -> Sequence[str]:
    """Return the names of the sandboxes that were asked for so far."""
    with _registry_lock:
        return tuple(_registry)


def reset() -> None:
    """Reset every sandbox of the process. Objects that `get` gave out stay in use."""
    for name in names():
        get(name).reset()


def _digest(*parts: object) -> str:
    return sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def _common_start(one: str, other: str) -> str:
    pairs = zip(one, other, strict=False)
    return "".join(mine for mine, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _uuid7(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def _json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None
