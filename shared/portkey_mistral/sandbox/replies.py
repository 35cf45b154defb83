"""What the sandbox sends: a status, headers, and a body that may pause or break off on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic_core import to_json

__all__ = ["Drop", "Pause", "Reply", "Step", "json_reply"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing comes for this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends here. "refused" and "timeout" are about its opening: only in process."""

    how: Literal["reset", "refused", "timeout"] = "reset"


Step: TypeAlias = bytes | Pause | Drop


def _nothing(_complete: bool) -> None:
    """Stand for a reply of which nobody keeps account."""


@dataclass(slots=True)
class Reply:
    """`before` happens before the headers are sent, `steps` after them.

    Whoever carries a reply has to close it, so that the sandbox sees which answers were read to the end.
    """

    status: int
    headers: Mapping[str, str]
    steps: Iterator[Step]
    before: tuple[Pause | Drop, ...] = ()
    on_close: Callable[[bool], None] = _nothing
    _complete: bool = False

    def __iter__(self) -> Iterator[Step]:
        yield from self.steps
        self._complete = True

    def close(self) -> None:
        """Tell the sandbox that nobody reads on. Harmless when called again."""
        on_close, self.on_close = self.on_close, _nothing
        on_close(self._complete)

    def read(self) -> bytes:
        """Return the whole body at once, without waiting; for tests of the handler itself."""
        body = b"".join(step for step in self if isinstance(step, bytes))
        self.close()
        return body


def json_reply(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    return Reply(
        status, {"content-type": "application/json", **(headers or {})}, iter((to_json(body),))
    )
