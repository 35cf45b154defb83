"""State that outlives a call: circuit breakers, cached answers and rate limits, of one process or shared by several.

`settings.state_url` lists the supported URLs.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import OrderedDict

from portkey_mistral.settings.state_url import check_state_url, is_redis
from portkey_mistral.state.base import State
from portkey_mistral.state.memory import MemoryState
from portkey_mistral.state.outage import SharedStateWarning

__all__ = ["MemoryState", "SharedStateWarning", "State", "connect"]

_MAX_STATES = 1000  # an application may name one for each of its tenants
_states: OrderedDict[str, State] = OrderedDict()
_registry = threading.Lock()


def connect(url: str) -> State:
    """Return the store of a URL, one per process. Nothing is sent yet. Only the 1000 most recently used are kept.

    Raises:
        ConfigurationError: the URL is not supported, or its library is not installed.
    """
    removed = None
    with _registry:
        state = _states.get(url)
        if state is None:
            state = _states[url] = _open(url)
            if len(_states) > _MAX_STATES:
                _, removed = _states.popitem(last=False)
        else:
            _states.move_to_end(url)
    if removed is not None:
        removed.close()
    return state


def _open(url: str) -> State:
    check_state_url(url)
    if not is_redis(url):
        return MemoryState()
    from portkey_mistral.state.redis import RedisState  # requires the extra [redis]

    return RedisState(url)


def _close_all() -> None:
    for state in _states.values():
        state.close()


def _reset_after_fork() -> None:
    """Drop the parent's stores: their locks may be held by threads that do not exist in the child."""
    global _registry  # noqa: PLW0603
    _registry = threading.Lock()
    _states.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_reset_after_fork)
