"""The console and the connection arguments of all scenes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

__all__ = ["SANDBOX", "Arguments", "Stage", "body_of", "connection"]

Arguments: TypeAlias = Mapping[str, Any]

SANDBOX: Arguments = {"base_url": "sandbox:"}

_LABEL = 10
_INDENT = _LABEL + 2


def connection(environ: Mapping[str, str]) -> Arguments:
    """Return the constructor arguments of all classes: none if the environment has a key, else the sandbox."""
    has_key = environ.get("MISTRAL_API_KEY") or environ.get("PORTKEY_API_KEY")
    return {} if has_key else SANDBOX


@dataclass(frozen=True, slots=True)
class Stage:
    """`connection` is passed to the constructor of every class."""

    console: Console
    connection: Arguments

    def code(self, shown: Callable[..., object]) -> None:
        """Print the source of the function that is about to run."""
        code = Syntax(body_of(shown), "python", theme="ansi_dark", background_color="default")
        self.console.print(Padding(code, (0, 0, 1, 2)))

    def say(self, label: str, content: RenderableType) -> None:
        """Print content after a label; further lines are aligned with the first."""
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=_LABEL, style="bold")
        line.add_column()
        line.add_row(label, content)
        self.console.print(line)

    def ask(self, question: str) -> None:
        self.say("question", Text(question))

    def write(self, piece: str, column: int) -> int:
        """Print a piece of a streamed text; return the column it ends in."""
        for part in piece.splitlines(keepends=True):
            if column and column + len(part.rstrip()) > self.console.width - _INDENT:
                self.console.print()
                column = 0
            indent = "" if column else " " * _INDENT
            fresh = part if column else part.lstrip(" ")
            self.console.print(Text(f"{indent}{fresh}", style="green"), end="", soft_wrap=True)
            column = 0 if part.endswith("\n") else column + len(fresh)
        return column

    def answer(self, text: str) -> None:
        panel = Panel(Text(text.strip()), title="answer", title_align="left", border_style="green")
        self.console.print(Padding(panel, (0, 0, 0, 2)))


def body_of(shown: Callable[..., object]) -> str:
    """Return the statements of a function without its signature, or a class as it is."""
    source = textwrap.dedent(inspect.getsource(shown)).strip()
    (definition,) = ast.parse(source).body
    if not isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return source
    statements = source.splitlines()[definition.body[0].lineno - 1 :]
    return textwrap.dedent("\n".join(statements))
