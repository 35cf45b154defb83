"""What outlives a call: circuit breakers, cached answers, rates. In this process, or shared by several.

memory:                  this process, all its clients
memory:NAME              the same, apart from the others
redis://HOST:PORT/DB     shared through a Redis server; `rediss://` over TLS. Needs the extra [redis]
"""

from __future__ import annotations

import atexit
import os
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.lazy import on_demand as _on_demand
from portkey_mistral.state.outage import SharedStateWarning
from portkey_mistral.state.urls import without_password

if TYPE_CHECKING:
    from portkey_mistral.state.memory import MemoryState
    from portkey_mistral.state.store import State
else:
    __getattr__, __dir__ = _on_demand(
        __name__,
        {"MemoryState": "portkey_mistral.state.memory", "State": "portkey_mistral.state.store"},
    )

__all__ = ["MemoryState", "SharedStateWarning", "State", "connect", "without_password"]

_states: dict[str, State] = {}
_registry = threading.Lock()


def connect(url: str) -> State:
    """Return the store of a URL, the same one for everybody in this process. Nothing is sent yet.

    Raises:
        ConfigurationError: for a URL of another kind, or one whose library is not installed.
    """
    state = _states.get(url)
    if state is None:
        with _registry:
            state = _states.get(url)
            if state is None:
                state = _states[url] = _open(url)
    return state


def _open(url: str) -> State:
    scheme, colon, _ = url.partition(":")
    match scheme + colon:
        case "memory:":
            from portkey_mistral.state.memory import MemoryState

            return MemoryState()
        case "redis:" | "rediss:":
            return _open_redis(url)
        case _:  # the URL is not shown: it may hold a password
            raise ConfigurationError(
                "state must be 'memory:', 'memory:NAME', 'redis://HOST:PORT/DB' or 'rediss://...' "
                "(the argument, or PORTKEY_MISTRAL_STATE)."
            )


def _open_redis(url: str) -> State:
    if find_spec("redis") is None:
        raise ConfigurationError(
            f"state={without_password(url)!r} needs the Redis client: "
            "pip install 'portkey-mistral[redis]'."
        )
    from portkey_mistral.state.redis import RedisState

    return RedisState(url)


def _close_all() -> None:
    for state in _states.values():
        state.close()


def _start_anew() -> None:
    """A forked child gets stores of its own: its parent's locks may be held by threads that are not there."""
    global _registry  # noqa: PLW0603
    _registry = threading.Lock()
    _states.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_start_anew)
