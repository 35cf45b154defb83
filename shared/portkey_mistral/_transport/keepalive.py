"""How long an idle connection is kept, and whether it can still be used."""

from __future__ import annotations

import select

__all__ = ["KEEP_SECONDS", "is_readable", "seconds_to_keep"]

KEEP_SECONDS = 30.0

_MARGIN = 1.0  # margin: the server's timer started earlier, and its close must not cross a request


def seconds_to_keep(keep_alive: str | None) -> float:
    """Return how long to keep a connection whose last response had this `Keep-Alive` header.

    Node.js closes an idle connection after 5 s by default, and announces that. A request on a connection that the
    server has just closed is lost, and a POST must not be sent again.
    """
    if keep_alive is None:
        return KEEP_SECONDS
    for part in keep_alive.split(","):
        name, _, seconds = part.partition("=")
        if name.strip().lower() == "timeout" and seconds.strip().isdecimal():
            return min(KEEP_SECONDS, int(seconds.strip()[:9]) - _MARGIN)
    return KEEP_SECONDS


if hasattr(select, "poll"):

    def is_readable(fileno: int) -> bool:
        """Whether data, or the end of the connection, has arrived on a socket."""
        poll = select.poll()
        poll.register(fileno, select.POLLIN)
        return bool(poll.poll(0))

else:  # Windows; elsewhere select() cannot take the file descriptors of a busy process

    def is_readable(fileno: int) -> bool:
        """Whether data, or the end of the connection, has arrived on a socket."""
        return bool(select.select([fileno], [], [], 0)[0])
