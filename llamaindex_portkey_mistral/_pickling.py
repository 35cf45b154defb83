"""Pickling and deep copying that keep an object usable.

LlamaIndex's `BaseComponent.__getstate__` deletes attributes that do not pickle from the live object, and its
`__setstate__` swallows a failed rebuild and leaves a broken object. Both are replaced here.
"""

from __future__ import annotations

import logging
import pickle
from typing import Any, Self

from pydantic import BaseModel

__all__ = ["PicklableMixin"]

_logger = logging.getLogger(__name__)

# Fields that may hold sockets, locks or TLS state, none of which can leave the process.
_PROCESS_BOUND = (
    "http_client",
    "http_async_client",
    "ssl_context",
    "callback_manager",
    "rate_limiter",
    "embeddings_cache",
)


class PicklableMixin(BaseModel):
    """Must come before LlamaIndex's classes among the bases. A pickle contains the keys; `to_dict` does not."""

    def __getstate__(self) -> dict[Any, Any]:
        fields = {
            name: value if _can_pickle(name, value) else _default(type(self), name)
            for name, value in self.__dict__.items()
        }
        return {**BaseModel.__getstate__(self), "__dict__": fields}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        # `__init__` would read the environment of the worker process and could choose another mode.
        BaseModel.__setstate__(self, state)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        # Copies share objects that are bound to the process, such as HTTP clients.
        shared = [
            value for name in _PROCESS_BOUND if (value := self.__dict__.get(name)) is not None
        ]
        memo |= {id(value): value for value in shared}
        return super().__deepcopy__(memo)


def _default(cls: type[BaseModel], name: str) -> Any:
    return cls.model_fields[name].get_default(call_default_factory=True)


def _can_pickle(name: str, value: Any) -> bool:
    if name not in _PROCESS_BOUND or value is None:
        return True
    try:
        pickle.dumps(value)
    except (TypeError, AttributeError, pickle.PicklingError):
        _logger.warning("%s cannot be pickled and is left out; set it again in the worker.", name)
        return False
    return True
