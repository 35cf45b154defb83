"""Who may use the sandbox over HTTP. It records prompts and accepts faults, so no web page may reach it.

A page of any site can send requests to a server on the user's machine. Two checks keep it out, as those of
Jupyter and Ollama do: the `Host` header must be a name that no public site can have (or DNS rebinding would
make the page's own name lead here), and control requests must not come from another origin nor be
something that a form can send.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from portkey_mistral.sandbox.errors import RefusalError, envelope

__all__ = ["MAX_BODY_BYTES", "check_body_size", "check_host", "check_origin", "check_sends_json"]

MAX_BODY_BYTES = 64 * 2**20

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-fA-F:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?")
# Reserved for local use (RFC 6761, RFC 6762, ICANN's reservation of .internal).
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")


def check_host(headers: Mapping[str, str], allowed: Collection[str] = ()) -> None:
    """Raise 421 unless the `Host` header is an address, a local name or an allowed one.

    A request without it (HTTP/1.0) comes from no browser.
    """
    given = headers.get("host")
    if given is not None and not _is_local(host := _host_name(given)) and host not in allowed:
        raise _refusal(
            421,
            f"This sandbox does not serve the host {given[:100]!r}. Use an IP address or localhost, or allow "
            "the name: portkey-mistral sandbox --allow-host NAME.",
        )


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise 403 for a request that a page of another origin sends."""
    origin = headers.get("origin")
    foreign = (
        origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    )
    if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise _refusal(403, "Pages of another origin cannot control the sandbox.")


def check_sends_json(headers: Mapping[str, str]) -> None:
    """Raise 415 unless the body is declared as JSON, which a form cannot do."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise _refusal(415, "Send JSON with the header content-type: application/json.")


def check_body_size(size: int) -> None:
    """Raise 413 for a body that is too large."""
    if size > MAX_BODY_BYTES:
        raise _refusal(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")


def _host_name(header: str) -> str:
    found = _HOST.fullmatch(header)
    return (found["address"] or found["name"]).lower() if found else ""


def _is_local(host: str) -> bool:
    if not host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # A name without a dot is one of the local network, such as a service of Docker Compose.
        return "." not in host or host.endswith(_LOCAL_SUFFIXES)
    return True


def _refusal(status: int, message: str) -> RefusalError:
    return RefusalError(status, envelope(status, message, "sandbox_access_denied", None))
