"""Run notebooks on the embedded sandbox, and save them with their outputs. Without arguments: all of them."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
_PREFIXES = ("MISTRAL_", "PORTKEY_", "JUPYTER_", "IPYTHON")


def execute(path: Path, settings: Mapping[str, str] | None = None) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom in a kernel of its own, and return it with its outputs.

    Of the caller's environment the kernel has no connection and no settings of Jupyter; `settings` are variables for it.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": _made(folder, "work")}},
        )
        environment = _environment(folder) | {"JUPYTER_PATH": f"{sys.prefix}/share/jupyter"}
        with patch.dict(os.environ, environment | dict(settings or {}), clear=True):
            client.execute()
    return _tidied(notebook)


def outputs(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """Return what each code cell shows: texts, and of a bitmap only its type. Times of progress bars are left out."""
    return [
        [shown for output in cell.outputs for shown in _shown(output)]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def _shown(output: Mapping[str, Any]) -> Iterator[str]:
    if output["output_type"] == "stream":
        yield f"{output['name']}: {output['text']}"
    elif output["output_type"] == "error":
        yield f"error: {output['ename']}: {output['evalue']}"
    else:
        for kind, value in sorted(output["data"].items()):
            yield kind if kind.startswith("image/png") else f"{kind}: {_without_times(value)}"


def _without_times(text: str) -> str:
    return re.sub(r"\[\d\d:\d\d.*?\]", "[...]", text)


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
    own = {
        name: _made(folder, name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    return kept | own | {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_PLATFORM_DIRS": "1"}


def _made(folder: str, name: str) -> str:
    path = Path(folder) / name
    path.mkdir()
    return str(path)


def _tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Keep only what readers see, so that two runs on different machines save the same."""
    widgets = notebook.metadata.pop("widgets", {})
    states = widgets.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
            for output in cell.outputs:
                _show_widget_as_text(output, states)
    return notebook


def _joined(parts: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join the pieces of a stream, which arrive in any number."""
    joined: list[nbformat.NotebookNode] = []
    for part in parts:
        last = joined[-1] if joined else {}
        if part.output_type == "stream" and last.get("name") == part.name:
            last["text"] += part.text
        else:
            joined.append(part)
    return joined


def _show_widget_as_text(output: nbformat.NotebookNode, states: Mapping[str, Any]) -> None:
    """Replace a progress bar by its last state: without a kernel most viewers show its first one."""
    view = output.get("data", {}).pop(WIDGET, None)
    if view is not None:
        children = states[view["model_id"]]["state"]["children"]
        parts = [states[each.removeprefix("IPY_MODEL_")]["state"] for each in children]
        left, bar, right = (part["value"] for part in parts)
        blocks = "█" * round(20 * bar / parts[1]["max"])
        output["data"]["text/plain"] = unescape(f"{left}|{blocks:<20}|{right}")


def main(paths: list[str]) -> None:
    for path in [Path(each) for each in paths] or sorted(FOLDER.glob("*.ipynb")):
        print(path.name)
        nbformat.write(execute(path), path)


if __name__ == "__main__":
    main(sys.argv[1:])
