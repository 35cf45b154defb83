"""The stack level of warnings, which should point to the user's own code."""

from __future__ import annotations

import inspect

__all__ = ["user_stacklevel"]

_NOT_USER_CODE = (
    "portkey_mistral",
    "langchain",
    "llama_index",
    "llamaindex_portkey_mistral",
    "langgraph",
    "pydantic",
    "asyncio",
    "concurrent",
    "threading",
    "wrapt",
)


def user_stacklevel() -> int:
    """Return the `stacklevel`, as seen from our caller, of the nearest frame in the user's own code."""
    # Python 3.12 has skip_file_prefixes for this.
    here = inspect.currentframe()
    frame, level = here and here.f_back, 1
    while frame and frame.f_back and frame.f_globals["__name__"].startswith(_NOT_USER_CODE):
        frame, level = frame.f_back, level + 1
    return level
