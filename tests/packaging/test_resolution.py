"""What pip would install, without installing it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parents[2]


@pytest.mark.full
@pytest.mark.parametrize("python", ["3.11", "3.14"])
def test_every_extra_resolves_to_wheels(python: str) -> None:
    """No user needs a compiler, on the oldest and the newest Python."""
    command = (uv.find_uv_bin(), "pip", "compile", "--quiet", "--only-binary", ":all:")
    options = ("--python-version", python, "--extra", "all", "--extra", "ray", "pyproject.toml")
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "langchain-core==" in done.stdout
    assert "llama-index-core==" in done.stdout
