"""One sandbox: a handler from request (method, path, headers, body) to response, without I/O.

Checks run in the order of the service: route, method, key, schema, model, message order, the model's
capabilities, size. An injected fault that replaces the answer comes before all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile
from threading import Lock
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl, quote
from weakref import WeakValueDictionary

from pydantic_core import from_json, to_json

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.sandbox import openai_dialect
from portkey_mistral.sandbox.answers import Answer, Call
from portkey_mistral.sandbox.background import BackgroundServer
from portkey_mistral.sandbox.batch_jobs import JobStore, Outcome
from portkey_mistral.sandbox.endpoints import find_route
from portkey_mistral.sandbox.endpoints.request import SandboxRequest
from portkey_mistral.sandbox.errors import RefusalError, too_many_sandboxes
from portkey_mistral.sandbox.faults import FAULT_HEADER, Fault, delayed, fault_response, read_fault
from portkey_mistral.sandbox.http_app import make_app
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

T = TypeVar("T")

DEFAULT = "default"
"""The name of the sandbox of `base_url="sandbox:"`."""

MAX_REQUESTS = 10_000
MAX_RECORDED_BYTES = 256 * 2**20
"""How many requests a sandbox records, and the total size of their bodies; the oldest are removed."""
MAX_CACHED_PROMPTS = 1000

MAX_SANDBOXES = 1000
"""How many sandboxes there can be, between two resets, before a request for a new name is refused."""

__all__ = ["MAX_SANDBOXES", "Exchange", "Sandbox", "get", "names", "reset", "resolve"]


@dataclass(slots=True)
class Exchange:
    """A recorded request and the outcome of it. `body` is the parsed JSON, None if it did not parse.

    `state` is "abandoned" if the client closed the response before its end; `size` is that of the body in
    bytes. Headers are left out of the repr because they contain the API key.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any
    status: int = 0
    state: Literal["open", "complete", "abandoned"] = "open"
    size: int = field(default=0, repr=False)

    def snapshot(self) -> dict[str, Any]:
        """Return what a test can store and compare: JSON values, and nothing of the headers, which contain keys.

        `state` is left out: over HTTP it becomes complete a moment after the client has received the answer.
        """
        return {
            "method": self.method,
            "path": self.path,
            "body": self.body,
            "status": self.status,
        }


@dataclass(slots=True)
class _Scripted(Generic[T]):
    """A fault or an answer for the next `times` requests; None means all of them."""

    value: T
    times: int | None

    def take(self) -> T:
        if self.times is not None:
            self.times -= 1
        return self.value

    @property
    def used_up(self) -> bool:
        return self.times is not None and self.times <= 0


