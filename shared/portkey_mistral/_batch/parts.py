"""Splits requests into parts, one for each job at Mistral: of one endpoint, one model, and a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256

__all__ = ["MAX_INLINE", "Line", "Part", "split"]

MAX_INLINE = 10_000
"""Maximum number of requests in the body of a job; more are uploaded as a file (Mistral's documentation, "Batch
inference")."""
MAX_LINES = 1_000_000
"""Maximum number of pending requests per workspace."""
MAX_BYTES = 32 * 2**20
"""Maximum total size of the requests of one part, which is in memory while it is sent. Mistral's own limit is 512
MB."""


@dataclass(frozen=True, slots=True)
class Line:
    """One encoded request, as a line of JSON. `estimate` is the most that it may cost in USD; None if not known."""

    endpoint: str
    model: str
    data: bytes
    estimate: Decimal | None


@dataclass(slots=True)
class Part:
    """The requests of one job, as lines of JSON. `estimate` is the most that they may cost; None if not known."""

    number: int
    endpoint: str
    model: str
    lines: list[bytes] = field(default_factory=list, repr=False)
    size: int = 0
    estimate: Decimal | None = Decimal(0)

    @property
    def is_inline(self) -> bool:
        return len(self.lines) <= MAX_INLINE

    @property
    def digest(self) -> str:
        """A digest of the requests, which identifies the part."""
        whole = sha256(f"{self.endpoint}\n{self.model}\n".encode())
        for line in self.lines:
            whole.update(line)
        return whole.hexdigest()[:32]

    def add(self, line: bytes, estimate: Decimal | None) -> None:
        self.lines.append(line)
        self.size += len(line)
        if self.estimate is not None:
            self.estimate = None if estimate is None else self.estimate + estimate

    def has_room_for(self, line: bytes) -> bool:
        return len(self.lines) < MAX_LINES and self.size + len(line) <= MAX_BYTES


def split(lines: Iterable[Line]) -> Iterator[Part]:
    """Yield parts once they are full, and the rest at the end; numbered in this order."""
    open_parts: dict[tuple[str, str], Part] = {}
    number = 0
    for line in lines:
        key = line.endpoint, line.model
        part = open_parts.get(key)
        if part is not None and not part.has_room_for(line.data):
            part.number, number = number, number + 1
            yield part
            part = None
        if part is None:
            part = open_parts[key] = Part(-1, line.endpoint, line.model)
        part.add(line.data, line.estimate)
    for number, part in enumerate(open_parts.values(), start=number):  # noqa: B020  it goes on
        part.number = number
        yield part
