"""A Portkey config drawn as a tree."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from portkey_mistral.config import Config

__all__ = ["show"]


def show(console: Console, file: Path, *, mermaid: bool = False) -> None:
    """Print the tree of a config file, as text or as Mermaid; a faulty one raises with its path."""
    config = Config.parse(file)
    drawing = config.to_mermaid() if mermaid else config.explain()
    # soft_wrap: a Mermaid line that was broken at the edge of a terminal would not be Mermaid.
    console.print(Text(drawing), soft_wrap=True)
