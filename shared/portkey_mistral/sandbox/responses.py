"""A response of the sandbox: status, headers, and a body that may pause or break off midway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic_core import to_json

__all__ = ["Drop", "Pause", "SandboxResponse", "Step", "json_response"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks here. "refused" and "timeout" happen while connecting, in process only."""

    how: Literal["reset", "refused", "timeout"] = "reset"


Step: TypeAlias = bytes | Pause | Drop


def _ignore(_complete: bool) -> None:
    """Default for `SandboxResponse.on_close`."""


@dataclass(slots=True)
class SandboxResponse:
    """`before` happens before the headers are sent, `steps` after them.

    The transport must close it, so that the sandbox knows which responses were read to the end.
    """

    status: int
    headers: Mapping[str, str]
    steps: Iterator[Step]
    before: tuple[Pause | Drop, ...] = ()
    on_close: Callable[[bool], None] = _ignore
    _complete: bool = False

    def __iter__(self) -> Iterator[Step]:
        yield from self.steps
        self._complete = True

    def close(self) -> None:
        """Report to the sandbox that reading has ended. Idempotent."""
        on_close, self.on_close = self.on_close, _ignore
        on_close(self._complete)

    def read(self) -> bytes:
        """Return the whole body without pausing; for tests of the handler itself."""
        body = b"".join(step for step in self if isinstance(step, bytes))
        self.close()
        return body


def json_response(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> SandboxResponse:
    return SandboxResponse(
        status, {"content-type": "application/json", **(headers or {})}, iter((to_json(body),))
    )
