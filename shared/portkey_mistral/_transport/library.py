"""Chooses the HTTP library of a call: urllib3 (sync) and aiohttp (async), or httpx where it is needed.

httpx is used with a user's own client, with `transport="httpx"` or a SOCKS proxy, and if its transports are patched or
instrumented, so that the tool that patched them sees the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from portkey_mistral._providers import is_sandbox
from portkey_mistral._transport.instrumentation import patched_library
from portkey_mistral._transport.options import TransportOptions

__all__ = ["Library", "LibraryChoice", "choose_library", "is_socks"]

Library: TypeAlias = Literal["urllib3", "aiohttp", "httpx", "httpx2", "client", "sandbox"]


@dataclass(slots=True)
class LibraryChoice:
    """The library of a call, and the reason if it is not the default. `proxy` is the one that it has to use."""

    library: Library
    reason: str = ""
    proxy: str | None = field(default=None, repr=False)  # the URL may contain its password


def choose_library(options: TransportOptions, url: str, *, is_async: bool) -> LibraryChoice:
    """Choose the library for a call to a URL. Not cached, because httpx may be patched at any time."""
    if is_sandbox(url):
        return LibraryChoice("sandbox", "base_url is 'sandbox:'")
    client = options.http_async_client if is_async else options.http_client
    if client is not None:
        return LibraryChoice("client", "a client of your own was given")
    proxy = options.proxy_for(url)
    if options.library == "httpx":
        return LibraryChoice("httpx", "transport='httpx'", proxy)
    if proxy is not None and is_socks(proxy):
        return LibraryChoice("httpx", "the proxy speaks SOCKS", proxy)
    if (library := patched_library(is_async=is_async)) is not None:
        return LibraryChoice(
            "httpx2" if library == "httpx2" else "httpx",
            f"{library} is patched or instrumented",
            proxy,
        )
    return LibraryChoice("aiohttp" if is_async else "urllib3", proxy=proxy)


def is_socks(proxy: str) -> bool:
    return proxy.lower().startswith("socks")
