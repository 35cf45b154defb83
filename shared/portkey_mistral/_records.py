"""Values that are made anew at every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

__all__ = ["record"]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a dataclass that is frozen for type checkers.

    At run time it is not: frozen ones cost four times as much to make, and a call makes twenty.
    """
    return dataclass(slots=True, kw_only=kw_only)
