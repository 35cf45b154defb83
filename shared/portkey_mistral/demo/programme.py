"""The order of the scenes, and what is said before the first and after the last."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from portkey_mistral.demo.stage import Stage, connection

__all__ = ["Scene", "play"]


@dataclass(frozen=True, slots=True)
class Scene:
    """`module` names a file of `scenes/`, imported when its turn comes: frameworks load slowly."""

    module: str
    title: str


SCENES = (
    Scene("rag_langchain", "A question answered from documents, in LangChain"),
    Scene("rag_llamaindex", "The same question, in LlamaIndex"),
    Scene("agent", "An agent that calls two tools"),
    Scene("structured", "An answer that is an object"),
    Scene("streaming", "An answer as it is written"),
    Scene("completion", "Code completed in the middle"),
    Scene("fallback", "A call whose first target fails"),
)

COMMAND = "portkey-mistral"
INSTALL = 'pip install "portkey-mistral[all]"'
NEXT = (
    ("README.md", "what to copy, for both frameworks"),
    ("notebooks/", "the same, to run cell by cell"),
    ("portkey-mistral models", "windows, prices, replacements"),
    ("portkey-mistral route FILE", "draw a Portkey config of your own"),
    ("portkey-mistral doctor", "which way your calls would go"),
)


def play() -> int:
    """Play all scenes and return how many failed. A failure is shown and does not stop the rest."""
    console = Console()
    stage = Stage(console, connection(os.environ))
    console.print(_opening(stage.connection))
    started = time.monotonic()
    failed = sum(not _scene(stage, number, scene) for number, scene in enumerate(SCENES, 1))
    console.print()
    console.print(_closing(time.monotonic() - started, failed))
    return failed


def _scene(stage: Stage, number: int, scene: Scene) -> bool:
    stage.console.print()
    stage.console.rule(f"[bold]{number}  {scene.title}[/]", align="left")
    try:
        importlib.import_module(f"portkey_mistral.demo.scenes.{scene.module}").play(stage)
    except Exception as error:  # noqa: BLE001 - the frameworks wrap errors in classes of their own
        stage.console.print(f"  [red]{type(error).__name__}[/] {escape(str(error))}")
        if isinstance(error, ImportError):
            stage.console.print(f"  The demo needs both frameworks: {escape(INSTALL)}")
        return False
    return True


def _opening(arguments: Mapping[str, object]) -> Panel:
    if arguments:
        where = (
            "No key is set, so everything below runs on the embedded [bold]sandbox[/]: no network, "
            "answers made by rules. Set MISTRAL_API_KEY or PORTKEY_API_KEY to see it on real models.\n"
            f"In the code, [bold]connection[/] is {dict(arguments)}."
        )
    else:
        where = (
            "Your key is used: everything below but the last scene calls real models.\n"
            "In the code, [bold]connection[/] is {}: the environment says it all."
        )
    return Panel(where, title="[bold]portkey-mistral[/]", title_align="left", border_style="blue")


def _closing(seconds: float, failed: int) -> Panel:
    pointers = Table.grid(padding=(0, 2))
    for name, what in NEXT:
        pointers.add_row(f"[bold]{_as_typed(name)}[/]", what)
    verdict = f"{failed} of {len(SCENES)} scenes failed" if failed else f"{len(SCENES)} scenes"
    title = f"[bold]{verdict} in {seconds:.0f} s. Where to go next[/]"
    return Panel(
        pointers, title=title, title_align="left", border_style="red" if failed else "blue"
    )


def _as_typed(name: str) -> str:
    """Give our command the path it needs here: `make` does not put its environment on PATH."""
    script = Path(sys.executable).with_name(COMMAND)
    if not name.startswith(COMMAND) or shutil.which(COMMAND) or not script.exists():
        return name
    here = Path.cwd()
    where = script.relative_to(here) if script.is_relative_to(here) else script
    return name.replace(COMMAND, str(where), 1)
