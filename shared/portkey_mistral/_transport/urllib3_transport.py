"""The sync transport: urllib3.

`urllib3_connections.py` opens, keeps and reads its connections; `urllib3_errors.py` converts its errors.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.util import make_headers

from portkey_mistral._transport.address import Address, Origin, joined, parse_url
from portkey_mistral._transport.base import PoolTimeout, Timeouts, without_frames
from portkey_mistral._transport.encoding import decoder_for
from portkey_mistral._transport.urllib3_connections import (
    PIECE,
    POOLS,
    Exchange,
    IdleConnections,
    StaleConnectionError,
    current_exchange,
    seconds_to_wait,
)
from portkey_mistral._transport.urllib3_errors import FAULTS, transport_error
from portkey_mistral._wire.http_request import HTTPRequest

__all__ = ["Urllib3Response", "Urllib3Transport"]

MAX_CONNECTIONS = 1000
"""Maximum number of requests in flight per transport, to protect file descriptors."""

# `Retry(False)` returns every response as it is and raises errors unwrapped; `0` would wrap them.
_NEVER = urllib3.Retry(False, redirect=False)


class Urllib3Transport:
    """Connections to any number of hosts, directly or through one proxy."""

    def __init__(
        self,
        ssl_context: Callable[[], ssl.SSLContext],
        *,
        proxy: str | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._ssl_context, self._proxy = ssl_context, proxy
        self._pools: dict[Origin, urllib3.HTTPConnectionPool] = {}
        self._slots = threading.Semaphore(max_connections)
        # Strong references: the garbage collector must not close a socket under the generator that reads it.
        self._open: set[Urllib3Response] = set()

    @property
    def in_flight(self) -> int:
        """How many responses are open."""
        return len(self._open)

    def send(
        self, request: HTTPRequest, timeouts: Timeouts, head_until: float | None = None
    ) -> Urllib3Response:
        address = parse_url(request.url)
        if not self._slots.acquire(timeout=seconds_to_wait(timeouts.pool, head_until)):
            raise PoolTimeout("Too many requests are in flight.")
        try:
            response = self._send(address, request, timeouts, head_until)
        except BaseException:
            self._slots.release()
            raise
        self._open.add(response)
        return response

    def _send(
        self, address: Address, request: HTTPRequest, timeouts: Timeouts, head_until: float | None
    ) -> Urllib3Response:
        while True:
            exchange = Exchange(timeouts, head_until, size=len(request.body or b""))
            try:
                return Urllib3Response(self, exchange, self._urlopen(address, request, exchange))
            except StaleConnectionError:
                continue  # each of these closed one idle connection, so the loop ends
            except FAULTS as fault:
                raise transport_error(fault, is_sent=exchange.is_sent) from without_frames(fault)

    def _urlopen(
        self, address: Address, request: HTTPRequest, exchange: Exchange
    ) -> urllib3.BaseHTTPResponse:
        pool = self._pools.get(address.origin)
        if pool is None:
            # Two threads may both create one; `setdefault` makes them use the same.
            pool = self._pools.setdefault(address.origin, self._new_pool(address.origin))
        is_forwarded = self._proxy is not None and address.origin.scheme == "http"
        token = current_exchange.set(exchange)
        try:
            return pool.urlopen(
                request.method,
                address.url if is_forwarded else address.target,
                body=request.body,
                # A fresh dict: instrumentation (ddtrace) writes the trace of this one request into it.
                headers={**address.headers, **request.headers},
                retries=_NEVER,
                redirect=False,
                assert_same_host=False,
                timeout=exchange.urllib3_timeout(),
                preload_content=False,
                decode_content=False,
            )
        finally:
            current_exchange.reset(token)

    def _new_pool(self, origin: Origin) -> urllib3.HTTPConnectionPool:
        tls: dict[str, Any] = {}
        if origin.scheme == "https":
            tls["ssl_context"] = self._ssl_context()
        if self._proxy is None:
            make: type[urllib3.HTTPConnectionPool] = POOLS[origin.scheme]
            return make(origin.host, origin.port, **tls)
        proxy = urlsplit(self._proxy)
        manager = urllib3.ProxyManager(
            proxy._replace(netloc=proxy.netloc.rpartition("@")[2]).geturl(),
            proxy_headers=_proxy_headers(proxy.username, proxy.password),
            proxy_ssl_context=self._ssl_context() if proxy.scheme == "https" else None,
            **tls,
        )
        manager.pool_classes_by_scheme = POOLS
        return manager.connection_from_host(origin.host, origin.port, origin.scheme)

    def close_expired(self) -> None:
        """Close idle connections of all hosts that the server has closed, or that have been idle for too long."""
        for pool in list(self._pools.values()):
            if isinstance(pool.pool, IdleConnections):
                pool.pool.close_expired()

    def close(self) -> None:
        """Close the idle connections; those in use are closed with their responses."""
        for pool in list(self._pools.values()):
            pool.close()
        self._pools.clear()

    def release(self, response: Urllib3Response) -> None:
        """Release the slot of a closed response."""
        self._open.discard(response)
        self._slots.release()


class Urllib3Response:
    """A response whose body is read as it arrives."""

    def __init__(
        self, transport: Urllib3Transport, exchange: Exchange, raw: urllib3.BaseHTTPResponse
    ) -> None:
        self._transport, self._exchange, self._raw = transport, exchange, raw
        self._is_open = True
        self.status = raw.status
        self.headers: Mapping[str, str] = joined(raw.headers.items())
        exchange.limit_reads(exchange.timeouts.read, None)

    def limit_reads(self, seconds: float | None, until: float | None = None) -> None:
        self._exchange.limit_reads(seconds, until)

    def chunks(self) -> Iterator[bytes]:
        try:
            decoder = decoder_for(self.headers)
            # A recording (vcrpy) has no `length_remaining`.
            has_length = getattr(self._raw, "length_remaining", None) is not None
            while data := self._raw.read1(PIECE):
                if decoder is None:
                    yield data
                else:
                    yield from decoder.feed(data)
                if has_length and self._raw.length_remaining == 0:
                    break
            if decoder is not None:
                decoder.finish()
        except FAULTS as fault:
            raise transport_error(fault, is_sent=self._exchange.is_sent) from without_frames(fault)
        finally:
            self.close()

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            # None once the body was read to its end, and if the response is a recording (vcrpy).
            if getattr(self._raw, "connection", None) is not None:
                self._raw.close()
                self._raw.release_conn()
        finally:
            self._transport.release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _proxy_headers(username: str | None, password: str | None) -> Mapping[str, str]:
    if username is None:
        return {}
    return make_headers(proxy_basic_auth=f"{unquote(username)}:{unquote(password or '')}")
