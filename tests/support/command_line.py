"""The command line as a shell runs it, in this process: its status, and what it writes to either stream."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from typing import TextIO
from unittest import mock

import typer.main

from portkey_mistral.cli.app import app

__all__ = ["COMMAND", "Done", "command", "typed"]

COMMAND = typer.main.get_command(app)
"""The whole command line, which typer would otherwise put together again for every call."""

ESCAPE = "\x1b"


@dataclass(frozen=True)
class Done:
    """`out` and `err` are the two streams. Both are pipes, so neither may hold codes for a terminal."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What was written to standard error, with single spaces: usage errors are wrapped, in a box."""
        return " ".join(self.err.replace("│", " ").split())


class _Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def typed(*lines: str) -> io.StringIO:
    """Return standard input of a terminal where these lines are typed, and then Ctrl+D."""
    return _Keyboard("".join(f"{line}\n" for line in lines))


def command(*arguments: object, stdin: str | TextIO = "") -> Done:
    """Run `portkey-mistral`; `stdin` is piped to it."""
    source = io.StringIO(stdin) if isinstance(stdin, str) else stdin
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "stdin", source),
        mock.patch.dict("os.environ", {"COLUMNS": "100"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            COMMAND(list(map(str, arguments)), prog_name="portkey-mistral")
        except SystemExit as ended:
            status = ended.code
    assert isinstance(status, int)
    done = Done(status, out.getvalue(), err.getvalue())
    assert ESCAPE not in done.out + done.err
    assert "Traceback" not in done.err
    return done
