"""The command `portkey-mistral`. Needs the extra `[cli]`, and says so where it is missing."""

from __future__ import annotations

import sys

__all__ = ["main"]

MISSING = """\
The command line of portkey-mistral needs the package {name!r}. Install it with

    pip install "portkey-mistral[cli]"
"""


def main() -> None:
    """Run `portkey-mistral`; its commands are listed by `portkey-mistral --help`."""
    try:
        from portkey_mistral.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(MISSING.format(name=error.name))
    app()
