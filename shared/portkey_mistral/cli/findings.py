"""The result of one check of `portkey-mistral doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Finding", "State"]

State: TypeAlias = Literal["good", "note", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. "bad" prevents calls from working, "note" is worth knowing.

    `cure` is what to do, if there is something to do; it is not part of `text`.
    """

    area: str
    state: State
    text: str
    cure: str = ""
