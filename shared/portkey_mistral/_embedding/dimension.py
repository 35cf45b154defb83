"""Checks that all vectors of a job have one length, those of a resume store too.

A model name may be an alias: when another model takes its place, saved vectors cannot be compared with new ones.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from portkey_mistral.exceptions import ResponseFormatError

__all__ = ["Dimension"]


class Dimension:
    """The length of a job's vectors, which the first one decides. `resume_store` is the path of the store, if any."""

    def __init__(self, model: str, resume_store: str | None) -> None:
        self._model, self._resume_store = model, resume_store
        self._lock = threading.Lock()
        self._length: int | None = None
        self._has_stored = False

    def check(self, vectors: Iterable[Sequence[float]], *, stored: bool = False) -> None:
        """Raise `ResponseFormatError` if a vector, from an answer or `stored`, has another length than the others."""
        lengths = set(map(len, vectors))
        if not lengths:
            return
        with self._lock:
            self._has_stored |= stored
            self._length = self._length or min(lengths)
            other = next((length for length in lengths if length != self._length), None)
        if other is not None:
            raise ResponseFormatError(self._problem(self._length, other))

    def _problem(self, first: int, other: int) -> str:
        problem = f"{self._model}: one job has vectors of {first} and of {other} numbers."
        if not self._has_stored:
            return problem
        return (
            f"{problem} Those saved in embed_resume={self._resume_store!r} are of another model, or damaged: pass "
            "the path of a new file, or delete this one, to embed all texts with the present model."
        )