class Sandbox:
    """An offline stand-in for Mistral's API.

    `name` is the part after `sandbox:` in a base URL. `clock` returns Unix time in seconds; it decides
    which models are retired. Thread-safe.

    Examples:
        >>> sandbox = Sandbox("east")
        >>> sandbox.fail(503, times=1)
        >>> sandbox.reply("It is done.")
    """

    def __init__(self, name: str = DEFAULT, *, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.requests: list[Exchange] = []
        self.in_flight = 0
        self.peak_in_flight = 0
        self._clock = clock
        self._faults: list[_Scripted[Fault]] = []
        self._answers: list[_Scripted[Answer]] = []
        self._prompts: dict[str, str] = {}
        self._recorded_bytes = 0
        self._served = 0
        self._jobs = JobStore()
        self._classifiers: dict[str, Mapping[str, Mapping[str, Sequence[str]]]] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Sandbox({self.name!r}, {len(self.requests)} requests)"

    @property
    def url(self) -> str:
        """The base URL of this sandbox over HTTP, such as `http://127.0.0.1:40123/v1`.

        One server serves all sandboxes of the process. It starts when a URL is first read, listens on a free port of
        127.0.0.1 and ends with the process. Needs the extra `sandbox`.

        Raises:
            ConfigurationError: the sandbox cannot be reached by its name: it was not made by `get`, or the name is
                empty or contains a slash.
            ImportError: uvicorn is not installed.
        """
        if _registry.get(self.name) is not self or not self.name or "/" in self.name:
            raise ConfigurationError(
                f"Sandbox({self.name!r}) has no URL: its name leads to another sandbox, or to none. Make it by "
                'portkey_mistral.sandbox.get(name), with a name such as "east".'
            )
        path = "" if self.name == DEFAULT else f"/s/{quote(self.name)}"
        return f"{_server.url}{path}/v1"

    def snapshot(self) -> list[dict[str, Any]]:
        """Return the recorded requests as JSON values without headers, for a snapshot that a test compares."""
        return [exchange.snapshot() for exchange in self.requests]

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """Apply a fault to the next `times` requests that it matches; None: to all of them from now on."""
        with self._lock:
            self._faults.append(_Scripted(fault, times))

    def fail(
        self,
        status: int,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | str | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next requests with an error status, with Mistral's error body unless `body` is given."""
        fault = Fault(status=status, body=body, headers=headers or {}, retry_after=retry_after)
        self.inject(fault, times=times)

    def reply(
        self,
        content: str | Sequence[Mapping[str, Any]] | None = "",
        *,
        calls: Sequence[Call | Mapping[str, Any]] = (),
        thinking: str = "",
        finish_reason: str | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer the next valid chat, FIM or OCR requests with exactly this.

        A tool call may be a dict: `{"name": "get_weather", "arguments": {"city": "Lyon"}}`, and an `id`. To OCR the
        content is the Markdown of the document; a form feed begins the next page.
        """
        made = tuple(each if isinstance(each, Call) else Call.of(**each) for each in calls)
        answer = Answer(content, made, thinking, finish_reason)
        with self._lock:
            self._answers.append(_Scripted(answer, times))

    def add_classifier(
        self, model: str, targets: Mapping[str, Mapping[str, Sequence[str]]]
    ) -> None:
        """Add a fine-tuned classifier. `targets` has the labels of each target, each with the words that count for it.

        >>> sandbox = Sandbox("shop")
        >>> sandbox.add_classifier("ft:mood", {"mood": {"glad": ["thanks"], "angry": ["refund"]}})
        """
        self._classifiers[model] = targets

    def reset(self) -> None:
        """Remove all scripted faults and answers, all recorded requests, all files and batch jobs, and all classifiers.

        The ids of answers start again too, so that a test sees the same ids whatever ran before it.
        """
        with self._lock:
            self.requests.clear()
            self._recorded_bytes = 0
            self._faults.clear()
            self._answers.clear()
            self._prompts.clear()
            self._served = 0
            self.peak_in_flight = self.in_flight
        self._jobs.clear()
        self._classifiers.clear()

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> SandboxResponse:
        """Answer one request. The caller must close the response.

        `path` starts with `/v1`, or with `/openai/v1` for a request in OpenAI's dialect.
        """
        lower_case = {key.lower(): value for key, value in headers.items()}
        path, _, query = path.partition("?")
        exchange = Exchange(method.upper(), path, lower_case, _json(body), size=len(body))
        number = self._open(exchange)
        try:
            response = self._respond(exchange, body, number, query)
        except RefusalError as refusal:
            response = json_response(refusal.body, status=refusal.status, headers=refusal.headers)
        except BaseException:
            self._close(exchange, complete=False)
            raise
        exchange.status = response.status
        response.headers = {**self._ids(number), **response.headers}
        response.on_close = lambda complete: self._close(exchange, complete=complete)
        return response

    def _respond(
        self, exchange: Exchange, body: bytes, number: int, query: str = ""
    ) -> SandboxResponse:
        fault = self._next_fault(exchange, body)
        response = fault_response(fault)
        if response is None:
            translated = openai_dialect.translate(exchange.path, body)
            request = SandboxRequest(
                headers=exchange.headers,
                body=translated.body,
                fault=fault,
                id=_digest(self.name, number, "completion"),
                now=self._clock(),
                scripted=self._next_answer,
                cached=self._cached,
                answer=self._answer_in_job,
                jobs=self._jobs,
                classifiers=self._classifiers,
                query=dict(parse_qsl(query)),
            )
            response = find_route(exchange.method, translated.path)(request)
            response.steps = translated.renamed(response.steps)
        response.before = delayed(fault)
        return response

    def _answer_in_job(self, path: str, body: Mapping[str, Any]) -> Outcome:
        """Answer a request of a batch job: like one of its own, with the same faults, but it is not recorded."""
        with self._lock:
            self._served += 1
            number = self._served
        headers = {"authorization": "Bearer batch"}
        try:
            response = self._respond(Exchange("POST", path, headers, body), to_json(body), number)
        except RefusalError as refusal:
            return refusal.status, refusal.body
        return response.status, _json(response.read())

    def _next_fault(self, exchange: Exchange, body: bytes) -> Fault:
        if text := exchange.headers.get(FAULT_HEADER):
            return read_fault(text)
        with self._lock:
            for scripted in self._faults:
                if scripted.value.matches(exchange.path, body):
                    fault = scripted.take()
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
        """Return the common start of a prompt and of the previous one under the same cache key."""
        with self._lock:
            before = self._prompts.pop(key, "")
            self._prompts[key] = prompt
            if len(self._prompts) > MAX_CACHED_PROMPTS:
                del self._prompts[next(iter(self._prompts))]
        return _common_start(before, prompt)

    def _open(self, exchange: Exchange) -> int:
        with self._lock:
            self.requests.append(exchange)
            self._recorded_bytes += exchange.size
            self._forget_oldest()
            self._served += 1
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            return self._served

    def _forget_oldest(self) -> None:
        while len(self.requests) > 1 and (
            len(self.requests) > MAX_REQUESTS or self._recorded_bytes > MAX_RECORDED_BYTES
        ):
            self._recorded_bytes -= self.requests.pop(0).size

    def _close(self, exchange: Exchange, *, complete: bool) -> None:
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


_registry: WeakValueDictionary[str, Sandbox] = WeakValueDictionary()
_in_use: dict[str, Sandbox] = {}
"""The sandboxes named since the last reset. They stay until the next one, whether or not somebody holds them."""
_registry_lock = Lock()


def get(name: str = DEFAULT) -> Sandbox:
    """Return the sandbox of this name, the same one everywhere in the process."""
    with _registry_lock:
        if name not in _in_use:
            _in_use[name] = _registry.setdefault(name, Sandbox(name))
        return _in_use[name]


def resolve(path: str) -> tuple[Sandbox, str]:
    """Return the sandbox of a decoded path and the rest: `/s/NAME/v1/...`, or `/v1/...` of the default one.

    Raises:
        RefusalError: the name is new, and there are `MAX_SANDBOXES` since the last reset.
    """
    match path.split("/", 3):
        case ["", "s", name, rest] if name:
            if name not in names() and len(names()) >= MAX_SANDBOXES:
                raise too_many_sandboxes(MAX_SANDBOXES)
            return get(name), f"/{rest}"
        case _:
            return get(), path


def names() -> Sequence[str]:
    """Return the names of the sandboxes that were named in this process since the last reset."""
    with _registry_lock:
        return tuple(_in_use)


_server = BackgroundServer(make_app(resolve))


def reset() -> None:
    """Reset every sandbox of the process, and make room for new names. Objects returned by `get` stay valid."""
    with _registry_lock:
        sandboxes = list(_registry.values())
        _in_use.clear()
    for sandbox in sandboxes:
        sandbox.reset()


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
