"""One case of routing, run through the real Portkey gateway and through our own engine."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from kinds import KINDS, STREAMED
from portkey_mistral import (
    APIError,
    CallOptions,
    ChatRequest,
    Client,
    EmbeddingRequest,
    FIMRequest,
    Message,
)
from portkey_mistral.responses import AttemptRecord
from upstream import Hit, Upstream, UpstreamReply

__all__ = ["Case", "Gateway", "Lane", "Mode", "Trace", "ours", "placed", "theirs"]

Mode = Literal["chat", "achat", "stream", "astream", "embed", "aembed", "fim", "afim"]
Lane = Literal["unified", "proxy"]

# Far more than any script takes: no time limit of ours may decide a case.
PATIENCE = 60.0
TEXT = "Hello!"
_numbers = itertools.count()
_kinds = {kind.name: kind for kind in (*KINDS, *STREAMED)}


@dataclass(frozen=True)
class Case:
    """A config whose hosts are names of targets, and what each of them answers."""

    config: Mapping[str, Any]
    scripts: Mapping[str, Sequence[UpstreamReply]]
    mode: Mode = "chat"
    lane: Lane = "unified"
    fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        return "chat" if "stream" in self.mode else self.mode.removeprefix("a")


@dataclass(frozen=True)
class Trace:
    """The trace of one run: requests upstream, then the final status and the path of its target."""

    hits: Sequence[Hit]
    status: int | None
    path: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    attempts: Sequence[AttemptRecord] = ()

    @property
    def keys(self) -> list[str]:
        """The keys that came upstream, in order: each target has its own."""
        return [hit.key for hit in self.hits]


@dataclass(frozen=True)
class Gateway:
    """The real gateway, called without any code of ours."""

    url: str
    client: httpx.Client = field(
        # A connection a call: the gateway ends idle ones, perhaps just when one is taken up again.
        default_factory=lambda: httpx.Client(
            verify=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
    )

    def post(
        self,
        case: Case,
        config: Mapping[str, Any],
        body: Mapping[str, Any],
        *,
        timeout: float = PATIENCE,
    ) -> httpx.Response:
        path = _PATHS[case.operation, case.lane]
        headers = {"x-portkey-config": json.dumps(config)}
        if case.metadata:
            headers["x-portkey-metadata"] = json.dumps(case.metadata)
        return self.client.post(self.url + path, json=body, headers=headers, timeout=timeout)


_PATHS = {
    ("chat", "unified"): "/chat/completions",
    ("chat", "proxy"): "/proxy/chat/completions",
    ("embed", "unified"): "/embeddings",
    ("embed", "proxy"): "/proxy/embeddings",
    ("fim", "proxy"): "/fim/completions",
}


def placed(node: Mapping[str, Any], host: Callable[[str], str]) -> dict[str, Any]:
    """Write the real hosts into a config."""
    located = dict(node)
    if "custom_host" in node:
        located["custom_host"] = host(node["custom_host"])
    if "targets" in node:
        located["targets"] = [placed(target, host) for target in node["targets"]]
    return located


def theirs(case: Case, gateway: Gateway, upstream: Upstream) -> Trace:
    """Run a case through the gateway."""
    name = _begin(case, upstream)
    config = placed(case.config, lambda target: upstream.host(name, target))
    response = gateway.post(case, config, _body(case))
    return Trace(
        hits=upstream.take(name),
        status=response.status_code,
        path=response.headers.get("x-portkey-last-used-option-index"),
        headers=response.headers,
        body=response.content,
    )


def ours(case: Case, upstream: Upstream) -> Trace:
    """Run a case through our own engine."""
    name = _begin(case, upstream)
    config = placed(case.config, lambda target: upstream.host(name, target))
    client = Client(portkey_config=config, timeout=PATIENCE)
    options = CallOptions(portkey_metadata=case.metadata)
    try:
        attempts = _asked(client, case, options)
    except APIError as error:
        attempts = error.attempts
    last = attempts[-1]
    return Trace(upstream.take(name), last.status, last.path, attempts=attempts)


def _begin(case: Case, upstream: Upstream) -> str:
    name = f"case{next(_numbers)}"
    upstream.script(name, case.scripts)
    return name


def _asked(client: Client, case: Case, options: CallOptions) -> Sequence[AttemptRecord]:
    match case.operation:
        case "chat":
            request = ChatRequest(messages=[Message.user(TEXT)], **case.fields)
            return _kinds[case.mode].run(client, request, options).info.attempts
        case "fim":
            kind = _kinds["achat" if case.mode == "afim" else "chat"]
            request = FIMRequest(prompt=TEXT, **case.fields)
            return kind.run(client, request, options).info.attempts
        case _:
            request = EmbeddingRequest(inputs=[TEXT], **case.fields)
            if case.mode == "embed":
                return client.embed(request, options).infos[0].attempts
            return asyncio.run(client.aembed(request, options)).infos[0].attempts


def _body(case: Case) -> dict[str, Any]:
    input_fields = {
        "chat": {"messages": [{"role": "user", "content": TEXT}]},
        "fim": {"prompt": TEXT},
        "embed": {"input": [TEXT]},
    }
    stream = {"stream": True} if "stream" in case.mode else {}
    return {**input_fields[case.operation], **case.fields, **stream}
