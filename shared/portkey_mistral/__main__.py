"""The command `portkey-mistral`, or `python -m portkey_mistral`. Without the extra `[cli]` it prints how to install it."""

from __future__ import annotations

import sys
from io import TextIOWrapper

__all__ = ["main"]

_INSTALL_HINT = """\
The command line of portkey-mistral needs the package {name!r}. Install it with

    pip install "portkey-mistral[cli]"
"""


def main() -> None:
    """Run `portkey-mistral`; `portkey-mistral --help` lists the commands."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal or pipe of another encoding than UTF-8 (cp1252 on Windows) shows "?" for what it lacks.
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdin, TextIOWrapper):
        # Without a locale, Python would pass on bytes that are no text.
        sys.stdin.reconfigure(errors="strict")
    try:
        from portkey_mistral.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(_INSTALL_HINT.format(name=error.name))
    app()


if __name__ == "__main__":
    main()
