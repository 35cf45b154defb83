"""Keeps httpcore's pool whole when tasks are cancelled.

In httpcore 1.0.9 a cancellation that comes at a bad moment leaves a connection in the pool that nobody uses
and nobody may use again; when all places are taken like that, every request waits in vain until the process
is restarted (encode/httpcore issues 658 and 1093). There are two such moments: while a body is closed, and
after a connection was made for a request but before the request has got it.
"""

# pyright: reportPrivateUsage=false
# httpcore has no public way to mend its pool.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import httpcore

__all__ = ["UncutClosing", "reclaim"]


class UncutClosing(httpx.AsyncByteStream):
    """A body that is closed in a task of its own, to the end, whoever is cancelled meanwhile."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            yield data

    async def aclose(self) -> None:
        closing = asyncio.ensure_future(self._stream.aclose())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])
            raise


async def reclaim(client: httpx.AsyncClient) -> None:
    """Take the connections out of a client's pools that a cancelled request has left behind."""
    for pool in _pools(client):
        used = {id(request.connection) for request in pool._requests}  # noqa: SLF001
        lost = [
            connection
            for connection in pool.connections
            if id(connection) not in used
            and not (connection.is_idle() or connection.is_closed() or connection.has_expired())
        ]
        for connection in lost:
            pool._connections.remove(connection)  # noqa: SLF001
        # Requests may be waiting for the places that are free now.
        closing = pool._assign_requests_to_connections() if lost else []  # noqa: SLF001
        for connection in [*lost, *closing]:
            await connection.aclose()


def _pools(client: httpx.AsyncClient) -> Iterator[httpcore.AsyncConnectionPool]:
    """Find the pools; a transport of the user's own may have none."""
    import httpcore  # 0.2 s, and only stock httpx needs it

    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore.AsyncConnectionPool):
            yield pool
