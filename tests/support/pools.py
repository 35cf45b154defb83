"""Looks into the pools of transports."""

from __future__ import annotations

from portkey_mistral._transport.base import AsyncTransport, Transport
from portkey_mistral._transport.httpx_transport import AsyncHttpxTransport, HttpxTransport

__all__ = ["busy"]


def busy(transport: Transport | AsyncTransport) -> int:
    """Count the connections that carry a response, or wait to be closed."""
    if isinstance(transport, HttpxTransport | AsyncHttpxTransport):
        pool = transport.client._transport._pool  # type: ignore[union-attr]
        return sum(not each.is_idle() for each in pool.connections)
    return transport.in_flight
