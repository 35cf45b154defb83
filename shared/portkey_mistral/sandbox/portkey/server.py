"""The stand-in for hosted Portkey over HTTP: in front of the open-source gateway, which is in front of sandboxes.

/v1/...                  Portkey's API, for clients
/targets/CALL/N/...      a target of one call, for the gateway
GET    /requests         the recorded requests of clients, with keys masked DELETE /requests         remove them, and
reset the usage counters /s/NAME/...              the sandbox of a provider, as in `portkey_mistral.sandbox.server`
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.sandbox import server
from portkey_mistral.sandbox.access import check_origin
from portkey_mistral.sandbox.asgi import Receive, Scope, Send, running_app
from portkey_mistral.sandbox.portkey import gateway, guardrails, upstream
from portkey_mistral.sandbox.portkey.connection import Connection, broken, send
from portkey_mistral.sandbox.portkey.control_plane import GatewayCall, PortkeySandbox
from portkey_mistral.sandbox.portkey.definition import Account
from portkey_mistral.sandbox.portkey.errors import PortkeyError, masked
from portkey_mistral.sandbox.portkey.request import TRACE_ID, Received
from portkey_mistral.sandbox.portkey.targets import Target
from portkey_mistral.sandbox.portkey.upstream import UpstreamRequest
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["running"]

# Resolved configs are longer than those of clients; Portkey's own limit is not known.
_HEADER_BYTES = 1 << 20
_HOSTS = ("127.0.0.1", "localhost", "0.0.0.0")  # noqa: S104  the gateway calls back on loopback
_SECRET_HEADERS = ("authorization", "x-portkey-api-key", "x-api-key", "cookie")
_API_KEY = re.compile(r'("api_key"\s*:\s*)"[^"]*"')


@contextmanager
def running(account: Account, host: str = "127.0.0.1", port: int = 0) -> Iterator[PortkeySandbox]:
    """Serve an account while the block runs; the `url` of the yielded object is the base URL for clients.

    The gateway is installed by npm the first time, which needs the network.

    Raises:
        ConfigurationError: `host` does not include loopback, where the gateway calls back.
        NodeMissingError: Node.js, which runs the gateway, was not found.
        ImportError: uvicorn is not installed.
    """
    if host not in _HOSTS:
        raise ConfigurationError(
            f"host={host!r}: the stand-in for hosted Portkey listens on one of {', '.join(_HOSTS)}."
        )
    portkey = PortkeySandbox(account)
    with (
        gateway.running(header_bytes=_HEADER_BYTES) as gateway_url,
        running_app(_App(portkey, gateway_url), host, port) as root,
    ):
        portkey.url = f"{root}/v1"
        portkey.targets_url = f"http://127.0.0.1:{root.rpartition(':')[2]}/targets"
        yield portkey


class _App:
    """The ASGI app of one stand-in."""

    def __init__(self, portkey: PortkeySandbox, gateway_url: str) -> None:
        self._portkey = portkey
        self._gateway = gateway_url.removesuffix("/v1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        connection = Connection(scope, receive, send)
        match scope["path"].split("/", 4):
            case ["", "v1", *_]:
                await self._serve_client(connection)
            case ["", "targets", call_id, "streamed", *_]:
                await connection.respond(self._portkey.streamed(call_id))
            case ["", "targets", call_id, number, path] if number.isdecimal():
                await self._serve_gateway(call_id, int(number), f"/{path}", connection)
            case ["", "requests"]:
                check_origin(connection.headers)
                await connection.respond(self._control(connection.method))
            case _:
                await server.app(scope, receive, send)

    def _control(self, method: str) -> SandboxResponse:
        match method:
            case "GET":
                return json_response([_shown(request) for request in self._portkey.requests])
            case "DELETE":
                self._portkey.reset()
                return json_response({"reset": True})
            case _:
                return json_response({"detail": "Method Not Allowed"}, status=405)

    # --- the client's side ---

    async def _serve_client(self, client: Connection) -> None:
        path = client.with_query(client.scope["raw_path"].decode("latin-1"))
        body = await client.body()
        received, answer = self._portkey.receive(client.method, path, client.headers, body)
        if isinstance(answer, SandboxResponse):
            await client.respond(answer)
        else:
            await client.until_disconnect(self._through_gateway(answer, received, client))

    async def _through_gateway(
        self, call: GatewayCall, received: Received, client: Connection
    ) -> None:
        url = f"{self._gateway}{call.path}"
        async with send(call.method, url, call.headers, call.content) as response:
            received.status = response.status_code
            # Hosted Portkey always sends it; the gateway leaves it out of its own errors.
            trace = {TRACE_ID: call.headers[TRACE_ID]}
            await client.relay(self._hosted_answer(call, response), response, trace)

    async def _hosted_answer(
        self, call: GatewayCall, response: httpx.Response
    ) -> AsyncIterator[bytes]:
        """Yield the gateway's response, changed where hosted Portkey's differs."""
        if call.refusal is not None and response.status_code == call.refusal.status:
            # The gateway has converted the refusal of a target to the error shape of its provider.
            yield json.dumps(call.refusal.body).encode()
            return
        answer = guardrails.StreamedAnswer()
        async for piece in response.aiter_raw():
            answer.feed(piece)
            yield piece
        hooks = call.streamed_guardrails(response.headers) if answer.complete else ()
        if hooks and (results := await self._output_results(call, answer, hooks)):
            yield guardrails.hook_event(results)

    async def _output_results(
        self, call: GatewayCall, answer: guardrails.StreamedAnswer, hooks: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """Have the gateway run output guardrails on a stream that has ended."""
        call.streamed = answer.completion()
        config = {
            "provider": "openai",
            "api_key": "none",
            "custom_host": f"{self._portkey.targets_url}/{call.id}/streamed",
            "output_guardrails": hooks,
        }
        headers = {"content-type": "application/json", "x-portkey-config": json.dumps(config)}
        body = json.dumps({**(call.resolution.body or {}), "stream": False}).encode()
        url = f"{self._gateway}/v1/chat/completions"
        async with send("POST", url, headers, body) as response:
            results: Mapping[str, Any] | None = json.loads(await response.aread()).get(
                "hook_results"
            )
        return results

    # --- the provider's side ---

    async def _serve_gateway(
        self, call_id: str, number: int, path: str, caller: Connection
    ) -> None:
        body = await caller.body()
        call = self._portkey.call(call_id)
        if call is None:
            await caller.respond(broken())
            return
        target = call.resolution.targets[number]
        request = UpstreamRequest(
            method=caller.method,
            path=caller.with_query(path),
            headers=caller.headers,
            body=body,
        )
        try:
            await self._answer_for(call, target, request, caller)
        except PortkeyError as refusal:
            await caller.respond(json_response(refusal.body, status=refusal.status))

    async def _answer_for(
        self, call: GatewayCall, target: Target, request: UpstreamRequest, caller: Connection
    ) -> None:
        def count(tokens: int) -> None:
            self._portkey.count(call, target, tokens)

        request = self._portkey.admit(call, target, request)
        host = upstream.other_host(target)
        if host is not None:
            await caller.until_disconnect(_forward(f"{host}{request.path}", request, count, caller))
            return
        reply = upstream.answer(target, request)
        reply.steps = upstream.counted(reply.steps, count)
        await caller.respond(reply)


async def _forward(
    url: str, request: UpstreamRequest, count: Callable[[int], None], caller: Connection
) -> None:
    """Forward a call to a server on this machine, and count the tokens of the response."""

    async def answer(response: httpx.Response) -> AsyncIterator[bytes]:
        seen = bytearray()
        async for piece in response.aiter_raw():
            seen += piece
            yield piece
        count(upstream.tokens_used(bytes(seen)))

    async with send(request.method, url, request.headers, request.body) as response:
        await caller.relay(answer(response), response)


def _shown(request: Received) -> Mapping[str, Any]:
    """Return a request without keys, also without those in an inline config."""
    return {
        "method": request.method,
        "path": request.path,
        "headers": {
            name: masked(value) if name in _SECRET_HEADERS else _without_keys(value)
            for name, value in request.headers.items()
        },
        "body": request.body,
        "status": request.status,
    }


def _without_keys(text: str) -> str:
    return _API_KEY.sub(r'\1"********"', text)
