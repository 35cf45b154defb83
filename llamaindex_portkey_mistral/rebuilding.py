"""Copies that work: pickled for a worker process, or copied deeply.

Core's own pickling deletes what does not pickle from the living object, and swallows a failed rebuild,
which leaves an object without its parts. Both are replaced here.
"""

from __future__ import annotations

import logging
import pickle
from typing import Any, Self

from pydantic import BaseModel

__all__ = ["Rebuildable"]

_logger = logging.getLogger(__name__)

# Fields that may hold sockets, locks or TLS state, which belong to one process.
_PROCESS_BOUND = (
    "http_client",
    "http_async_client",
    "ssl_context",
    "callback_manager",
    "rate_limiter",
    "embeddings_cache",
)


class Rebuildable(BaseModel):
    """Goes before core's classes among the bases. Keys travel with a pickle; they stand in no dump."""

    def __getstate__(self) -> dict[Any, Any]:
        fields = {
            name: value if _travels(name, value) else _default(type(self), name)
            for name, value in self.__dict__.items()
        }
        return {**BaseModel.__getstate__(self), "__dict__": fields}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        # Not through __init__: that would look at the worker's environment and could go another way.
        BaseModel.__setstate__(self, state)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        # What is bound to the process is shared: there is no second socket to a copy.
        bound = [value for name in _PROCESS_BOUND if (value := self.__dict__.get(name)) is not None]
        memo |= {id(value): value for value in bound}
        return super().__deepcopy__(memo)


def _default(cls: type[BaseModel], name: str) -> Any:
    return cls.model_fields[name].get_default(call_default_factory=True)


def _travels(name: str, value: Any) -> bool:
    if name not in _PROCESS_BOUND or value is None:
        return True
    try:
        pickle.dumps(value)
    except (TypeError, AttributeError, pickle.PicklingError):
        _logger.warning("%s does not pickle and stays behind; set it anew in the worker.", name)
        return False
    return True
