"""Files that appear under their name once they are complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file next to `path` for writing, and give it that name at the end; it is removed after an error.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w+b") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
