"""Proxies from the environment, and the hosts that bypass them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies

__all__ = ["EnvironmentProxies"]


@dataclass(frozen=True, slots=True)
class EnvironmentProxies:
    """The proxies of HTTP_PROXY, HTTPS_PROXY and ALL_PROXY (on macOS and Windows also the system's), and NO_PROXY."""

    http: str | None = field(default=None, repr=False)  # the URL may contain the proxy's password
    https: str | None = field(default=None, repr=False)
    no_proxy: str = ""

    @classmethod
    def read(cls) -> EnvironmentProxies:
        """Read the current environment."""
        found = getproxies()
        everywhere = found.get("all")
        return cls(
            http=_url(found.get("http") or everywhere),
            https=_url(found.get("https") or everywhere),
            no_proxy=found.get("no", ""),
        )

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy for a URL; None for a direct connection."""
        proxy = self.https if url.lower().startswith("https:") else self.http
        if proxy is None or (self.no_proxy and _is_exempt(self.no_proxy, url)):
            return None
        return proxy


@lru_cache(maxsize=256)  # every call asks, and an application calls few URLs
def _is_exempt(no_proxy: str, url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    entries = no_proxy.lower().replace(",", " ").split()
    return any(_covers(entry, host, port) for entry in entries)


def _url(proxy: str | None) -> str | None:
    """Complete `host:port`, a form that curl and others also accept."""
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY matches a host. Entries have the same forms as in curl: `*`, a domain, which
    includes its subdomains, an address, or a network; all but the last with an optional port.
    """
    if entry == "*":
        return True
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        return _is_in(host, network)
    name, colon, suffix = entry.rpartition(":")
    if colon and suffix.isdecimal():
        return port == int(suffix) and _covers(name, host, port)
    name = entry.lstrip(".*").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_in(host: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False
