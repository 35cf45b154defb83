"""The settings of connections: proxy, TLS, and the user's own clients."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from portkey_mistral.settings.proxies import EnvironmentProxies

if TYPE_CHECKING:
    import httpx

__all__ = ["TransportOptions"]


@dataclass(slots=True)
class TransportOptions:
    """The settings that determine the transport of a call. A user's own client is used as it is."""

    proxy: str | None = field(default=None, repr=False)
    ssl_context: ssl.SSLContext | None = None
    http_client: httpx.Client | None = None
    http_async_client: httpx.AsyncClient | None = None
    library: Literal["auto", "httpx"] = "auto"
    environment_proxies: EnvironmentProxies = field(default_factory=EnvironmentProxies)

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy for a URL: the setting, else the environment's."""
        return self.proxy or self.environment_proxies.proxy_for(url)

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context: the user's own, else the environment's."""
        return self.ssl_context or _default_ssl_context(*_certificates())

    def tls_key(self) -> object:
        """Return a key that identifies these TLS settings."""
        return self.ssl_context or _certificates()


def _certificates() -> tuple[str | None, str | None]:
    """Return the file and the directory of CA certificates from the environment."""
    return os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None


@lru_cache(maxsize=8)
def _default_ssl_context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """Return a context that trusts SSL_CERT_FILE or SSL_CERT_DIR, else certifi's authorities, as httpx does."""
    if cert_file or cert_dir:
        return ssl.create_default_context(cafile=cert_file, capath=cert_dir)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
