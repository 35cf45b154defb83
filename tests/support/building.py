"""Runs programs of packaging, and builds the distributions of a source tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program and return its output; the test fails if the program does."""
    # uv's hard links would be refused by nltk, which opens only files with a single link.
    env = {**os.environ, "UV_LINK_MODE": "copy", **(env or {})}
    env.pop("VIRTUAL_ENV", None)
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source: Path, out: Path, **env: str) -> dict[str, Path]:
    """Build the wheel and the source distribution of a folder; return them by their endings."""
    run(sys.executable, "-m", "hatchling", "build", "-d", out, cwd=source, env=env)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    return {"whl": wheel, "tar.gz": sdist}
