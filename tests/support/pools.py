"""Looks into the pools of connections, of our own transports and of stock httpx."""

from __future__ import annotations

import httpx

from portkey_mistral._transport.http1.clients import AsyncDirectClient, DirectClient

__all__ = ["busy"]


def busy(client: httpx.Client | httpx.AsyncClient) -> int:
    """Count the connections that carry an answer, or wait to be closed."""
    if isinstance(client, DirectClient | AsyncDirectClient):
        return len(client._direct._busy)
    return sum(not each.is_idle() for each in client._transport._pool.connections)  # type: ignore[attr-defined]
