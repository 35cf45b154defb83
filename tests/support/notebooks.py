"""The notebooks, and the script that runs them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "scripts/run_notebooks.py")
assert spec is not None
assert spec.loader is not None
run_notebooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_notebooks)

NOTEBOOKS = {path.stem: path for path in sorted(run_notebooks.FOLDER.glob("*.ipynb"))}

# One file of tests for each mode, so that they run side by side.
MODE_MARKS = [
    pytest.mark.full,
    pytest.mark.gateway,
    pytest.mark.timeout(600),  # a kernel with both frameworks, and a gateway
    # Event loops that LlamaIndex's helpers left behind in earlier tests of the process.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def run_in_mode(name: str, settings: Mapping[str, str], mode: str) -> None:
    """Run a notebook unchanged with these environment variables; its first output names the mode."""
    ran = run_notebooks.execute(NOTEBOOKS[name], settings)
    printed = [line for cell in run_notebooks.outputs(ran) for line in cell]
    assert f"stdout: mode: {mode}\n" in printed
