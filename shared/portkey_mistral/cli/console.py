"""What all commands share: where they print, and how they end after an error or Ctrl+C.

Results go to standard output; progress, notes and errors to standard error, so that output can be piped.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import typer

from portkey_mistral.exceptions import PortkeyMistralError

if TYPE_CHECKING:
    from rich.console import Console

    from portkey_mistral.prices import Cost

__all__ = [
    "INTERRUPTED",
    "clean_end",
    "console",
    "counted",
    "examples",
    "note",
    "print_json",
    "printable",
    "usage_errors",
    "usd",
    "write_text",
]

INTERRUPTED = 130
"""The exit status after Ctrl+C, as shells report it: 128 plus the number of SIGINT."""

_SMALLEST = Decimal("0.000001")
_CONTROL = {
    code: None
    for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))
    if chr(code) not in "\n\t"
}  # fmt: skip


def examples(*lines: str) -> str:
    """Return the epilog of a command's help."""
    # typer joins lines that no empty line separates.
    return "\n\n".join(("Examples:", *lines))


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=not stderr)


def note(text: str, style: str = "dim") -> None:
    """Print a line on standard error, which is not wrapped."""
    from rich.text import Text

    console(stderr=True).print(Text(printable(text), style=style), soft_wrap=True)


def print_json(value: object) -> None:
    # Escaped, so that any encoding of the output can represent it, and not wrapped by a terminal.
    typer.echo(json.dumps(value, indent=2, default=str))


def printable(text: str) -> str:
    """Return a text without control characters, which could move the cursor or change the terminal's settings."""
    return text.translate(_CONTROL)


def write_text(text: str) -> None:
    """Write a result to standard output at once; a terminal gets no control characters."""
    sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, for example "1 text" or "1,024 texts"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def usd(cost: Cost | None) -> str:
    """Return a cost as text, for example "$0.00042"; "cost unknown" if it is not known."""
    if cost is None:
        return "cost unknown"
    about = "at least " if cost.is_partial else "about " if cost.estimated else ""
    if 0 < cost.amount < _SMALLEST and not cost.is_partial:
        return f"less than ${_SMALLEST:f}"
    whole, _, cents = f"{cost.amount:.6f}".rstrip("0").partition(".")
    return f"{about}${whole}.{cents:0<2}"


@contextmanager
def clean_end(*, hint: str = "") -> Iterator[None]:
    """End the command without a traceback: after an error with status 1, after Ctrl+C with 130.

    Warnings are printed as one line each. `hint` is printed after Ctrl+C. Files that are no text are reported where they
    are read, so what remains is standard input.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            yield
        except PortkeyMistralError as error:
            _show_error(type(error).__name__, "\n".join((error.message, *_notes(error))))
            raise typer.Exit(1) from None
        except UnicodeDecodeError:
            _show_error("Error", "standard input is not text encoded as UTF-8.")
            raise typer.Exit(1) from None
        except BrokenPipeError:
            raise  # typer ends the program silently
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            _show_error("Error", f"{name}{error.strerror or error}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            note(f"\nInterrupted. {hint}".rstrip())
            raise typer.Exit(INTERRUPTED) from None


@contextmanager
def usage_errors(option: str) -> Iterator[None]:
    """Report an error as one in how the command was typed, with status 2."""
    try:
        yield
    except PortkeyMistralError as error:
        raise typer.BadParameter(error.message, param_hint=option) from None


def _notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def _show_error(kind: str, message: str) -> None:
    from rich.text import Text

    line = Text.assemble((kind, "bold red"), " ", printable(message))
    console(stderr=True).print(line, soft_wrap=True)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"warning: {printable(str(message))}\n")
