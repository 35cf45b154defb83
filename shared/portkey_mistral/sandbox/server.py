"""The sandbox over HTTP.

`http://HOST:PORT/v1` is the sandbox "default" and `http://HOST:PORT/s/NAME/v1` the one called NAME, so
that one server can stand for several targets. `/openai/v1` instead of `/v1` takes OpenAI's dialect. Control endpoints, for tests in other processes:

    POST   /s/NAME/faults?times=N   inject a fault as JSON (see `Fault`) into the next N requests, or "always"
    DELETE /s/NAME/faults           remove scripted faults and answers and recorded requests
    GET    /s/NAME/requests         the recorded requests: method, path, body, status, state
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from portkey_mistral.sandbox.asgi import run_app, running_app
from portkey_mistral.sandbox.http_app import make_app
from portkey_mistral.sandbox.sandbox import resolve

__all__ = ["app", "running", "serve"]

app = make_app(resolve)
"""The ASGI app that serves the sandboxes of this process."""


def serve(
    host: str = "127.0.0.1", port: int = 8765, *, allowed_hosts: Collection[str] = ()
) -> None:
    """Serve until interrupted. Port 0 selects a free one; uvicorn logs which.

    `allowed_hosts` are host names to serve besides addresses and names of the local network.
    """
    run_app(app, host, port, allowed_hosts)


@contextmanager
def running(
    host: str = "127.0.0.1", port: int = 0, *, allowed_hosts: Collection[str] = ()
) -> Iterator[str]:
    """Serve in a thread while the block runs; yields the root URL, such as `http://127.0.0.1:40123`.

    It serves the sandboxes of this process, which `portkey_mistral.sandbox.get(name)` returns. `allowed_hosts` is that
    of `serve`.
    """
    with running_app(app, host, port, allowed_hosts) as url:
        yield url
