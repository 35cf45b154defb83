"""The servers of a call, as telemetry names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from portkey_mistral._providers import host_of_target
from portkey_mistral.config.values import leaves

if TYPE_CHECKING:
    from portkey_mistral._transport.call import Call
    from portkey_mistral._transport.results import FinishedAttempt

__all__ = ["Server", "first_server", "host_of", "server_of", "visible_url"]

_PORTS = {"http": 80, "https": 443}


class Server(NamedTuple):
    """The `server.address` and `server.port`; a sandbox has no port."""

    address: str
    port: int | None = None


def server_of(url: str) -> Server:
    """Return the server of a URL. A sandbox is named as in the settings, `sandbox:primary`."""
    parts = urlsplit(url)
    if parts.scheme == "sandbox":
        # sandbox://local/s/NAME/v1/... as its transport has it, or sandbox:NAME as in the settings
        name = parts.path.split("/")[2] if parts.netloc else parts.path.partition("/")[0]
        return Server(f"sandbox:{name or 'default'}")
    return Server(parts.hostname or "", parts.port or _PORTS.get(parts.scheme))


def first_server(call: Call[Any]) -> Server | None:
    """Return the server that a call asks first, as far as that is known before its plan is followed."""
    if call.mode == "gateway":
        return server_of(call.default_url)
    target = next(leaves(call.root))
    url = host_of_target(target.provider, target.custom_host, call.default_url)
    return None if url is None else server_of(url)


def host_of(finished: FinishedAttempt[Any]) -> str:
    """Return host and port as in the URL of an attempt; empty if nothing was to be sent."""
    wire_request = finished.wire_request
    if wire_request is None:
        return ""
    url = wire_request.request.url
    server = server_of(url)
    return server.address if server.port is None else urlsplit(url).netloc.rpartition("@")[2]


def visible_url(url: str) -> str:
    """Return a URL without name, password, query and fragment, each of which may hold a key."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
