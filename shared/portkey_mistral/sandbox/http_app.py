"""The ASGI app that serves sandboxes: Mistral's API, and control endpoints for tests in other processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qs

from portkey_mistral.sandbox.access import check_origin, check_sends_json
from portkey_mistral.sandbox.asgi import App, Receive, Scope, Send, headers_of, read_body, respond
from portkey_mistral.sandbox.errors import RefusalError, envelope, method_not_allowed, not_found
from portkey_mistral.sandbox.faults import read_fault
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

if TYPE_CHECKING:
    from portkey_mistral.sandbox.sandbox import Sandbox

__all__ = ["make_app"]

Resolve: TypeAlias = "Callable[[str], tuple[Sandbox, str]]"

_API_PREFIXES = ("/v1", "/openai/v1")
_MAX_DIGITS = 9


def make_app(resolve: Resolve) -> App:
    """Return an app for the sandboxes that `resolve` finds by the path of a request.

    A response ends as soon as its client disconnects.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        await respond(_respond(resolve, scope, body), scope, receive, send)

    return app


def _respond(resolve: Resolve, scope: Scope, body: bytes) -> SandboxResponse:
    headers = headers_of(scope)
    sandbox, path = resolve(scope["path"])
    if path.startswith(_API_PREFIXES):
        query = scope["query_string"].decode("latin-1")
        return sandbox.handle(scope["method"], f"{path}?{query}", headers, body)
    check_origin(headers)
    return _control(sandbox, scope, path, body)


def _control(sandbox: Sandbox, scope: Scope, path: str, body: bytes) -> SandboxResponse:
    match path, scope["method"]:
        case "/faults", "POST":
            check_sends_json(headers_of(scope))
            sandbox.inject(read_fault(body), times=_times(scope["query_string"]))
            return json_response({"ordered": True})
        case "/faults", "DELETE":
            sandbox.reset()
            return json_response({"reset": True})
        case "/faults", _:
            raise method_not_allowed("POST, DELETE")
        case "/requests", "GET":
            return json_response(
                [{**each.snapshot(), "state": each.state} for each in sandbox.requests]
            )
        case "/requests", _:
            raise method_not_allowed("GET")
        case _:
            raise not_found()


def _times(query: bytes) -> int | None:
    text = parse_qs(query.decode("latin-1")).get("times", ["1"])[0]
    if text == "always":
        return None
    if text.isdecimal() and len(text) <= _MAX_DIGITS and int(text):
        return int(text)
    message = f'times must be a number from 1 or "always", not {text[:50]!r}'
    raise RefusalError(400, envelope(400, message, "invalid_sandbox_fault", None))
