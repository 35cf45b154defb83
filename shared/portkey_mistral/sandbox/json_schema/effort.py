"""Limits the work on one schema: a few references in `anyOf` or `allOf` can demand more steps than end in a lifetime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["TooComplexError", "limited", "step"]

_MAX_STEPS = 300_000
_steps: ContextVar[list[int] | None] = ContextVar("steps", default=None)


class TooComplexError(ValueError):
    """A schema demands more steps than are taken."""


@contextmanager
def limited() -> Iterator[None]:
    """Limit the steps that are taken within the block."""
    token = _steps.set([0])
    try:
        yield
    finally:
        _steps.reset(token)


def step(weight: int = 1) -> None:
    """Count a step, or one that takes as long as several.

    Raises:
        TooComplexError: there were too many within `limited`.
    """
    steps = _steps.get()
    if steps is None:
        return
    steps[0] += weight
    if steps[0] > _MAX_STEPS:
        raise TooComplexError
