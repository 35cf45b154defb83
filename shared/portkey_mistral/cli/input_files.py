"""Files that a command reads, of which `-` is standard input."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from portkey_mistral.exceptions import InvalidRequestError

__all__ = ["check_input", "is_stdin", "read_input"]


def is_stdin(path: Path) -> bool:
    return str(path) == "-"


def check_input(path: Path | None) -> Path | None:
    """Refuse an argument that is not a file; a callback for typer.

    Raises:
        BadParameter: there is no such file.
    """
    if path is None or is_stdin(path) or path.is_file():
        return path
    problem = "is a directory" if path.is_dir() else "does not exist"
    raise typer.BadParameter(f"file '{path}' {problem}.")


def read_input(path: Path) -> str:
    """Return the text of a file, or of standard input.

    Raises:
        InvalidRequestError: it is not UTF-8.
        OSError: it cannot be read.
    """
    try:
        return sys.stdin.read() if is_stdin(path) else path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{path} is not text encoded as UTF-8.") from None
