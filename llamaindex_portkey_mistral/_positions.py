"""Positions of texts in the caller's own list, for errors that name a text.

LlamaIndex's core embeds a list in batches, and leaves out texts that are in its cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import overload

__all__ = ["caller_list", "positions_in_caller_list"]

_caller_list: ContextVar[Sequence[str] | None] = ContextVar("_caller_list", default=None)


@contextmanager
def caller_list(texts: Sequence[str]) -> Iterator[None]:
    """Declare the list from which the texts embedded within the block are taken."""
    token = _caller_list.set(texts)
    try:
        yield
    finally:
        _caller_list.reset(token)


def positions_in_caller_list(texts: Sequence[str]) -> Sequence[int] | None:
    """Return the positions of texts in the caller's list; None outside a `caller_list` block."""
    whole = _caller_list.get()
    return None if whole is None else _Positions(texts, whole)


class _Positions(Sequence[int]):
    """Computed on first access, because most calls have no error."""

    def __init__(self, texts: Sequence[str], whole: Sequence[str]) -> None:
        self._texts, self._whole = texts, whole

    @cached_property
    def _positions(self) -> list[int]:
        # Batches contain the caller's own objects. An object that occurs twice has its first position.
        by_id = {id(text): at for at, text in reversed([*enumerate(self._whole)])}
        return [by_id.get(id(text), at) for at, text in enumerate(self._texts)]

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self._positions[index]

    def __len__(self) -> int:
        return len(self._texts)
