"""Looks into httpx's pools of connections."""

from __future__ import annotations

import httpx

__all__ = ["busy"]


def busy(client: httpx.Client | httpx.AsyncClient) -> int:
    """Count the connections that carry an answer, or wait to be closed."""
    return sum(not each.is_idle() for each in client._transport._pool.connections)  # type: ignore[attr-defined]
