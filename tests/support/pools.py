"""Looks into the pools of connections, of our own carriers and of stock httpx."""

from __future__ import annotations

from portkey_mistral._transport.carriers import AsyncCarrier, Carrier
from portkey_mistral._transport.http1.blocking import DirectCarrier
from portkey_mistral._transport.http1.on_loop import AsyncDirectCarrier

__all__ = ["busy"]


def busy(carrier: Carrier | AsyncCarrier) -> int:
    """Count the connections that carry an answer, or wait to be closed."""
    if isinstance(carrier, DirectCarrier | AsyncDirectCarrier):
        return len(carrier._busy)
    pool = carrier.client._transport._pool  # type: ignore[union-attr,attr-defined]
    return sum(not each.is_idle() for each in pool.connections)
