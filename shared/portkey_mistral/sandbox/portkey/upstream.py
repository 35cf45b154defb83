"""The provider's side: answers the gateway's calls to a target.

The answer is a refusal by the target's policy, or comes from the sandbox of its name or from another host on this
machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from portkey_mistral.sandbox import get
from portkey_mistral.sandbox.portkey.definition import SUPPORTED_PROVIDERS
from portkey_mistral.sandbox.portkey.errors import unsupported
from portkey_mistral.sandbox.portkey.targets import Target
from portkey_mistral.sandbox.responses import SandboxResponse, Step

__all__ = [
    "UpstreamRequest",
    "answer",
    "counted",
    "other_host",
    "sandbox_name",
    "tokens_used",
    "with_hosted_extras",
]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# The gateway's header for a target without a key. The sandbox would accept it, as it accepts any key.
_NO_KEY = "Bearer undefined"
_TOTAL_TOKENS = re.compile(rb'"total_tokens"\s*:\s*(\d+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """One call of the gateway to a target. `path` follows the base URL of the provider."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes


def sandbox_name(target: Target) -> str:
    """Return the sandbox that answers for a target: that of its slug, or of a raw provider."""
    if target.slug is not None:
        return target.slug
    return "default" if target.provider == "mistral-ai" else str(target.provider)


def other_host(target: Target) -> str | None:
    """Return the host of a target if it is on this machine; the sandbox answers for any other."""
    host = target.host
    return host if host and urlsplit(host).hostname in _LOOPBACK else None


def with_hosted_extras(
    target: Target, stored: Mapping[str, str], request: UpstreamRequest, *, unified: bool
) -> UpstreamRequest:
    """Add the parts of a request that hosted Portkey sends to a provider, but the open-source gateway does not.

    These are the headers stored with the provider and, on the unified route, Mistral's `response_format`, which hosted
    Portkey passes on since April 2026.
    """
    headers = {**request.headers, **{name.lower(): value for name, value in stored.items()}}
    body = request.body
    wanted = target.body.get("response_format")
    if (
        unified
        and wanted is not None
        and (target.provider, request.path) == ("mistral-ai", "/chat/completions")
    ):
        body = json.dumps({**json.loads(body), "response_format": wanted}).encode()
    return replace(request, headers=headers, body=body)


def answer(target: Target, request: UpstreamRequest) -> SandboxResponse:
    """Return the sandbox's answer for a provider.

    Raises:
        PortkeyError: the sandbox does not implement the provider's API.
    """
    if target.provider not in SUPPORTED_PROVIDERS:
        raise unsupported(f"the provider {target.provider!r} without a custom_host on this machine")
    box = get(sandbox_name(target))
    prefix = "/openai/v1" if target.provider == "openai" else "/v1"
    if request.headers.get("authorization") == _NO_KEY:
        request = replace(request, headers={**request.headers, "authorization": ""})
    return box.handle(request.method, prefix + request.path, request.headers, request.body)


def counted(steps: Iterator[Step], count: Callable[[int], None]) -> Iterator[Step]:
    """Yield the steps of a response, and count the tokens that it reports."""
    seen = bytearray()
    for step in steps:
        if isinstance(step, bytes):
            seen += step
        yield step
    count(tokens_used(bytes(seen)))


def tokens_used(answer: bytes) -> int:
    """Return `total_tokens` of a response, or of the last event of a stream that has it."""
    found = _TOTAL_TOKENS.findall(answer)
    return int(found[-1]) if found else 0
