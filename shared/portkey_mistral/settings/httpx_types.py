"""Types of httpx and httpx2 as pydantic fields. Neither library is imported here.

Most calls need neither of them, and importing one takes as long as importing this package.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

__all__ = ["MAX_SECONDS", "AsyncClient", "Client", "Timeout", "is_seconds", "is_timeout"]

MAX_SECONDS = 1e9
"""Below `threading.TIMEOUT_MAX`, which is the longest that a thread can wait."""


class _HttpxType:
    """Validates that a value is an instance of the class of this name, of httpx or httpx2."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"httpx.{self._name}"

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: object) -> object:
        if not _is_httpx(value, self._name):
            raise PydanticKnownError("is_instance_of", {"class": self._name})
        return value


def _is_httpx(value: object, name: str) -> bool:
    # If there is an instance, its library has been imported. The class's `__module__` is not reliable: OpenAI's SDK
    # overwrites that of httpx.Timeout.
    libraries = (sys.modules.get(library) for library in ("httpx", "httpx2"))
    classes = (getattr(library, name, None) for library in libraries)
    return any(isinstance(cls, type) and isinstance(value, cls) for cls in classes)


if TYPE_CHECKING:
    from httpx import AsyncClient, Client, Timeout
else:
    Client = Annotated[Any, _HttpxType("Client")]
    AsyncClient = Annotated[Any, _HttpxType("AsyncClient")]
    Timeout = Annotated[Any, _HttpxType("Timeout")]


def is_seconds(value: object) -> bool:
    """Whether a value is a positive number of seconds that a thread can wait for."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_SECONDS
    )


def is_timeout(value: object) -> bool:
    """Whether a value is an `httpx.Timeout` of valid limits: seconds, or None for no limit."""
    return _is_httpx(value, "Timeout") and all(
        limit is None or limit == 0 or is_seconds(limit)
        for limit in cast("Timeout", value).as_dict().values()
    )
