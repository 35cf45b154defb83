"""Runs the scenes in order, between an introduction and a summary."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from portkey_mistral.demo.stage import SANDBOX, Stage, connection

__all__ = ["Scene", "installed", "play", "scenes"]


@dataclass(frozen=True, slots=True)
class Scene:
    """`module` is a file of `scenes/`, imported when it runs because frameworks import slowly; `needs` are modules."""

    module: str
    title: str
    needs: tuple[str, ...] = ()


_LANGCHAIN, _LLAMAINDEX = "langchain_core", "llama_index.core"
# In each group, those scenes are played whose needs are installed; if there is none, the last one.
_GROUPS = (
    (
        Scene(
            "rag_langchain",
            "A question answered from documents, in LangChain",
            (_LANGCHAIN, "numpy"),  # which LangChain's store in memory imports
        ),
        Scene("rag_llamaindex", "The same question, in LlamaIndex", (_LLAMAINDEX,)),
        Scene("rag_client", "A question answered from documents"),
    ),
    (
        Scene("agent_llamaindex", "An agent that calls two tools", (_LLAMAINDEX,)),
        Scene("agent_client", "An agent that calls two tools"),
    ),
    (
        Scene("structured_langchain", "An answer that is an object", (_LANGCHAIN,)),
        Scene("structured_client", "An answer that is an object"),
    ),
    (
        Scene("streaming_langchain", "An answer as it is written", (_LANGCHAIN,)),
        Scene("streaming_client", "An answer as it is written"),
    ),
    (
        Scene("completion_langchain", "Code completed in the middle", (_LANGCHAIN,)),
        Scene("completion_client", "Code completed in the middle"),
    ),
    (Scene("fallback", "A call whose first target fails"),),
    (
        Scene("document_llamaindex", "A PDF that is read and asked about", (_LLAMAINDEX,)),
        Scene("document_client", "A PDF that is read and asked about"),
    ),
)
_TITLE_ALONE = {"rag_llamaindex": "A question answered from documents, in LlamaIndex"}


def scenes(is_installed: Callable[[str], bool], *, on_sandbox: bool = True) -> tuple[Scene, ...]:
    """Return the scenes for what is installed: those of the frameworks, and of the client for what remains."""
    chosen: list[Scene] = []
    for *of_frameworks, of_client in _GROUPS:
        playable = [scene for scene in of_frameworks if all(map(is_installed, scene.needs))]
        chosen += playable or [of_client]
    if on_sandbox and not is_installed("pypdf"):  # with it, the sandbox reads PDF files
        chosen = [scene for scene in chosen if not scene.module.startswith("document_")]
    if not is_installed(_LANGCHAIN):
        chosen = [replace(s, title=_TITLE_ALONE.get(s.module, s.title)) for s in chosen]
    return tuple(chosen)


def installed(module: str) -> bool:
    """Whether a module can be imported; it is not."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its package is missing
        return False


COMMAND = "portkey-mistral"
NEXT = (
    ("README.md", "snippets to copy, for both frameworks"),
    ("notebooks/", "the same, to run cell by cell"),
    ("portkey-mistral chat", "ask a model from here"),
    ("portkey-mistral models", "windows, prices, replacements"),
    ("portkey-mistral route FILE", "draw a Portkey config of your own"),
    ("portkey-mistral doctor", "check the environment and the mode of calls"),
)
_OF_A_CHECKOUT = ("README.md", "notebooks/")


def play() -> int:
    """Run all scenes and return how many failed. A failure is printed and does not stop the rest."""
    console = Console()
    stage = Stage(console, connection(os.environ))
    console.print(_opening(stage.connection))
    started = time.monotonic()
    played = scenes(installed, on_sandbox=stage.connection is SANDBOX)
    failed = sum(not _scene(stage, number, scene) for number, scene in enumerate(played, 1))
    console.print()
    console.print(_closing(time.monotonic() - started, failed, len(played)))
    return failed


def _scene(stage: Stage, number: int, scene: Scene) -> bool:
    stage.console.print()
    stage.console.rule(f"[bold]{number}  {scene.title}[/]", align="left")
    try:
        importlib.import_module(f"portkey_mistral.demo.scenes.{scene.module}").play(stage)
    except Exception as error:  # noqa: BLE001 - the frameworks wrap errors in classes of their own
        stage.console.print(f"  [red]{type(error).__name__}[/] {escape(str(error))}")
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
            "Your key is used: all scenes but the last call real models.\n"
            "In the code, [bold]connection[/] is {}: the environment has all settings."
        )
    return Panel(where, title="[bold]portkey-mistral[/]", title_align="left", border_style="blue")


def _closing(seconds: float, failed: int, count: int) -> Panel:
    pointers = Table.grid(padding=(0, 2))
    for name, what in NEXT:
        if name in _OF_A_CHECKOUT and not Path(name).exists():
            continue
        pointers.add_row(f"[bold]{_as_typed(name)}[/]", what)
    verdict = f"{failed} of {count} scenes failed" if failed else f"{count} scenes"
    title = f"[bold]{verdict} in {seconds:.0f} s. Where to go next[/]"
    return Panel(
        pointers, title=title, title_align="left", border_style="red" if failed else "blue"
    )


def _as_typed(name: str) -> str:
    """Return the command as it must be typed here: `make` does not put its environment on PATH."""
    script = Path(sys.executable).with_name(COMMAND)
    if not name.startswith(COMMAND) or shutil.which(COMMAND) or not script.exists():
        return name
    here = Path.cwd()
    where = script.relative_to(here) if script.is_relative_to(here) else script
    return name.replace(COMMAND, str(where), 1)
