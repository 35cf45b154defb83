"""Files that appear under their name once they are complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["check_output", "replacing"]


def check_output(path: Path | None) -> Path | None:
    """Refuse a path at which no file can be written, before anything is paid for; a callback for typer.

    Raises:
        BadParameter: there is no such folder.
    """
    if path is not None and not path.parent.is_dir():
        import typer  # which nobody needs who writes vectors without the command line

        raise typer.BadParameter(f"directory '{path.parent}' does not exist.")
    return path


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
