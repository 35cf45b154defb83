"""Connects a socket to the first of a host's addresses that answers (RFC 8305, "happy eyeballs").

asyncio has a race of its own, but it forgets the socket that has won when it is cancelled before it is done
with those that have lost.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any, TypeAlias

__all__ = ["dial"]

HEAD_START = 0.25  # seconds until the next address is tried beside the one before

_Address: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""An entry of `getaddrinfo`."""


async def dial(host: str, port: int) -> socket.socket:
    """Return a connected socket; cancelled at any point, it leaves none behind.

    Raises:
        OSError: the host has no address, or the last fault of all of them.
    """
    first, *others = _in_turns(await _addresses(host, port))
    return await (_race([first, *others]) if others else _reach(first))


async def _addresses(host: str, port: int) -> Sequence[_Address]:
    try:
        # What is an address already needs no thread to be looked up in.
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _in_turns(addresses: Sequence[_Address]) -> list[_Address]:
    """Take IPv6 and IPv4 by turns, each in its order: one of the two may lead nowhere at all."""
    kinds = dict.fromkeys(address[0] for address in addresses)
    each = [[address for address in addresses if address[0] == kind] for kind in kinds]
    return [address for address in chain(*zip_longest(*each)) if address is not None]


async def _race(addresses: Sequence[_Address]) -> socket.socket:
    tasks: list[asyncio.Task[socket.socket]] = []
    running: set[asyncio.Task[socket.socket]] = set()
    winner: asyncio.Task[socket.socket] | None = None
    left = iter(addresses)
    try:
        while True:
            if (address := next(left, None)) is not None:
                tasks.append(asyncio.ensure_future(_reach(address)))
                running.add(tasks[-1])
            done, running = await asyncio.wait(
                running,
                timeout=None if address is None else HEAD_START,
                return_when=asyncio.FIRST_COMPLETED,
            )
            winner = next((task for task in done if task.exception() is None), None)
            if winner is not None:
                return winner.result()
            if len(tasks) == len(addresses) and not running:
                return tasks[-1].result()  # raises its fault
    finally:
        for task in tasks:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_discard)


async def _reach(address: _Address) -> socket.socket:
    family, kind, protocol, _, where = address
    reached = socket.socket(family, kind, protocol)
    try:
        reached.setblocking(False)
        await asyncio.get_running_loop().sock_connect(reached, where)
    except BaseException:
        reached.close()
        raise
    return reached


def _discard(task: asyncio.Task[socket.socket]) -> None:
    """Close what was reached too late, or while nobody was there any more to take it."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
